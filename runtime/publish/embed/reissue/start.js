// A text must not become Python: PyScript runs inserted markup, too, and `script-src` does not prevent that. If the page's policy
// says `require-trusted-types-for 'script'; trusted-types default`, this checks each text before it becomes markup.
const PYTHON = /<(?:[^\s<>/"'=]*:)?(?:script|m?py-)|[\s"'/]m?py-[^\s<>/"'=]+\s*=|<!entity/i;
try {
    globalThis.trustedTypes?.createPolicy("default", {createHTML: text => (PYTHON.test(text) ? null : text)});
} catch {} // the page's policy allows no such policy, or the page has made its own

// PyScript and Python at the same moment: by itself, PyScript would request Python a few round trips later.
import("./shim.mjs").catch(() => {}); // PyScript imports it, too, and reports what failed
const {hooks} = await import("./pyscript/core.js");

// Hooks for workers are made of text by Function(…), which a strict policy forbids.
for (const hook of Object.values(hooks.worker)) hook.clear();
