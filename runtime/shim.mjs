// What PyScript takes as its interpreter: Pyodide, with every file at an address that changes when the file does.
// runtime/build.py fills in the folders, and serves this one file under a name that stays.
import {loadPyodide as load, version} from "./{interpreter}/pyodide.mjs";
import * as gate from "./{library}/gate.js";
import * as wire from "./{library}/wire.js";

export {version};

const at = path => new URL(path, import.meta.url).href;

export const loadPyodide = async options => {
    const pyodide = await load({
        ...options,
        indexURL: at("./{interpreter}/"),
        stdLibURL: at("./{stdlib}/python_stdlib.zip"),
        lockFileURL: at("./{lock}/pyodide-lock.json"),
        packageBaseUrl: at("./"),
    });
    pyodide.registerJsModule("reissue_gate", gate); // for `install()`: see app/reissue/browser/gate.js
    pyodide.registerJsModule("reissue_wire", wire); // for every request: see app/reissue/browser/wire.js
    return pyodide;
};
