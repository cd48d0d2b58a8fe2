// A request and the reading of its answer, with one call from Python and one call back.
//
// Pyodide can do all of this by itself (transport.py does, where this file is missing), through a dozen proxies and two
// turns of its event loop for each promise: a third of what a request costs in the page. bench/README.md has figures.
//
// runtime/shim.mjs imports this file, and gives it to Python by the name of `reissue_wire`.

const inWorker = typeof WorkerGlobalScope !== "undefined"; // PyScript gives its workers a `document`, too

// What becomes of each promise is told to `settle(number, value, error)`. Where Python can be suspended (JSPI) it is
// called so that it may: who goes on there may be synchronous code that waits.
export const teller = settle => {
    const tell = "Suspending" in WebAssembly ? (...told) => settle.callPromising(...told) : settle;
    return (number, promise) =>
        promise.then(value => tell(number, value, undefined), error => tell(number, undefined, error));
};

// Sends a request by `native` fetch; what comes of it is told. `fields` are header fields, name and value by turns, one
// on a line each. `resource` is a URL, or a Request that is sent as it is, with these fields besides. Throws what
// `new Request` throws: then nothing was sent.
export function send(number, tell, native, resource, method, fields, body, options, signal) {
    const controller = new AbortController();
    const init = {...options, signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal};
    const lines = fields ? fields.split("\n") : [];
    let request = resource;
    if (typeof resource === "string") {
        const headers = [];
        for (let at = 0; at < lines.length; at += 2) headers.push([lines[at], lines[at + 1]]);
        request = new Request(resource, {...init, method, headers, body});
    } else {
        for (let at = 0; at < lines.length; at += 2) request.headers.set(lines[at], lines[at + 1]);
        request = new Request(request, init);
    }
    tell(number, native(request, options?.keepalive ? {keepalive: true} : undefined)); // Firefox 153 forgets it otherwise
    return {request, controller, signal: init.signal};
}

// Reads the body of a response, by its method `as`.
export const read = (number, tell, response, as) => tell(number, response[as]());

// What the core asks of a URL: `href`, `origin` and `pathname`, each on a line; nothing for what is no http(s) URL or
// names a user.
export function place(text) {
    try {
        const url = new URL(text, inWorker ? workerBase : document.baseURI);
        const fit = /^https?:$/.test(url.protocol) && !url.username && !url.password;
        return fit ? `${url.href}\n${url.origin}\n${url.pathname}` : "";
    } catch {
        return "";
    }
}
const workerBase = inWorker && (location.protocol === "blob:" ? `${location.origin}/` : location.href);
