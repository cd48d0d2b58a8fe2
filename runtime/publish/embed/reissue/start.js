// PyScript, without its hooks for workers: they are made of text by Function(…), which a strict policy forbids.
// Python begins to arrive at once: PyScript would ask for it a few round trips later.
import "./shim.mjs";
import {hooks} from "./pyscript/core.js";

for (const hook of Object.values(hooks.worker)) hook.clear();
