// In front of Python in fetch's place: what no client can cover takes the native fetch, and Python hears nothing of it.
//
// 1. It only says who surely is outside, by the first characters of the URL as the browser parses it. Whoever may be
//    inside goes on to gate.py, which decides for good, by segments.
// 2. It outlives Python. After a fatal error of Pyodide a page still has its own fetch; a request that may be inside
//    fails. Without its token it would come back as a 401, and the page would take its user for signed out.
// 3. While all that Python would do is to attach the token, Python opens a *lane* here, and a request that is plain and
//    surely inside is sent without waking Python. fast_lane.py has the theory of it.
// 4. A script of the page gets at no token of an open lane: lane and handler are in no place that it can reach (the handler inherits
//    nothing, since a trap that a script puts on Object.prototype would be given the handler), and what is done with the
//    token is done by functions of the browser's own, taken before.
//
// A page's policy needs no 'unsafe-eval' for it: runtime/shim.mjs imports this file, and gives it to Python by the name
// of `reissue_gate`. Where it is missing, gate.py does by itself what is done here.

const {apply} = Reflect;
const NativeRequest = Request;
const getter = name => Object.getOwnPropertyDescriptor(Request.prototype, name)?.get;
const urlOf = getter("url"), headersOf = getter("headers"); // a Request's own, whatever hides them
const methodOf = getter("method"), modeOf = getter("mode"), signalOf = getter("signal");
const referrerOf = getter("referrer"), referrerPolicyOf = getter("referrerPolicy");
const {clone} = Request.prototype, {has, set: setField, delete: deleteField} = Headers.prototype;
const inWorker = typeof WorkerGlobalScope !== "undefined"; // PyScript gives its workers a `document`, too
const FIELD = "Authorization";

// The handler of a Proxy around the native fetch. `ask` is Python's trap `apply`, and `python` is Pyodide's public API.
// All that `ask` has to hear of begins with one of `roots`: origins with a path, as text.
export const handler = (ask, python) => {
    let lane = null;
    return {
        __proto__: null,
        roots: [],
        apply(native, self, asked) {
            const url = parsed(asked[0]);
            if (isElsewhere(url, this.roots)) return apply(native, undefined, asked);
            return inPython(python, () => {
                const asking = lane; // it may be closed by the page's own code, in a getter of asked[1]
                const made = url && asking?.requestOf(url.href, asked[0], asked[1]);
                if (!made) return ask(native, self, asked);
                const {request, text} = made;
                return asking.takes(request) ? asking.send(native, request, text) : ask(native, self, [request]);
            });
        },
        openLane: (...settings) => (lane = new Lane(python, ...settings)),
        closeLane: () => (lane = null),
    };
};

// What `call` returns, unless Python has failed.
function inPython(python, call) {
    try {
        python.globals; // throws once Pyodide has failed; what a call into its memory would do, nobody knows
        return call();
    } catch (cause) {
        const error = new Error("Python failed to send this request: load the page again.", {cause});
        error.name = "PythonFailed";
        return Promise.reject(error);
    }
}

// Is this surely outside of all roots?
export const isOutside = (resource, roots) => isElsewhere(parsed(resource), roots);

const isElsewhere = (url, roots) => url !== null && !roots.some(root => (url.origin + url.pathname).startsWith(root));

// What fetch takes, as a URL; null if it is none, or an object with a text of its own.
function parsed(resource) {
    try {
        const isText = typeof resource === "string" || resource instanceof URL;
        return new URL(isText ? resource : urlOf.call(resource), inWorker ? location.href : document.baseURI);
    } catch {
        return null;
    }
}

// Is this URL, as the browser has written it, surely below the root? By no method, since a script may have replaced it.
export function isBelow(url, root) {
    let at = 0, last = "";
    for (; at < root.length; at++) if (url[at] !== (last = root[at])) return false;
    for (; at < url.length && url[at] !== "?" && url[at] !== "#"; last = url[at++]) {
        if (at === root.length && last !== "/" && url[at] !== "/") return false; // another segment, as in /api-2
        if (url[at] === "%" || url[at] === ";" || url[at] === "\\" || (url[at] === "." && last === ".")) return false;
    }
    return true;
}

const KEPT = 8; // what reissue.notebook.recent remembers

