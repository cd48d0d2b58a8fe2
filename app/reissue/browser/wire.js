// A request and the reading of its answer, with one call from Python and one call back.
//
// Pyodide can do all of this by itself (transport.py does, where this file is missing), through a dozen proxies and two
// turns of its event loop for each promise: a third of what a request costs in the page. bench/README.md has figures.
//
// runtime/shim.mjs imports this file, and gives it to Python by the name of `reissue_wire`.

const inWorker = typeof WorkerGlobalScope !== "undefined"; // PyScript gives its workers a `document`, too

// What becomes of each promise is told to `settle(number, value, error, status)`. Where Python can be suspended (JSPI) it is
// called so that it may: who goes on there may be synchronous code that waits. Nothing is returned: of a promise Pyodide
// would make a future.
export const teller = settle => {
    const tell = "Suspending" in WebAssembly ? (...told) => settle.callPromising(...told) : settle;
    return (number, promise) => {
        Promise.resolve(promise).then( // what a script's fetch gives need not be one, and may settle at once, or twice
            value => tell(number, value, undefined, statusOf(value)), // so that Python need not ask for it
            reason => tell(number, undefined, asError(reason)),
        );
    };
};

// A script that has wrapped fetch may give anything: a Proxy around a response has no status. It must be told all the
// same, or Python would wait for ever.
function statusOf(value) {
    try {
        return value?.status;
    } catch {
        return undefined;
    }
}

// Whoever aborts may give any value as the reason, also one that can't be made a text; Python raises errors only.
function asError(reason) {
    if (reason instanceof Error) return reason;
    const error = new Error();
    error.name = "AbortError";
    try {
        error.message = String(reason);
    } catch {}
    return error;
}

// Sends a request by `native` fetch; what comes of it is told. `fields` are header fields, name and value by turns, one
// on a line each. `resource` is a URL, or a Request that is sent as it is, with these fields besides. Throws what
// `new Request` throws: then nothing was sent.
export function send(number, tell, native, resource, method, fields, body, options, signal) {
    const controller = new AbortController();
    const init = {...options, signal: signal ? either(signal, controller) : controller.signal};
    const lines = fields ? fields.split("\n") : [];
    const keepalive = options?.keepalive;
    let request, again; // another request like it, if it may have to be sent twice
    if (typeof resource === "string") {
        const headers = [];
        for (let at = 0; at < lines.length; at += 2) headers.push([lines[at], lines[at + 1]]);
        again = () => new Request(resource, {...init, method, headers, body});
        request = again();
    } else {
        for (let at = 0; at < lines.length; at += 2) resource.headers.set(lines[at], lines[at + 1]);
        request = new Request(resource, {...referrer(resource), ...init});
        const spare = keepalive ? request.clone() : null;
        again = () => spare;
    }
    tell(number, keepalive ? outliving(native, request, again) : native(request));
    return {request, controller, signal: init.signal};
}

// What a Request that is made of another with settings besides forgets (Fetch standard, constructor of `Request`).
const referrer = ({referrer, referrerPolicy}) => ({referrer, referrerPolicy});

// Sends a request that is to outlive its page. A browser keeps 64 KiB of such bodies at most, and the page's own beacons
// count as well. A request that finds no room there fails; it is sent once more without `keepalive`, but only if it is
// certain that it was not sent: a refresh token works once.
async function outliving(native, request, again) {
    const journey = watched(request.url);
    try {
        return await native(request, {...referrer(request), keepalive: true}); // which Firefox 153 forgets of a Request
    } catch (error) {
        if (!(error instanceof TypeError) || request.signal.aborted || !journey.neverBegan()) throw error;
        const spare = again();
        return native(new Request(spare, {...referrer(spare), keepalive: false}));
    } finally {
        journey.end();
    }
}

// Watches a request that is sent now. Once it has failed, `neverBegan` tells that nothing of it was sent, for certain:
//
// - it failed before the microtasks of this turn were through, so nothing can have come back (Firefox), or
// - Chromium made no entry for it in the resource timing. It makes one for every request that it hands to the network,
//   before that request fails. Firefox makes its entries later, so there the lack of one says nothing.
function watched(url) {
    const entries = [], since = performance.now() - 1; // ms; what both clocks may be coarse by
    const observer = new PerformanceObserver(list => entries.push(...list.getEntries()));
    observer.observe({type: "resource"});
    let sameTurn = true;
    microtasks(100).then(() => { sameTurn = false; });
    return {
        neverBegan() {
            entries.push(...observer.takeRecords());
            return sameTurn || (isChromium && !entries.some(({name, startTime}) => startTime >= since && bare(name) === bare(url)));
        },
        end: () => observer.disconnect(),
    };
    // The browser may have gone from http to https by itself.
    function bare(text) { return text.replace(/^https?:|#.*$/g, ""); }
}

async function microtasks(count) {
    for (; count; count--) await null;
}

const isChromium = navigator.userAgentData?.brands.some(({brand}) => brand === "Chromium") ?? false;

function either(signal, controller) {
    if (AbortSignal.any) return AbortSignal.any([signal, controller.signal]);
    const abort = () => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, {once: true, signal: controller.signal});
    return controller.signal;
}

// Reads the body of a response, by its method `as`. `sending` is what `send` returned.
export function read(number, tell, response, sending, as) {
    tell(number, hindrance(response, sending) ?? response[as]());
}

// Why the body of this response can't be read: a promise that is rejected; undefined if it can.
function hindrance(response, {signal}) {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (response.bodyUsed) return Promise.reject(Object.assign(new Error("it has been read"), {name: "BodyUsedError"}));
}

// Reads the next piece of a body.
export function readNext(number, tell, reader) {
    tell(number, reader.read());
}

// Lets go of a response that will not be read, and of its connection.
export function discard(response, sending) {
    sending.controller.abort();
    // A response that a script of the page has made is not the controller's.
    if (response.body && !response.body.locked) response.body.cancel().catch(() => {});
}

// Reads the body of a response as text. `undefined` is told of one with more than `most` bytes: nothing more of it is
// read, and its connection is let go.
export function readWithin(number, tell, response, sending, most) {
    tell(number, hindrance(response, sending) ?? textWithin(response, most));
}

async function textWithin(response, most) {
    const {body, headers} = response;
    if (!body?.getReader) return response.text(); // none, or a page's own fetch gave something else
    if (Number(headers?.get("Content-Length")) > most) {
        body.cancel().catch(() => {}); // it may have failed by now
        return undefined;
    }
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    let bytes = 0;
    for (;;) {
        const {done, value} = await reader.read();
        if (done) return text + decoder.decode();
        bytes += value.byteLength;
        if (bytes > most) {
            reader.cancel().catch(() => {});
            return undefined;
        }
        text += decoder.decode(value, {stream: true});
    }
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
