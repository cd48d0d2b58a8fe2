// What PyScript takes as its interpreter: Pyodide, with every file at an address that changes when the file does.
// runtime/build.py fills in the folders, and serves this one file under a name that stays.
//
// To import this file is to start Python. A page that imports it beside PyScript has Python on the line at once, and not
// only when PyScript, the page's configuration and this file have come one after the other. What only PyScript knows
// (which packages, where output goes) is filled in when it asks for Python.
import {loadPyodide as load, version} from "./{interpreter}/pyodide.mjs";
import * as gate from "./{library}/gate.js";
import * as wire from "./{library}/wire.js";

export {version};

const at = path => new URL(path, import.meta.url).href;
const LOCK = at("./{lock}/pyodide-lock.json");
const FILES = {
    indexURL: at("./{interpreter}/"),
    stdLibURL: at("./{stdlib}/python_stdlib.zip"),
    packageBaseUrl: at("./"),
};

async function start(options) {
    const pyodide = await Promise.race([load({...options, ...FILES}), interpreterFails()]);
    pyodide.registerJsModule("reissue_gate", gate); // for `install()`: see app/reissue/browser/gate.js
    pyodide.registerJsModule("reissue_wire", wire); // for every request: see app/reissue/browser/wire.js
    return pyodide;
}

// Rejects if the interpreter doesn't arrive whole: Pyodide only logs that, and would wait for ever.
function interpreterFails() {
    const {instantiateStreaming} = WebAssembly;
    return new Promise((_, reject) => {
        WebAssembly.instantiateStreaming = (response, imports) => {
            const made = instantiateStreaming(response, imports);
            if (imports?.env && "Jsv_GetError_import" in imports.env) {
                WebAssembly.instantiateStreaming = instantiateStreaming;
                made.catch(reject);
            }
            return made;
        };
    });
}

// Pyodide reads the list of packages when it has its lock file, and not before.
const packages = [];
let ask;
const asked = new Promise(resolve => (ask = resolve));
const lock = fetch(LOCK).then(answer => answer.json());
let given = {};
let early = start({
    packages,
    lockFileContents: asked.then(() => lock),
    stdout: text => (given.stdout ?? console.log)(text),
    stderr: text => (given.stderr ?? console.warn)(text),
});
for (const promise of [lock, early]) promise.catch(() => {}); // told to whom asks for Python

export function loadPyodide(options = {}) {
    const {packages: names = [], stdout, stderr, indexURL, ...others} = options;
    const python = early;
    early = null;
    if (!python || Object.keys(others).length) return start({...options, lockFileURL: LOCK});
    given = {stdout, stderr};
    packages.push(...names);
    ask();
    return python;
}
