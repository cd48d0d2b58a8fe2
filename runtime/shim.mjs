// PyScript's interpreter: Pyodide, with every file at an address that changes when the file does.
// runtime/build.py fills in the folders, and puts this one file under a name that stays.
//
// Files are requested in the order in which they are needed:
//   - Python is requested as soon as a page with Python for PyScript imports this file. PyScript would request it a few round
//     trips later; what only PyScript knows (which packages, where output goes) is filled in when it does.
//   - The packages are requested when the interpreter and the standard library are there. They arrive while the browser
//     compiles the one and starts the other, and have not delayed them.
//   - The second part of the standard library is requested when Python imports a module of it, which hardly any page does.
// The wheels of this library are not unpacked, which would take longer than all that Python imports of them: Python
// imports from the wheel itself (zipimport, and first_modules.py). Any other package is installed as Pyodide does it.
import * as earlyRefresh from "./{library}/early_refresh.js"; // first: it may ask for the session at once
import {loadPyodide as load, version} from "./{interpreter}/pyodide.mjs";
import * as gate from "./{library}/gate.js";
import * as wire from "./{library}/wire.js";
import * as xhrGate from "./{library}/xhr_gate.js";
import "./{library}/xhr_call.js"; // which the last one imports: asked for at once, and not a round trip later

export {version};

const at = path => new URL(path, import.meta.url).href;

const IMPORTED_FROM_THE_WHEEL = ["reissue", "pyjwt"];
const FOLDER = "/lib/wheels";

// The wheels to import from, by name. Those that don't arrive whole are left out.
async function wheels(names, {packages}) {
    const found = await Promise.allSettled(
        names.map(async name => {
            const {file_name, sha256} = packages[name];
            const digest = btoa(String.fromCharCode(...sha256.match(/[0-9a-f]{2}/g).map(byte => parseInt(byte, 16))));
            const answer = await fetch(at("./") + file_name, {integrity: `sha256-${digest}`});
            if (!answer.ok) throw new Error(answer.status);
            return [name, new Uint8Array(await answer.arrayBuffer())];
        }),
    );
    return found.filter(({status}) => status === "fulfilled").map(({value}) => value);
}

function putOnThePath(pyodide, found) {
    const path = pyodide.pyimport("sys.path");
    pyodide.FS.mkdirTree(FOLDER);
    for (const [name, bytes] of found) {
        pyodide.FS.writeFile(`${FOLDER}/${name}.whl`, bytes, {canOwn: true});
        path.append(`${FOLDER}/${name}.whl`);
        pyodide.loadedPackages[name] = "the page's own";
    }
    path.destroy();
}

// The second part of the standard library, for later_modules.py; or else why it is not here. An import can't wait for a
// promise, so the page waits for the answer.
const {open, overrideMimeType, send} = globalThis.XMLHttpRequest?.prototype ?? {}; // `install()` replaces these
const url = at("./{stdlib}/python_stdlib_later.zip");

function fetched(pastCaches) {
    const request = new XMLHttpRequest();
    try {
        open.call(request, "GET", pastCaches ? `${url}?${Date.now()}` : url, false);
        overrideMimeType.call(request, "text/plain; charset=x-user-defined"); // a page may not ask for bytes here
        send.call(request);
    } catch {
        const {featurePolicy} = globalThis.document ?? {}; // Chromium's, which alone forbids it
        const forbidden = featurePolicy?.allowsFeature("sync-xhr") === false;
        return forbidden ? "the page's Permissions-Policy forbids sync-xhr" : `no answer from ${url}`;
    }
    if (request.status !== 200) return `status ${request.status} from ${url}`;
    return Uint8Array.from(request.responseText, character => character.charCodeAt(0)); // of 0xF780 to 0xF7FF the last byte
}

// Settled once the files that Python starts from are here, and at the latest when it `starts`: with some privacy settings and
// extensions the browser does not tell when a file has arrived.
function arrived(starts, ...files) {
    const missing = new Set(files);
    return new Promise(resolve => {
        starts.then(resolve);
        try {
            const observer = new PerformanceObserver(list => {
                for (const {name} of list.getEntries()) missing.delete(name);
                if (!missing.size) resolve();
            });
            observer.observe({type: "resource", buffered: true});
            starts.then(() => observer.disconnect());
        } catch {} // there is none, or it refuses
    });
}

