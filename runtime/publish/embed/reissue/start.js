// A text must not become Python: PyScript runs inserted markup, too, and `script-src` does not prevent that. If the page's policy
// says `require-trusted-types-for 'script'; trusted-types default`, this checks each text before it becomes markup.
const PYTHON = /<(?:[^\s<>/"'=]*:)?(?:script|m?py-)|[\s"'/]m?py-[^\s<>/"'=]+\s*=|<!entity/i;
try {
    globalThis.trustedTypes?.createPolicy("default", {createHTML: text => (PYTHON.test(text) ? null : text)});
} catch {} // the page's policy allows no such policy, or the page has made its own

// If Python does not start, a line at the top of the page says why, in PyScript's own class `py-error`. Each failure is an event:
// nothing is guessed by time. PyScript itself shows the errors of the page's Python.
const HERE = new URL(".", import.meta.url).href;
const path = url => new URL(url).pathname;
const configurations = [...document.querySelectorAll("[config]")]
    .map(element => element.getAttribute("config"))
    .filter(text => !/[{=\n]/.test(text)) // else it is the configuration itself
    .map(text => new URL(text, document.baseURI).href);

let running = false; // is Python up?
let line = null; // what the page says

function fail(reason) {
    if (running || line) return; // what failed first is the cause of the rest
    line = document.createElement("p");
    Object.assign(line, {className: "py-error", role: "alert", textContent: `Python did not start: ${reason}`});
    document.body.prepend(line);
}

const failMissing = url => fail(`${path(url)} did not arrive. Is the folder ${path(HERE)} complete, and is that file where the page looks for it?`);

function explain(error) {
    const text = String(error?.message ?? error).trim();
    const absent = /No known package with name '([^']+)'/.exec(text)?.[1];
    if (absent === "micropip") return fail('the configuration lacks packages_cache = "passthrough", without which PyScript asks for micropip');
    if (absent) return fail(`${path(HERE)} has no package ${absent}. Correct the configuration, or add it: make site PACKAGES="${absent}"`);
    const module = /import.*?(https?:\S+)/i.exec(text)?.[1];
    if (module?.startsWith(HERE)) return failMissing(module);
    if (module)
        return fail(`it was looked for at ${module}. The configuration must be valid TOML, and say where shim.mjs is: interpreter = "${path(HERE)}shim.mjs"`);
    fail(text.split("\n").at(-1)); // the last line of a traceback says what it is about
}

// `responseStatus` is 0 or undefined where a browser doesn't tell.
const isMissing = ({name, responseStatus}) => responseStatus >= 400 && (name.startsWith(HERE) || configurations.includes(name));
const observer = new PerformanceObserver(list => list.getEntries().filter(isMissing).forEach(({name}) => failMissing(name)));
observer.observe({type: "resource", buffered: true});
addEventListener("unhandledrejection", ({reason}) => {
    const missing = performance.getEntriesByType("resource").find(isMissing);
    if (missing) failMissing(missing.name);
    else explain(reason);
});
if (typeof WebAssembly !== "object") fail("this browser has no WebAssembly, or it is switched off");

// PyScript and Python at the same moment: by itself, PyScript would request Python a few round trips later.
import("./shim.mjs").catch(() => {}); // PyScript imports it, too, and reports what failed
const {hooks} = await import("./pyscript/core.js");

// Hooks for workers are made of text by Function(…), which a strict policy forbids.
for (const hook of Object.values(hooks.worker)) hook.clear();

// PyScript only logs a package that failed to load.
hooks.main.onReady.add(({config, interpreter}) => {
    const absent = (config?.packages ?? []).filter(name => /^[\w-]+$/.test(name) && !(name in interpreter.loadedPackages));
    if (absent.length) fail(`the package ${absent.join(", ")} did not load. Is a file below ${path(HERE)} missing, or changed?`);
    running = true;
    observer.disconnect();
});
