// One request of an XMLHttpRequest that a client may cover: what the page sees of it, and what Python decides.
//
// 1. The object itself sends every attempt, so its events are the browser's own, and come live. A listener that is
//    called before the page's keeps from the page the events of an attempt that will be followed by another. Meanwhile
//    the attributes say what they said before (`shown`).
// 2. Python decides (xhr_calls.py): `ask` begins, and `tell` says what came of an attempt. Python answers by the methods
//    `attempt`, `sendUnchanged`, `deliver` and `fail`: within these calls if nothing has to be waited for, as with a
//    fresh token. So a synchronous request goes the same way.
// 3. It outlives Python, as gate.js does. What may be inside then fails; of what is on its way the page gets all but a 401.

export const python = {}; // `ask`, `tell`, and Pyodide's public API as `api`
export const natives = {}; // the browser's own functions, by name: those that read or call, and with "=" those that set
export const calls = new WeakMap(); // the present Call of an object
export const uploads = new WeakMap(); // the `upload` of an object, if a script has looked at it
export const uploading = new WeakMap(); // and the object that it is of
export const active = new Set(); // calls that have been sent, until their outcome is the page's
const EVENTS = new Set(["readystatechange", "loadstart", "progress", "load", "loadend", "error", "timeout", "abort"]);
const FETCHES_OWN = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]); // methods in any case
let numbers = 0;

export const native = (xhr, name, ...given) => Reflect.apply(natives[name], xhr, given);
export const tooLate = () => new DOMException("The object is in another state.", "InvalidStateError");

// From `open` until the object is opened again.
export class Call {
    constructor(xhr, method, url, isAsync) {
        this.xhr = xhr;
        this.number = ++numbers;
        this.method = FETCHES_OWN.has(method.toUpperCase()) ? method.toUpperCase() : method;
        this.url = url;
        this.isAsync = isAsync;
        this.fields = []; // the page's own header fields, in order
        this.phase = "open"; // then "waiting" (for Python), "sent", "deciding" (Python does), and "flowing" or "failed"
        this.shown = null; // the readyState that the page sees; null: the object's own
        this.attempts = 0;
        this.waited = 0; // ms from `send` to the present attempt
        this.began = this.uploadBegan = false; // has the page seen `loadstart`?
        this.uploaded = []; // events of a finished upload, until it is known whether another one follows
    }

    // What the page calls

