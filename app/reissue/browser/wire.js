// A request and the reading of its answer, with one call from Python and one call back.
//
// Pyodide can do all of this by itself (transport.py does, where this file is missing), through a dozen proxies and two
// turns of its event loop for each promise: a third of what a request costs in the page. bench/README.md has figures.
//
// runtime/shim.mjs imports this file, and gives it to Python by the name of `reissue_wire`.

const inWorker = typeof WorkerGlobalScope !== "undefined"; // PyScript gives its workers a `document`, too

// What becomes of each promise is told to `settle(number, value, error)`. Where Python can be suspended (JSPI) it is
// called so that it may: who goes on there may be synchronous code that waits. Nothing is returned: of a promise Pyodide
// would make a future.
export const teller = settle => {
    const tell = "Suspending" in WebAssembly ? (...told) => settle.callPromising(...told) : settle;
    return (number, promise) => {
        promise.then(value => tell(number, value, undefined), reason => tell(number, undefined, asError(reason)));
    };
};

// Whoever aborts may give any value as the reason; Python raises errors only.
function asError(reason) {
    if (reason instanceof Error) return reason;
    const error = new Error(String(reason));
    error.name = "AbortError";
    return error;
}

// Sends a request by `native` fetch; what comes of it is told. `fields` are header fields, name and value by turns, one
// on a line each. `resource` is a URL, or a Request that is sent as it is, with these fields besides. Throws what
// `new Request` throws: then nothing was sent.
export function send(number, tell, native, resource, method, fields, body, options, signal) {
    const controller = new AbortController();
    const init = {...options, signal: signal ? either(signal, controller) : controller.signal};
    const lines = fields ? fields.split("\n") : [];
    let request;
    if (typeof resource === "string") {
        const headers = [];
        for (let at = 0; at < lines.length; at += 2) headers.push([lines[at], lines[at + 1]]);
        request = new Request(resource, {...init, method, headers, body});
    } else {
        for (let at = 0; at < lines.length; at += 2) resource.headers.set(lines[at], lines[at + 1]);
        request = new Request(resource, {...referrer(resource), ...init});
    }
    const keepalive = options?.keepalive; // which Firefox 153 forgets when a Request is made of a Request
    tell(number, keepalive ? native(request, {...referrer(request), keepalive}) : native(request));
    return {request, controller, signal: init.signal};
}

// What a Request that is made of another with settings besides forgets (Fetch standard, constructor of `Request`).
const referrer = ({referrer, referrerPolicy}) => ({referrer, referrerPolicy});

function either(signal, controller) {
    if (AbortSignal.any) return AbortSignal.any([signal, controller.signal]);
    const abort = () => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, {once: true, signal: controller.signal});
    return controller.signal;
}

// Reads the body of a response, by its method `as`.
export function read(number, tell, response, as) {
    tell(number, response[as]());
}

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
