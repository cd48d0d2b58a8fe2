// What happens before Python runs: this script chooses the page's language, starts Python, shows the stages, and shows in
// the page what goes wrong.
//
// Nothing here guesses by time. Each stage and each failure is an event of the browser's or of PyScript's own:
//   import() rejects                     PyScript's files are missing
//   a resource's status is 4xx or 5xx    a file that Python needs is missing
//   unhandledrejection                   Python does not start
//   hooks.main.onReady                   Python runs; it knows which packages it has: PyScript only logs one that failed
//   io.stderr                            the page's own Python fails
//   py:done                              app/main.py has run to its end
const byId = id => document.getElementById(id);
const at = (path, base = import.meta.url) => new URL(path, base).href;

// `make site` puts other addresses here, at which every file changes its name with its content.
const CORE = at("../pyscript/core.js");
const SHIM = at("../py/shim.mjs");
const DEMO = at("../py/demo-0-py3-none-any.whl"); // the folder demo/
const RUNTIME = [at("../pyscript/"), at("../py/")];

const MAIN = at(byId("python").getAttribute("src"), location.href);
const NEEDED = [SHIM, DEMO, ...RUNTIME, MAIN, at(byId("python").getAttribute("config"), location.href)];
const PACKAGES = ["reissue", "pyjwt", "demo"];
const LANGUAGES = ["en", "ko"];

let over = false; // started, or failed: whichever came first
let vague = false; // failed, but it is not known yet which file is missing
let pyscript = false; // has PyScript arrived?
let running = false; // is Python up?
const arrived = new Set(); // names of files

// The language of the address, else the browser's. The page's own text is English.
const asked = new URLSearchParams(location.search).get("lang") ?? navigator.language ?? "";
const language = LANGUAGES.find(known => asked.toLowerCase().split("-")[0] === known) ?? LANGUAGES[0];
const strings = at(`strings/${language}.json`);
const words = fetch(strings).then(answer => (answer.ok ? answer.json() : Promise.reject(answer.status)));
globalThis.pageWords = words; // for app/main.py
globalThis.writeText = write;
words.then(translate, () => failMissing(strings));

// A link in a text is written as in Markdown: [words](address). No text becomes markup.
function write(element, text) {
    const [first, ...links] = text.split(/\[([^\]]+)\]\(([^)]+)\)/);
    const nodes = [first];
    for (let place = 0; place < links.length; place += 3) {
        const [textContent, href, after] = links.slice(place);
        nodes.push(Object.assign(document.createElement("a"), {textContent, href}), after);
    }
    element.replaceChildren(...nodes);
}

function translate(known) {
    document.documentElement.lang = language;
    for (const element of document.querySelectorAll("[data-text]")) write(element, known[element.dataset.text]);
    for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = known[element.dataset.label];
    for (const link of document.querySelectorAll(".languages a"))
        if (link.lang === language) link.setAttribute("aria-current", "true");
    for (const id of ["tab", "step-tab"]) byId(id).href = `${location.search}#second`;
}

function reach(stage) {
    const progress = byId("startup-progress");
    if (over || progress.value >= stage) return;
    progress.value = stage;
    byId("startup-stage").dataset.text = `startup.stage.${stage}`;
    words.then(known => (byId("startup-stage").textContent = known[byId("startup-stage").dataset.text]), () => {});
}

function fail(reason, values = {}) {
    if (over) return;
    over = true;
    const say = (known, name) => known[name].replace(/{(\w+)}/g, (_, value) => values[value]);
    words.then(
        known => {
            byId("startup-title").textContent = say(known, "startup.failed");
            byId("startup-reason").textContent = say(known, `startup.${reason}`);
            byId("startup-advice").textContent = say(known, `startup.${reason}.advice`);
        },
        () => {
            // Without the strings there is one thing left to say.
            byId("startup-title").textContent = "The page can’t start";
            byId("startup-reason").textContent = `A file that it needs did not arrive: ${new URL(strings).pathname}`;
        },
    ).then(() => {
        byId("startup").classList.add("failed");
        byId("startup-stage").hidden = true;
        byId("startup-again").onclick = () => location.reload();
        byId("startup-again").hidden = false;
        byId("startup-trouble").hidden = false;
    });
}

function failMissing(url) {
    if (vague) over = vague = false;
    fail("missing", {path: new URL(url).pathname});
}

function failBroken(error) {
    const missing = performance.getEntriesByType("resource").find(isMissing);
    if (missing) return failMissing(missing.name);
    // The last line of a Python traceback says what it is about.
    const text = String(error?.message ?? error).trim();
    if (running && text.startsWith("(PY")) return failMissing(MAIN); // PyScript's code for a failed fetch
    if (running) return fail("error", {text: text.split("\n").at(-1)});
    // Each browser has its own message for a failed download, and may report a moment later which file it was.
    vague ||= !over;
    fail("silent", {text});
}

// `responseStatus` is 0 or undefined where a browser doesn't tell.
const isMissing = ({name, responseStatus}) => responseStatus >= 400 && NEEDED.some(prefix => name.startsWith(prefix));

function watchFiles() {
    const observer = new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (over && !vague) return observer.disconnect();
            if (isMissing(entry)) return failMissing(entry.name);
            arrived.add(entry.name.slice(entry.name.lastIndexOf("/") + 1));
        }
        reachPython();
    });
    observer.observe({type: "resource", buffered: true});
}

function reachPython() {
    if (pyscript && arrived.has("pyodide.asm.wasm") && arrived.has("python_stdlib.zip")) reach(3);
}

async function start() {
    if (typeof WebAssembly !== "object") return fail("wasm");
    reach(1);
    watchFiles();
    addEventListener("unhandledrejection", ({reason}) => failBroken(reason));
    import(SHIM).catch(() => {}); // requests Python before PyScript does; PyScript reports what failed
    byId("python").addEventListener("py:done", () => (over = true));
    let hooks;
    try {
        ({hooks} = await import(CORE));
    } catch {
        return failMissing(CORE);
    }
    // Hooks for workers are turned into code with Function(...), which a strict policy forbids. This page has no workers.
    for (const hook of Object.values(hooks.worker)) hook.clear();
    hooks.main.onReady.add(python => {
        running = true;
        const absent = PACKAGES.filter(name => !(name in python.interpreter.loadedPackages));
        if (absent.length) return fail("packages", {names: absent.join(", ")});
        const {stderr} = python.io;
        python.io.stderr = (error, ...rest) => {
            failBroken(error);
            return stderr(error, ...rest);
        };
        reach(4);
    });
    reach(2);
    pyscript = true;
    reachPython();
}

// A Python handler runs in a later turn, when it would be too late to stop a form from being sent by the browser.
addEventListener("submit", event => event.preventDefault());

await start();