// Rejected if the interpreter can't be compiled, most often because the connection was lost while it came. Pyodide only
// warns of that, and would wait for ever.
function notCompiled() {
    const {instantiateStreaming} = WebAssembly;
    return new Promise((_, reject) => {
        if (!instantiateStreaming || Object.isFrozen(WebAssembly)) return;
        WebAssembly.instantiateStreaming = function (response, imports, ...rest) {
            const compiled = instantiateStreaming.call(this, response, imports, ...rest);
            if (imports && "GOT.mem" in imports) { // Pyodide's, and not the page's own
                WebAssembly.instantiateStreaming = instantiateStreaming;
                compiled.catch(reject);
            }
            return compiled;
        };
    });
}

async function start({fsInit, lockFileURL, packages = [], ...options}, packages_known) {
    const lock = fetch(at("./{lock}/pyodide-lock.json")).then(answer => answer.json());
    const stdLibURL = at("./{stdlib}/python_stdlib.zip");
    let interpreted;
    const starts = new Promise(resolve => (interpreted = resolve));
    const interpreter_here = arrived(starts, stdLibURL, at("./{interpreter}/pyodide.asm.wasm"));
    const failed = notCompiled();
    const others = []; // what Pyodide is to install
    let found = [];
    const packages_here = Promise.all([lock, packages_known, interpreter_here]).then(async ([content]) => {
        const asked = [packages].flat();
        const wanted = IMPORTED_FROM_THE_WHEEL.filter(name => asked.includes(name) || asked.includes("reissue"));
        found = await wheels(wanted, content);
        const names = found.map(([name]) => name);
        // What did not arrive is left to Pyodide, which says so.
        others.push(...new Set([...asked, ...wanted].filter(name => !names.includes(name))));
        return content;
    });
    const loading = load({
        ...options,
        packages: others,
        indexURL: at("./{interpreter}/"),
        stdLibURL,
        packageBaseUrl: at("./"),
        // Pyodide requests the packages when it has its lock file, and not before.
        lockFileContents: packages_here,
        async fsInit(...given) {
            interpreted();
            await new Promise(resolve => setTimeout(resolve)); // Pyodide requests them in this turn; after it Python keeps the page busy
            await fsInit?.(...given);
        },
    });
    const pyodide = await Promise.race([loading, failed]);
    putOnThePath(pyodide, found);
    pyodide.registerJsModule("later_modules", {fetched, url});
    pyodide.registerJsModule("reissue_gate", gate); // for `install()`: see app/reissue/browser/gate.js
    pyodide.registerJsModule("reissue_xhr_gate", xhrGate); // the same, for XMLHttpRequest
    pyodide.registerJsModule("reissue_wire", wire); // for every request: see app/reissue/browser/wire.js
    pyodide.registerJsModule("reissue_early_refresh", earlyRefresh); // for `connect(…, resume_early=True)`
    return pyodide;
}

let early = null; // takes PyScript's options for the Python that was started before PyScript asked
if (globalThis.document?.querySelector("script[type=py]:not([worker]), py-script:not([worker])")) {
    const packages = [];
    let given;
    let known;
    const python = start(
        {
            packages,
            stdout: text => (given?.stdout ?? console.log)(text),
            stderr: text => (given ? given.stderr ?? console.warn : console.error)(text), // before PyScript asks, there is no other place
        },
        new Promise(resolve => (known = resolve)),
    );
    python.catch(() => {}); // `early` gives the failure to PyScript
    early = options => {
        early = null;
        given = options;
        packages.push(...[options.packages ?? []].flat());
        known();
        return python;
    };
}

export function loadPyodide(options = {}) {
    const {packages, stdout, stderr, indexURL, ...others} = options;
    return early && !Object.keys(others).length ? early(options) : start(options);
}