    send(body) {
        if (this.phase !== "open") {
            if (this.shown === null) return native(this.xhr, "send", body); // which raises
            throw tooLate();
        }
        const copy = this.method === "GET" || this.method === "HEAD" ? null : copied(body), call = calls.get(this.xhr);
        if (call !== this) return call ? call.send(copy) : native(this.xhr, "send", copy); // its `toString` has opened it
        if (this.phase !== "open") throw tooLate(); // or sent it
        this.body = copy;
        this.sentAt = performance.now();
        this.timeout = native(this.xhr, "timeout");
        // Not by reading it: once there is one, Chromium tells of the upload.
        this.upload = this.body === null ? null : uploads.get(this.xhr) ?? null;
        this.phase = "waiting";
        this.shown = 1;
        active.add(this);
        this.#ask();
        if (!this.isAsync) return this.#block();
        if (this.phase === "waiting") this.#begin();
        if (this.phase !== "waiting") return;
        this.#limit();
        if (this.error) queueMicrotask(() => this.#end("error"));
    }

    abort() {
        if (this.phase === "failed") {
            this.shown = 0;
        } else if (this.shown === null) {
            if (this.phase === "sent") this.#flow();
            native(this.xhr, "abort");
        } else {
            if (this.phase === "flowing") this.phase = "deciding"; // what was held back is being shown
            this.#tell("abort");
            this.#end("abort");
        }
    }

    setTimeout(milliseconds) {
        this.timeout = milliseconds;
        this.#passTimeout();
        this.#limit();
    }

    // The object has been opened again.
    leave() {
        clearTimeout(this.timer);
        active.delete(this);
        if (["waiting", "sent", "deciding"].includes(this.phase)) this.#tell("abort");
        this.phase = "left";
    }

    // What Python calls

    // Send it as the page made it.
    sendUnchanged() {
        this.unchanged = true;
        this.attempt("", false, false, false);
    }

    // Send it with these header fields, name and value by turns, one on a line each. They replace the page's.
    // `judgesAll`: Python sees every head before the page does, and else a 401's; `judgesFailures`: a failure, too.
    attempt(lines, judgesAll, judgesFailures, withCredentials) {
        if (!["waiting", "deciding"].includes(this.phase)) return;
        this.next = {lines, withCredentials};
        this.judgesAll = judgesAll;
        this.judgesFailures = judgesFailures;
        if (!this.isAsync) return;
        if (!this.inHead) return this.#send();
        // The browser still tells of the last answer. If it is sent again now, Chromium goes on to tell of that.
        setTimeout(() => { if (this.phase === "deciding" && this.next) this.#send(); });
    }

    // The page gets the outcome that is here.
    deliver() {
        if (this.phase !== "deciding") return;
        const {xhr, failing, ended} = this, state = native(xhr, "readyState");
        this.#flow();
        if (this.inHead || !this.isAsync) return; // nothing was held back yet
        for (const step of failing ? [] : [2, 3]) {
            if (step > state) return;
            this.shown = step;
            fire(xhr, "readystatechange");
            if (!this.#isPresent() || this.phase !== "flowing") return;
        }
        this.shown = null;
        if (state < 4) return;
        const events = failing ? ["readystatechange", "error", "loadend"] : ["progress", "readystatechange", "load", "loadend"];
        for (const type of events) {
            if (this.#isPresent() && native(xhr, "readyState") === 4) fire(xhr, type, ended);
        }
    }

    // The page gets an error. `error` is an Error whose name is one of this library's own.
    fail(error) {
        if (!["waiting", "deciding"].includes(this.phase)) return;
        this.error = error;
        Object.defineProperty(this.xhr, "reissueError", {value: error, configurable: true});
        if (this.isAsync && !this.isAsking) this.#end("error");
    }

    // The body as text, once all of it is here: for the app's own test.
    async text() {
        const {xhr} = this, kind = xhr.responseType;
        if (native(xhr, "readyState") < 4) await new Promise(resolve => { this.onEnd = resolve; });
        const whole = native(xhr, "response");
        if (kind === "json") return JSON.stringify(whole);
        if (kind === "document") return whole?.documentElement?.outerHTML ?? "";
        return kind === "arraybuffer" || kind === "blob" ? new Response(whole).text() : whole;
    }

    // What the browser says: an event of the object's, or of its upload. Must it be kept from the page?

    hears({type, loaded, total, lengthComputable}, target) {
        const isAnswers = target === this.xhr, numbers = {loaded, total, lengthComputable};
        switch (this.phase) {
            case "open": return this.isQuiet;
            case "sent": return isAnswers ? this.#hearsOfAnswer(type) : this.#hearsOfUpload(type, numbers);
            case "deciding":
                if (isAnswers) this.#hearsOfEnd(type, numbers);
                return true;
            case "flowing":
                if (isAnswers && ["error", "timeout", "abort"].includes(type)) this.#tell(type);
                return false;
            default: return true; // of what this file does itself
        }
    }

    #hearsOfAnswer(type) {
        if (type === "loadstart") {
            const again = this.began;
            this.began = true;
            return again;
        }
        const state = native(this.xhr, "readyState");
        if (type !== "readystatechange" || state < 2) return false;
        if (native(this.xhr, "status")) return this.#head();
        if (state < 4) return false; // Chromium, if a listener has opened the object again at the last answer's head
        if (!this.judgesFailures) {
            this.#flow(); // the next event says what has happened
            return false;
        }
        this.phase = "deciding";
        this.shown = 1;
        this.failing = true;
        return true;
    }

    #hearsOfUpload(type, numbers) {
        if (!this.upload) return true; // of an upload that nobody had asked for by `send`, nobody hears
        if (type === "progress") return false; // live, so a replay's begins anew
        if (type === "loadstart") {
            const again = this.uploadBegan;
            this.uploadBegan = true;
            return again;
        }
        this.uploaded.push([type, numbers]);
        return true;
    }

    #hearsOfEnd(type, numbers) {
        if (type === "timeout") this.#expire();
        if (type !== "load" && type !== "error") return;
        this.ended = numbers;
        this.onEnd?.();
        if (type === "error" && this.failing) this.#tell(type);
    }

    // The head of the answer is here.
    #head() {
        const {xhr} = this, status = native(xhr, "status");
        if (this.unchanged || !(this.judgesAll || status === 401)) {
            this.#flow();
            this.#tell("head", status, "", "");
            return false;
        }
        this.phase = "deciding";
        this.shown = 1;
        this.inHead = true;
        const fields = native(xhr, "getAllResponseHeaders") ?? "";
        const cause = this.#tell("head", status, fields, native(xhr, "responseURL"));
        if (cause && status === 401) this.fail(pythonFailed(cause));
        else if (cause) this.deliver();
        this.inHead = false;
        this.#limit();
        return this.phase !== "flowing";
    }

    // Inside

    #ask() {
        const {number, url, method, isAsync} = this, fields = this.fields.flat().join("\n");
        this.isAsking = true;
        try {
            python.api.globals; // throws once Pyodide has failed; what a call into its memory would do, nobody knows
            if (!python.ask(this, number, url, method, fields, isAsync)) this.sendUnchanged();
        } catch (cause) {
            this.fail(pythonFailed(cause));
        }
        this.isAsking = false;
    }

