// PyScript and Python at the same moment: by itself, PyScript would ask for Python a few round trips later.
import("./shim.mjs").catch(() => {}); // PyScript asks for it, too, and tells what failed
const {hooks} = await import("./pyscript/core.js");

// Hooks for workers are made of text by Function(…), which a strict policy forbids.
for (const hook of Object.values(hooks.worker)) hook.clear();
