// PyScript, without its hooks for workers: they are made of text by Function(…), which a strict policy forbids.
import {hooks} from "./pyscript/core.js";

for (const hook of Object.values(hooks.worker)) hook.clear();
