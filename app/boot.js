// What happens before Python can speak: it is started, its stages are shown, and what goes wrong is said in the page.
//
// Nothing here guesses by time. Each stage and each failure is an event of the browser's or of PyScript's own:
//   import() rejects                     PyScript's files are missing
//   a resource's status is 4xx or 5xx    a file that Python needs is missing
//   unhandledrejection                   Python does not come up
//   hooks.main.onReady                   Python runs, and tells which packages it has: one that failed is only logged
//   io.stderr                            the page's own Python fails
//   py:done                              app/main.py has run to its end
const ROOT = new URL("..", import.meta.url);
const NEEDED = ["pyscript/", "py/", "app/main.py", "pyscript.toml"].map(path => new URL(path, ROOT).href);
const PACKAGES = ["reissue", "pyjwt"];

const byId = id => document.getElementById(id);
let over = false; // started, or failed: whichever came first
let vague = false; // failed, but which file was it?
let running = false; // is Python up?

function reach(stage, words) {
    if (over || byId("startup-progress").value >= stage) return;
    byId("startup-progress").value = stage;
    byId("startup-stage").textContent = words;
}

function fail(reason, advice) {
    if (over) return;
    over = true;
    byId("startup").classList.add("failed");
    byId("startup-title").textContent = "The page can’t start";
    byId("startup-stage").hidden = true;
    byId("startup-reason").textContent = reason;
    byId("startup-advice").textContent = advice;
    byId("startup-again").onclick = () => location.reload();
    byId("startup-again").hidden = false;
    byId("startup-trouble").hidden = false;
}

function failMissing(url) {
    if (vague) over = vague = false;
    fail(
        `A file that Python needs did not arrive: ${new URL(url, ROOT).pathname}`,
        "Is there a connection, and is the server running? If it is your own, “make runtime” brings Python’s files.",
    );
}

function failBroken(error) {
    const missing = performance.getEntriesByType("resource").find(isMissing);
    if (missing) return failMissing(missing.name);
    // The last line of a Python traceback says what it is about.
    const text = String(error?.message ?? error).trim();
    if (running && text.startsWith("(PY")) return failMissing("app/main.py"); // PyScript's code for a failed fetch
    if (running) return fail("The page’s own Python met an error.", text.split("\n").at(-1));
    // Each browser has words of its own for a failed download, and may tell which file it was a moment later.
    vague ||= !over;
    fail("Python did not come up.", `Did all of it arrive? Is there a connection? The browser says: ${text}`);
}

// `responseStatus` is 0 or undefined where a browser doesn't tell.
const isMissing = ({name, responseStatus}) => responseStatus >= 400 && NEEDED.some(prefix => name.startsWith(prefix));

function watchFiles() {
    const arrived = new Set();
    const observer = new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (over && !vague) return observer.disconnect();
            if (isMissing(entry)) return failMissing(entry.name);
            arrived.add(entry.name.slice(entry.name.lastIndexOf("/") + 1));
        }
        if (arrived.has("pyodide.asm.wasm") && arrived.has("python_stdlib.zip")) reach(3, "Starting Python.");
    });
    observer.observe({type: "resource", buffered: true});
}

async function start() {
    if (typeof WebAssembly !== "object")
        return fail(
            "This browser can’t run WebAssembly, and Python needs it.",
            "It is an old one, or a security setting switches WebAssembly off.",
        );
    reach(1, "Loading PyScript.");
    watchFiles();
    addEventListener("unhandledrejection", ({reason}) => failBroken(reason));
    byId("python").addEventListener("py:done", () => (over = true));
    let hooks;
    try {
        ({hooks} = await import(new URL("pyscript/core.js", ROOT).href));
    } catch {
        return failMissing("pyscript/core.js");
    }
    // Hooks for workers are turned into code with Function(...), which a strict policy forbids. This page has no workers.
    for (const hook of Object.values(hooks.worker)) hook.clear();
    hooks.main.onReady.add(python => {
        running = true;
        const absent = PACKAGES.filter(name => !(name in python.interpreter.loadedPackages));
        if (absent.length)
            return fail(
                `Python runs, but these packages of the page did not arrive whole: ${absent.join(", ")}.`,
                "Is the server running? If it is your own, “make runtime” builds the packages.",
            );
        const {stderr} = python.io;
        python.io.stderr = (error, ...rest) => {
            failBroken(error);
            return stderr(error, ...rest);
        };
        reach(4, "Running the page’s Python.");
    });
    reach(2, "Downloading Python: about 6 MB at the first visit.");
}

// A Python handler runs in a later turn, when it would be too late to stop a form from being sent by the browser.
addEventListener("submit", event => event.preventDefault());

await start();
