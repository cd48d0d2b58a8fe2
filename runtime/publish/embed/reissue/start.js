// A text must not become Python: PyScript runs what is inserted later, too, and `script-src` has no say in that. A page whose policy
// says `require-trusted-types-for 'script'; trusted-types default` has each text looked at before it becomes markup.
const PYTHON = /<(?:[^\s<>/"'=]*:)?(?:script|m?py-)|[\s"'/]m?py-[^\s<>/"'=]+\s*=|<!entity/i;
try {
    globalThis.trustedTypes?.createPolicy("default", {createHTML: text => (PYTHON.test(text) ? null : text)});
} catch {} // the page's policy allows none, or the page has made its own

// PyScript and Python at the same moment: by itself, PyScript would ask for Python a few round trips later.
import("./shim.mjs").catch(() => {}); // PyScript asks for it, too, and tells what failed
const {hooks} = await import("./pyscript/core.js");

// Hooks for workers are made of text by Function(…), which a strict policy forbids.
for (const hook of Object.values(hooks.worker)) hook.clear();