// A lane: until `until` (ms, as Date.now() has it), at most `room` requests at once to what is below `roots`. `told`,
// `left` and `refused` are functions of Python; `number` tells it which lane calls.
class Lane {
    #python; #calls; #number; #roots; #value; #until; #room;
    #open = true;
    #sent = 0;
    #acceptedAt = -Infinity; // when the last answer came that says that the token is accepted, as performance.now() has it
    #steps = []; // of requests, for the events
    #telling = false;
    listened = false; // does anybody listen to the events?

    constructor(python, calls, number, roots, value, until, room) {
        this.#python = python;
        this.#calls = calls;
        this.#number = number;
        this.#roots = roots;
        this.#value = value;
        this.#until = until;
        this.#room = room;
    }

    // What `fetch(resource, init)` is to send, and its body if that is a text, which need not be copied, as others are, to
    // be sent again; null if it is not for this lane now. Python makes it once more if it can't be made, and the page gets
    // fetch's own error.
    requestOf(url, resource, init) {
        if (!this.#hasRoom() || !this.#covers(url)) return null;
        try {
            const body = init?.body;
            if (body?.getReader || init?.keepalive || resource.keepalive) return null;
            return {request: new NativeRequest(resource, init), text: typeof body === "string" ? body : null};
        } catch {
            return null;
        }
    }

    takes(request) {
        const hasToken = apply(has, apply(headersOf, request, []), [FIELD]), mode = apply(modeOf, request, []);
        if (hasToken || mode === "no-cors" || isAborted(request)) return false;
        return this.#hasRoom() && this.#covers(apply(urlOf, request, []));
    }

    #hasRoom() {
        return this.#open && this.#room > 0 && Date.now() < this.#until;
    }

    #covers(url) {
        for (let n = 0; n < this.#roots.length; n++) if (isBelow(url, this.#roots[n])) return true;
        return false;
    }

    async send(native, request, text) {
        const method = apply(methodOf, request, []), url = apply(urlOf, request, []), number = ++this.#sent;
        const isLight = text !== null || method === "GET" || method === "HEAD";
        const spare = isLight ? null : apply(clone, request, []);
        apply(setField, apply(headersOf, request, []), [FIELD, this.#value]);
        this.#room--;
        const note = (phase, status, error) => this.#note([number, Date.now() / 1000, phase, method, url, status, error]);
        if (this.listened) note("sent", 0, "");
        let response;
        try {
            response = await native(request);
        } catch (error) {
            note(isAborted(request) ? "cancelled" : "failed", 0, "NetworkError");
            this.#leave();
            throw error;
        }
        const status = statusOf(response);
        if (status === 401) {
            if (this.#open) this.#room++;
            return inPython(this.#python, () => this.#calls.refused(this.#number, number, spare ?? bare(request, text), response));
        }
        if (status !== undefined) this.#acceptedAt = performance.now();
        note("done", status, "");
        this.#leave();
        return response;
    }

    // No request is sent any more. Returns how many slots are unused; Python hears of each of the others.
    close() {
        this.#open = false;
        return this.#room;
    }

    // For how many seconds has no answer said that the token is accepted?
    quietFor() {
        return (performance.now() - this.#acceptedAt) / 1000;
    }

    takeSteps() {
        const taken = this.#steps;
        this.#steps = [];
        return taken;
    }

    #leave() {
        if (this.#open) this.#room++;
        else inPython(this.#python, () => this.#calls.left(this.#number))?.catch?.(() => {});
    }

    #note(step) {
        this.#steps.push(step);
        if (!this.listened) {
            if (this.#steps.length > KEPT) this.#steps.shift();
        } else if (!this.#telling) {
            this.#telling = true;
            setTimeout(() => {
                this.#telling = false;
                if (this.#steps.length) inPython(this.#python, () => this.#calls.told(this.#number))?.catch?.(() => {});
            });
        }
    }
}

const isAborted = request => apply(signalOf, request, []).aborted;

// The status of what the page's own fetch has given, which may be anything: a Proxy around a response has none.
function statusOf(response) {
    try {
        return response?.status;
    } catch {
        return undefined;
    }
}

// The request as it was, without the token, and with its body, a text, if it had one.
function bare(request, body) {
    const referrer = apply(referrerOf, request, []), referrerPolicy = apply(referrerPolicyOf, request, []);
    // A Request that is made of another with settings besides forgets these two.
    const copy = new NativeRequest(request, body === null ? undefined : {body, referrer, referrerPolicy});
    apply(deleteField, apply(headersOf, copy, []), [FIELD]);
    return copy;
}
