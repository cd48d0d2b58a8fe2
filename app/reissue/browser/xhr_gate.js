// In front of Python in XMLHttpRequest's place, as gate.js is in fetch's.
//
// 1. The methods and attributes of `XMLHttpRequest.prototype` are replaced by Proxies of themselves, and not the class by
//    a subclass: `instanceof`, objects that were made before, classes that extend XMLHttpRequest, references that a script
//    has kept, and what other scripts do to the prototype all go on as before.
// 2. What is outside of all audiences is known when `open` is called: then each Proxy does what the native function
//    does, and no event is touched.
// 3. A request that may be inside is a `Call` (xhr_call.js).

import {Call, active, calls, fire, hearAll, hearFirst, native, natives, python, tooLate, uploading, uploads} from "./xhr_call.js";
import {isOutside} from "./gate.js";

const XHR = globalThis.XMLHttpRequest;
const HANDLERS = ["onreadystatechange", "onloadstart", "onprogress", "onload", "onloadend", "onerror", "ontimeout", "onabort"];
const exempt = new WeakSet(); // objects that send what the library itself sends
// What is read of an answer, and from which readyState on there is something to read.
const KNOWN_FROM = {
    readyState: 0, status: 2, statusText: 2, responseURL: 2, getResponseHeader: 2, getAllResponseHeaders: 2,
    response: 3, responseText: 3, responseXML: 3,
};
let roots = [];

// What the replaced functions do, each in the way of `Reflect.apply`.
const replaced = {
    open(native_open, xhr, given) {
        const former = calls.get(xhr), isOwn = exempt.has(xhr) || (given[3] ?? given[4] ?? null) !== null; // a user's name
        const asked = given.length < 2 || isOwn ? given : [`${given[0]}`, `${given[1]}`, ...given.slice(2)];
        const inside = asked !== given && !isOutside(asked[1], roots);
        if (!former && !inside) return Reflect.apply(native_open, xhr, asked);
        const isAsync = given.length < 3 || !!given[2];
        const seen = former?.shown ?? null, state = native(xhr, "readyState"); // what the page sees, and what is
        const call = inside ? new Call(xhr, asked[0], resolved(asked[1]), isAsync) : undefined;
        if (former?.timeout !== undefined && isAsync) native(xhr, "timeout=", former.timeout);
        if (call) {
            call.isQuiet = seen === 1; // it shows 'opened' already
            hearAll(xhr);
            calls.set(xhr, call);
        } else calls.delete(xhr);
        try {
            Reflect.apply(native_open, xhr, asked);
        } catch (error) {
            if (former) calls.set(xhr, former);
            else calls.delete(xhr);
            throw error;
        }
        former?.leave();
        delete xhr.reissueError;
        if (call) call.isQuiet = false;
        if (seen !== null && seen !== 1 && state === 1) fire(xhr, "readystatechange");
    },
    send(native_send, xhr, given) {
        const call = calls.get(xhr);
        return call ? call.send(given[0]) : Reflect.apply(native_send, xhr, given);
    },
    abort(native_abort, xhr, given) {
        const call = calls.get(xhr);
        return call ? call.abort() : Reflect.apply(native_abort, xhr, given);
    },
    setRequestHeader(native_set, xhr, given) {
        const call = calls.get(xhr);
        if (!call || given.length < 2) return Reflect.apply(native_set, xhr, given);
        if (call.shown !== null) throw tooLate();
        const field = [`${given[0]}`, `${given[1]}`.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "")]; // as it is sent
        Reflect.apply(native_set, xhr, field);
        call.fields.push(field);
    },
    overrideMimeType(native_override, xhr, given) {
        if (calls.get(xhr)?.shown > 2) throw tooLate();
        return Reflect.apply(native_override, xhr, given);
    },
    addEventListener(native_add, target, given) {
        hearFirst(target, `${given[0]}`);
        return Reflect.apply(native_add, target, given);
    },
    upload(native_upload, xhr, given) {
        const upload = Reflect.apply(native_upload, xhr, given);
        uploads.set(xhr, upload);
        uploading.set(upload, xhr);
        return upload;
    },
    timeout(native_timeout, xhr, given) {
        return calls.get(xhr)?.timeout ?? Reflect.apply(native_timeout, xhr, given);
    },
    "timeout="(native_timeout, xhr, given) {
        const call = calls.get(xhr), result = Reflect.apply(native_timeout, xhr, given);
        if (call?.timeout !== undefined) call.setTimeout(native(xhr, "timeout"));
        return result;
    },
    "withCredentials="(native_set, xhr, given) {
        if (calls.get(xhr) && calls.get(xhr).shown !== null) throw tooLate();
        return Reflect.apply(native_set, xhr, given);
    },
    "responseType="(native_set, xhr, given) {
        if (calls.get(xhr)?.shown > 2) throw tooLate();
        return Reflect.apply(native_set, xhr, given);
    },
};
for (const name of HANDLERS) {
    replaced[`${name}=`] = (native_set, target, given) => {
        hearFirst(target, name.slice(2));
        return Reflect.apply(native_set, target, given);
    };
}
for (const [name, from] of Object.entries(KNOWN_FROM)) {
    replaced[name] = (native_read, xhr, given) => {
        const call = calls.get(xhr);
        if (!call || call.shown === null) return Reflect.apply(native_read, xhr, given);
        if (name === "readyState") return call.shown;
        if (call.phase === "flowing" && call.shown >= from) return Reflect.apply(native_read, xhr, given);
        const blank = new XHR(); // which has no answer, and gives and raises what fits
        blank.responseType = native(xhr, "responseType");
        return Reflect.apply(native_read, blank, given);
    };
}

