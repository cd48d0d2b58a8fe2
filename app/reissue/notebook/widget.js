// The view of the widget to sign in by. notebook/sign_in.py says what it and the kernel say to each other.

const FEATURES = "popup,width=520,height=680";
const GRACE = 1000; // ms for an answer that is on its way when the user is back
const PATIENCE = 300_000; // ms for which a window that looks closed may still bring an answer
const STATES = {
    signed_out: "No user is signed in.",
    resuming: "Looking for a session…",
    signed_in: "Signed in",
    refreshing: "Signed in",
};
const TYPES = {password: "password", email: "email"};
const FILLED_IN = {username: "username", email: "email", password: "current-password"};

function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

// A window of its own; browser/popup.py does the same for a page, and says why it listens in two ways, and why a window
// that looks closed may be open.
function openPopup({came, closed}) {
    const opened = open("about:blank", "_blank", FEATURES);
    if (opened === null) return null;
    const life = new AbortController();
    const {signal} = life;
    const end = then => {
        if (signal.aborted) return;
        life.abort();
        opened.close();
        then?.();
    };
    const show = (url, state) => {
        if (signal.aborted) return; // the user has closed it before the kernel answered
        const take = (query, confirm) => {
            if (typeof query !== "string" || new URLSearchParams(query).get("state") !== state) return;
            confirm();
            end(() => came(query));
        };
        const channel = new BroadcastChannel(`reissue:popup ${state}`);
        channel.addEventListener("message", ({data}) => take(data, () => channel.postMessage("taken")));
        signal.addEventListener("abort", () => channel.close());
        const received = ({data, origin, source}) => {
            if (origin === location.origin) {
                take(data?.reissue, () => source.postMessage({reissue: "taken"}, origin));
            }
        };
        addEventListener("message", received, {signal});
        opened.location.replace(url);
    };
    let looksClosed = 0; // since when
    let here = -Infinity; // when the user last did something in this page
    const giveUp = () => setTimeout(() => end(closed), GRACE);
    const look = () => {
        if (document.visibilityState !== "visible") return;
        here = performance.now();
        if (opened.closed) giveUp();
    };
    for (const kind of ["focus", "pointerdown", "keydown"]) addEventListener(kind, look, {signal});
    document.addEventListener("visibilitychange", look, {signal});
    const watch = setInterval(() => {
        if (!opened.closed) return;
        looksClosed ||= performance.now();
        if (here > looksClosed - 1000 || performance.now() - looksClosed > PATIENCE) giveUp();
    }, 500);
    signal.addEventListener("abort", () => clearInterval(watch));
    return {show, close: () => end()};
}

function render({model, el}) {
    const popups = new Map(); // by their ids
    const status = element("p", {role: "status"});
    const error = element("p", {role: "alert", className: "error"});
    const form = element("form", {hidden: true});
    const signOut = element("button", {type: "button", textContent: "Sign out", hidden: true});
    const root = element("div", {className: "reissue-sign-in"}, status, form, signOut, error);
    el.append(root);

    let known = "";
    const build = names => {
        if (known === JSON.stringify(names)) return; // what is typed stays
        known = JSON.stringify(names);
        const inputs = names.map(name => {
            const text = name.replaceAll("_", " ");
            const input = element("input", {
                name,
                required: true,
                type: TYPES[name] ?? (/password|secret|code$/.test(name) ? "password" : "text"),
                autocomplete: FILLED_IN[name] ?? "off",
            });
            return element("label", {}, text[0].toUpperCase() + text.slice(1), input);
        });
        form.replaceChildren(...inputs, element("button", {textContent: "Sign in"}));
    };

    form.addEventListener("submit", event => {
        event.preventDefault();
        const id = Array.from(crypto.getRandomValues(new Uint32Array(4))).join("-");
        const fields = Object.fromEntries(new FormData(form));
        form.reset(); // the password is nowhere in the page from here on
        if (form.elements.length === 1) {
            const popup = openPopup({
                came: query => model.send({kind: "answer", id, query}),
                closed: () => model.send({kind: "closed", id}),
            });
            if (popup === null) {
                error.textContent = "The browser did not open the window: allow windows of this site, and try again.";
                return;
            }
            popups.set(id, popup);
        }
        model.send({kind: "sign_in", id, fields});
    });
    signOut.addEventListener("click", () => model.send({kind: "sign_out"}));

    const received = message => {
        if (message.kind === "show") popups.get(message.id)?.show(message.url, message.state);
        if (message.kind === "close") {
            popups.get(message.id)?.close();
            popups.delete(message.id);
        }
        if (message.kind !== "shown") return;
        const signedIn = message.state === "signed_in" || message.state === "refreshing";
        const user = signedIn ? (message.user ? ` as ${message.user}.` : ".") : "";
        status.textContent = STATES[message.state] + user;
        error.textContent = message.error;
        build(message.fields);
        form.hidden = signedIn;
        signOut.hidden = !signedIn;
        root.setAttribute("aria-busy", String(message.busy));
        signOut.disabled = message.busy;
        // A window that is open may be hidden behind others: its button stays of use.
        if (message.fields.length > 0) form.lastElementChild.disabled = message.busy;
    };
    status.textContent = "The kernel does not answer: run this cell again.";
    model.on("msg:custom", received);
    model.send({kind: "hello"});
    return () => {
        model.off("msg:custom", received);
        for (const popup of popups.values()) popup.close();
    };
}

export default {render};
