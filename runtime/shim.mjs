// What PyScript takes as its interpreter: Pyodide, with every file at an address that changes when the file does.
// runtime/build.py fills in the folders, and serves this one file under a name that stays.
//
// To import this file in a page with Python for PyScript is to start Python: beside PyScript it is on the line at once, and
// not only when PyScript, the page's configuration and this file have come one after the other. What only PyScript knows
// (which packages, where output goes) is filled in when it asks for Python.
//
// The standard library is in two parts. What hardly any page imports is in the second, which comes when Python is up.
import {loadPyodide as load, version} from "./{interpreter}/pyodide.mjs";
import * as gate from "./{library}/gate.js";
import * as wire from "./{library}/wire.js";

export {version};

const at = path => new URL(path, import.meta.url).href;
const LOCK = at("./{lock}/pyodide-lock.json");
const REST = at("./{stdlib}/python_stdlib_rest.zip");
const PATH = "/lib/python314_rest.zip";
const FILES = {
    indexURL: at("./{interpreter}/"),
    stdLibURL: at("./{stdlib}/python_stdlib.zip"),
    packageBaseUrl: at("./"),
};

async function start(options) {
    const pyodide = await load({...options, ...FILES});
    pyodide.registerJsModule("reissue_rest", restOf(pyodide)); // for modules of that part: see runtime/compile_archive.py
    pyodide.registerJsModule("reissue_gate", gate); // for `install()`: see app/reissue/browser/gate.js
    pyodide.registerJsModule("reissue_wire", wire); // for every request: see app/reissue/browser/wire.js
    return pyodide;
}

function restOf({FS}) {
    const given_up = new AbortController();
    let here = false;
    const put = bytes => {
        if (!here) FS.writeFile(PATH, bytes, {canOwn: true});
        here = true;
    };
    fetch(REST, {signal: given_up.signal, priority: "low"})
        .then(answer => (answer.ok ? answer.arrayBuffer() : Promise.reject(answer.status)))
        .then(buffer => put(new Uint8Array(buffer)))
        .catch(() => {}); // asked for again, and told, when it is wanted
    return {PATH, arrive};

    // An import can't await. The answer's bytes come as text, since a synchronous request of a page may ask for nothing else.
    function arrive(name) {
        if (here) return;
        given_up.abort();
        const request = new XMLHttpRequest();
        request.open("GET", REST, false);
        request.overrideMimeType("text/plain; charset=x-user-defined");
        request.send();
        if (request.status !== 200) throw new Error(`${name} is in ${REST}, which answered ${request.status}`);
        put(Uint8Array.from(request.responseText, character => character.charCodeAt(0)));
    }
}

// Pyodide reads the list of packages when it has its lock file, and not before.
const packages = [];
let ask;
const asked = new Promise(resolve => (ask = resolve));
let given = {};
let early = null;
if (globalThis.document?.querySelector("script[type=py]:not([worker]), py-script:not([worker])")) {
    const lock = fetch(LOCK).then(answer => answer.json());
    early = start({
        packages,
        lockFileContents: asked.then(() => lock),
        stdout: text => (given.stdout ?? console.log)(text),
        stderr: text => (given.stderr ?? console.warn)(text),
    });
    for (const promise of [lock, early]) promise.catch(() => {}); // told to whom asks for Python
}

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
