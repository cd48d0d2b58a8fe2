// In front of Python in fetch's place: what no client can cover takes the native fetch, and Python hears nothing of it.
//
// 1. It only says who surely is outside, by the first characters of the URL as the browser parses it. Whoever may be
//    inside goes on to gate.py, which decides for good, by segments.
// 2. It outlives Python. After a fatal error of Pyodide a page still has its own fetch; a request that may be inside
//    fails. Without its token it would come back as a 401, and the page would take its user for signed out.
//
// A page's policy needs no 'unsafe-eval' for it: runtime/shim.mjs imports this file, and gives it to Python by the name
// of `reissue_gate`. Where it is missing, gate.py does by itself what is done here.

const urlOf = Object.getOwnPropertyDescriptor(Request.prototype, "url")?.get; // a Request's own, whatever hides it
const inWorker = typeof WorkerGlobalScope !== "undefined"; // PyScript gives its workers a `document`, too

// The handler of a Proxy around the native fetch. `ask` is Python's trap `apply`, and `python` is Pyodide's public API.
// All that `ask` has to hear of begins with one of `roots`: origins with a path, as text.
export const handler = (ask, python) => ({
    roots: [],
    apply(native, self, asked) {
        if (isOutside(asked[0], this.roots)) return Reflect.apply(native, undefined, asked);
        try {
            python.globals; // throws once Pyodide has failed; what a call into its memory would do, nobody knows
            return ask(native, self, asked);
        } catch (cause) {
            const error = new Error("Python failed to send this request: load the page again.", {cause});
            error.name = "PythonFailed";
            return Promise.reject(error);
        }
    },
});

// Is this surely outside of all roots?
export function isOutside(resource, roots) {
    try {
        const isText = typeof resource === "string" || resource instanceof URL;
        const url = new URL(isText ? resource : urlOf.call(resource), inWorker ? location.href : document.baseURI);
        const place = url.origin + url.pathname;
        return !roots.some(root => place.startsWith(root));
    } catch {
        return false; // no URL, or an object with a text of its own
    }
}