    // Tells what came of the present attempt, once. Returns the reason if Python can't be told any more.
    #tell(...told) {
        if (this.isTold && told[0] !== "abort" && told[0] !== "timeout") return undefined;
        this.isTold = true;
        if (this.unchanged) return undefined;
        try {
            python.api.globals;
            python.tell(this.number, ...told);
        } catch (cause) {
            return cause;
        }
        return undefined;
    }

    #send() {
        const {xhr, fields} = this, {lines, withCredentials} = this.next, added = [];
        const given = lines ? lines.split("\n") : [];
        for (let at = 0; at < given.length; at += 2) added.push([given[at], given[at + 1]]);
        const names = new Set(added.map(([name]) => name.toLowerCase()));
        this.next = null;
        this.phase = "waiting"; // no event of what follows is the page's
        if (this.attempts++ || fields.some(([name]) => names.has(name.toLowerCase()))) {
            native(xhr, "abort"); // lets go of the connection
            native(xhr, "open", this.method, this.url, this.isAsync);
            for (const field of fields) if (!names.has(field[0].toLowerCase())) native(xhr, "setRequestHeader", ...field);
        }
        for (const field of added) native(xhr, "setRequestHeader", ...field);
        if (withCredentials) native(xhr, "withCredentials=", true);
        this.waited = performance.now() - this.sentAt;
        this.#passTimeout();
        Object.assign(this, {phase: "sent", shown: null, isTold: false, uploaded: [], ended: undefined, failing: false});
        native(xhr, "send", this.body);
        if (this.unchanged && this.isAsync && this.phase === "sent") this.#flow();
    }

    // Synchronously: as many attempts as Python wants, one after the other.
    #block() {
        for (;;) {
            if (this.error) {
                this.#end(null);
                throw Object.assign(new DOMException(this.error.message, this.error.name), {cause: this.error});
            }
            if (!this.next) return this.#flow(); // delivered
            try {
                this.#send();
                if (this.phase === "sent") this.#head(); // the browser has fired no event
            } catch (error) {
                if (this.judgesFailures && error.name === "NetworkError") {
                    Object.assign(this, {phase: "deciding", failing: true});
                    this.#tell("error");
                    if (this.next || this.error) continue;
                } else {
                    this.#tell(error.name === "TimeoutError" ? "timeout" : "error");
                }
                this.#flow();
                throw error;
            }
        }
    }

    // From now on the page sees the object as it is.
    #flow() {
        clearTimeout(this.timer);
        active.delete(this);
        this.phase = "flowing";
        for (const [type, numbers] of this.uploaded.splice(0)) {
            this.shown = 1; // as when it happened
            fire(this.upload, type, numbers);
            if (!this.#isPresent() || this.phase !== "flowing") return;
        }
        this.shown = null;
    }

    // What `send` does before the request is sent (XMLHttpRequest standard, `send()`).
    #begin() {
        this.began = this.uploadBegan = true;
        fire(this.xhr, "loadstart");
        if (this.upload && this.phase === "waiting") fire(this.upload, "loadstart");
    }

    // It is over without an answer for the page (XMLHttpRequest standard, 'request error steps'). `type` is the event.
    #end(type) {
        if (!["waiting", "deciding"].includes(this.phase)) return;
        const {xhr, upload, phase} = this;
        clearTimeout(this.timer);
        active.delete(this);
        this.phase = "failed";
        this.shown = 4;
        if (phase === "deciding") native(xhr, "abort");
        if (type === null) return;
        const events = [[xhr, "readystatechange"], [upload, type], [upload, "loadend"], [xhr, type], [xhr, "loadend"]];
        for (const [target, event] of events) {
            if (target && this.#isPresent()) fire(target, event, {}, event === "error" ? this.error : undefined);
        }
        if (type === "abort" && this.#isPresent()) this.shown = 0;
    }

    #isPresent() {
        return calls.get(this.xhr) === this;
    }

    // The page's timeout counts from `send`, and the browser's from the present attempt on.
    #passTimeout() {
        if (this.timeout && this.waited) native(this.xhr, "timeout=", Math.max(1, Math.round(this.timeout - this.waited)));
    }

    // While Python waits or decides, this counts.
    #limit() {
        clearTimeout(this.timer);
        if (!this.isAsync || !this.timeout || !["waiting", "deciding"].includes(this.phase)) return;
        this.timer = setTimeout(() => this.#expire(), Math.max(0, this.timeout - (performance.now() - this.sentAt)));
    }

    #expire() {
        if (!["waiting", "deciding"].includes(this.phase)) return;
        this.#tell("timeout");
        this.#end("timeout");
    }
}