// The URL as `open` parses it: in a page, with a query in the document's encoding, as in a link.
function resolved(url) {
    if (typeof WorkerGlobalScope === "undefined") return Object.assign(document.createElement("a"), {href: url}).href;
    try {
        return new URL(url, location.href).href;
    } catch {
        return url; // `open` raises
    }
}

// The properties that are replaced, as they were and as they are while a client is installed.
let places = [];
let round = 0; // what an earlier installation has left with other scripts does nothing any more

function prepared() {
    const found = new Map(), mine = ++round, events = Object.getPrototypeOf(XHR.prototype);
    for (const [name, trap] of Object.entries(replaced)) {
        const key = name.replace("=", ""), isShared = !Object.hasOwn(XHR.prototype, key); // with its `upload`
        const owner = isShared ? events : XHR.prototype, was = Object.getOwnPropertyDescriptor(owner, key);
        const inherited = was ?? Object.getOwnPropertyDescriptor(EventTarget.prototype, key);
        if (!inherited) continue; // a worker has no `responseXML`
        const part = inherited.value ? "value" : name === key ? "get" : "set", place = found.get(key) ?? {owner, key, was, is: {...inherited}};
        const isOn = xhr => mine === round || Object.hasOwn(Object(xhr), key);
        natives[name] = inherited[part];
        place.is[part] = new Proxy(inherited[part], {
            apply: (native, xhr, given) => (isOn(xhr) ? trap : Reflect.apply)(native, xhr, given),
        });
        found.set(key, place);
    }
    natives.responseType = found.get("responseType").was.get;
    return [...found.values()];
}

const isSame = (one, other) => ["value", "get", "set"].every(part => one?.[part] === other[part]);

// Takes the place of XMLHttpRequest for what begins with one of `roots`, until they are none. `ask` and `tell` are
// Python's; `api` is Pyodide's public API. Other scripts may have changed the prototype meanwhile: theirs stays.
export function cover(next, ask, tell, api) {
    const begins = next.length && !roots.length, ends = !next.length && roots.length;
    roots = next;
    Object.assign(python, {ask, tell, api});
    if (begins) {
        places = prepared();
        for (const {owner, key, is} of places) Object.defineProperty(owner, key, is);
    }
    if (!ends) return;
    round++;
    for (const {owner, key, was, is} of places) {
        const isOurs = isSame(Object.getOwnPropertyDescriptor(owner, key), is);
        if (isOurs && was) Object.defineProperty(owner, key, was);
        else if (isOurs) Reflect.deleteProperty(owner, key);
        for (const {xhr} of active) Object.defineProperty(xhr, key, is); // what is on its way keeps its rules
    }
}

// An XMLHttpRequest that no client takes: for what the library itself sends.
export function ungated() {
    const xhr = new XHR();
    exempt.add(xhr);
    return xhr;
}