function pythonFailed(cause) {
    const error = new Error("Python failed to send this request: load the page again.", {cause});
    error.name = "PythonFailed";
    return error;
}

// A body that the page may change later, copied as `send` would read it now.
function copied(body) {
    if (body === undefined || body === null) return null;
    if (/Shared/.test(Object.prototype.toString.call(body.buffer ?? body))) throw new TypeError("The buffer is shared."); // as `send`
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
    switch (Object.prototype.toString.call(body).slice(8, -1)) { // the class, even if it is another frame's
        case "ArrayBuffer": return body.slice(0);
        case "URLSearchParams": return new URLSearchParams(body);
        case "FormData": {
            const form = new FormData();
            for (const [name, value] of body) form.append(name, value);
            return form;
        }
        case "Blob": case "File": return body;
        case "Document": case "HTMLDocument": case "XMLDocument": return body.cloneNode(true);
        default: return String(body);
    }
}

export function fire(target, type, numbers = {}, error = undefined) {
    const event = type === "readystatechange" ? new Event(type) : new ProgressEvent(type, numbers);
    // As an ErrorEvent has them, and where axios looks for words.
    if (error) Object.defineProperties(event, {error: {value: error}, message: {value: `${error.name}: ${error.message}`}});
    target.dispatchEvent(event);
}

// Hear an event of this type before the page does. Chromium calls an object's listeners in the order in which they were
// added, capturing or not: so ours is there before the page's first one. A second time this does nothing.
export function hearFirst(target, type) {
    if (EVENTS.has(type)) Reflect.apply(natives.addEventListener, target, [type, hear, true]);
}

export function hearAll(target) {
    for (const type of EVENTS) hearFirst(target, type);
}

function hear(event) {
    const target = event.currentTarget;
    // What a script dispatches, this one among them, is the page's.
    if (event.isTrusted && calls.get(uploading.get(target) ?? target)?.hears(event, target)) event.stopImmediatePropagation();
}
