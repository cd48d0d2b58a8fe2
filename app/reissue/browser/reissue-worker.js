// A service worker that signs in what can carry no header: images, media, styles, fonts, downloads, EventSource,
// sendBeacon, form posts. It holds no secret: for each request it asks a page for the header fields, and forgets them.
//
// 1. Only requests that may be inside the audience are taken; for all others there is no `respondWith`, and the browser
//    sends them as if this worker did not exist. The audience is in this script's URL, so a worker that was ended and
//    starts again knows it before its first event. Python decides in the end, by segments (service_worker.py).
// 2. A request that a script makes by `fetch` or XMLHttpRequest is not taken: a script can set the header, or use
//    `api.fetch` or `install()`. EventSource and sendBeacon look alike, but for what `isTaken` tests.
// 3. The page that made the request is asked first, then others of this origin. The first that takes the question
//    answers it. Whatever goes wrong, one rule holds: if no header is to be had, the request goes out as it was.
//    Another page may have another user. So no other is asked if nobody is signed in at the page that made the request,
//    or once a session was found for it, whatever becomes of that session (`last`).
// 4. A form post may come from a page of another site. Signed in, it would act for the user there, so it is taken only
//    if its referrer is of this origin.
//
// A site's own worker gets all this by `importScripts` of this file, above its own listeners.
(worker => {
    "use strict";

    const PROTOCOL = 1;
    const NOTICE = 300; // ms in which a page that runs takes a question, or the next page is asked as well
    const SILENCE = 10_000; // ms without a word from the page that took a question; it sends one every three seconds
    const GRACE = 30_000; // ms after which a silent page is asked again though it has not said that it is ready
    const DOWNLOAD = "#reissue-download="; // what service_worker.py adds to the URL of a link with `download`

    const settings = new URL(worker.location.href).searchParams;
    const roots = settings.getAll("audience"); // origins with a path
    const navigations = settings.has("navigations");
    const patience = Number(settings.get("patience") ?? 10) * 1000; // ms, for a page whose Python is not up

    const life = crypto.randomUUID(); // a worker that was ended asks no more: the page forgets its questions
    const ready = new Set(); // ids of clients whose Python has answered
    const silent = new Map(); // when clients had their time, by id: they are not asked until they say that they are ready
    const hearings = new Set(); // questions that no page has taken yet

    worker.addEventListener("install", () => worker.skipWaiting());
    worker.addEventListener("activate", event => event.waitUntil(worker.clients.claim()));
    worker.addEventListener("fetch", event => {
        if (isTaken(event.request)) event.respondWith(answer(event));
    });
    worker.addEventListener("message", event => {
        const {data, source} = event;
        if (data?.reissue !== PROTOCOL || !source) return;
        event.stopImmediatePropagation();
        if (data.claim) event.waitUntil(worker.clients.claim()); // a page that was reloaded past its worker
        if (data.ready) noteReady(source);
        if (data.leaves) {
            ready.delete(source.id);
            silent.set(source.id, Infinity);
        }
    });

    function isTaken({url, mode, method, destination, headers, referrer}) {
        const {origin, pathname, hash} = new URL(url);
        if (!roots.some(root => (origin + pathname).startsWith(root)) || headers.has("Authorization")) return false;
        if (mode === "navigate") {
            if (isSafe(method)) return navigations || hash.startsWith(DOWNLOAD);
            return referrer.startsWith(`${worker.location.origin}/`);
        }
        if (destination) return destination !== "report"; // reports are sent by no page
        return headers.get("Accept") === "text/event-stream" || (mode === "no-cors" && method === "POST");
    }

    const isSafe = method => method === "GET" || method === "HEAD";

    async function answer(event) {
        const {request} = event;
        const body = isSafe(request.method) ? null : await request.clone().blob(); // it may be sent twice
        const response = (await signedIn(event, body)) ?? (await fetch(request));
        const failed = new URL(request.url).hash.startsWith(DOWNLOAD) && response.status >= 400;
        return failed ? new Response(null, {status: 204}) : response; // 204: the frame stays as it is
    }

    // The response to the request with header fields of a page; null if it must go out as it was.
    async function signedIn(event, body) {
        // Chromium does not say which page made a navigation. Each is asked whether it did, and then whether it can answer.
        for (const anyone of event.clientId ? [true] : [false, true]) {
            const lost = new Set(); // ids of clients that have none, or went silent
            for (;;) {
                const {taker: talk, isOver} = await heard(event, lost, anyone);
                if (isOver) return null;
                if (!talk) break;
                const order = await talk.word();
                const response = order.fields ? await sent(talk, event.request, body, order) : undefined;
                if (response !== undefined) return response;
                talk.end();
                if (order.last) return null;
                lost.add(talk.client.id);
            }
        }
        return null;
    }

    // The response to give; null if the request must go out as it was, undefined if the page went silent over a 401.

    async function sent(talk, request, body, order) {
        for (;;) {
            let response, failure;
            try {
                response = await fetch(signed(request, body, order));
            } catch (error) {
                failure = error;
            }
            talk.say(response ? head(response) : {error: String(failure)});
            if (!failure && response.status !== 401 && !order.judges) return given(request, response, order.download);
            let next = await talk.word();
            while (next.read) {
                talk.say({body: await response.clone().arrayBuffer()});
                next = await talk.word();
            }
            if (!next.fields) {
                if (next.silent && response?.status === 401) return undefined;
                if (next.no) talk.end();
                if (!failure) return given(request, response, order.download);
                // Without CORS nobody can send a header there; what the browser would have sent may work.
                if (request.mode === "no-cors" && isSafe(request.method)) return null;
                throw failure;
            }
            response?.body?.cancel().catch(() => {});
            order = next;
        }
    }

    // The request with the header fields. A request of mode "no-cors" would lose them: it becomes one with CORS.
    function signed(request, body, {fields, cache, credentials, redirect}) {
        const headers = new Headers(request.headers);
        for (const name of ["User-Agent", "Upgrade-Insecure-Requests"]) headers.delete(name); // CORS would ask for them
        for (const [name, value] of fields) headers.set(name, value);
        const elsewhere = request.mode === "no-cors" && new URL(request.url).origin !== worker.location.origin;
        return new Request(request.url, {
            method: request.method,
            headers,
            body,
            mode: "cors",
            // A page's own fetch would send no cookies there, and an API that answers any origin forbids them.
            credentials: elsewhere ? credentials ?? "same-origin" : request.credentials,
            cache: request.cache === "default" ? cache ?? "default" : request.cache,
            redirect: request.redirect === "follow" ? redirect ?? "follow" : request.redirect,
            referrer: request.referrer,
            referrerPolicy: request.referrerPolicy,
            integrity: request.integrity,
            keepalive: request.keepalive,
            // Firefox aborts it with the page that is left, which is what a beacon is to outlive.
            signal: request.keepalive ? undefined : request.signal,
        });
    }

    const head = ({status, type, headers, url, redirected}) =>
        ({status: type === "opaqueredirect" ? 302 : status, headers: [...headers], url, redirected});

    // The response as the element is to have it. As a download of this name, if it is to be one; the server's own name
    // for it comes first. If CORS has let us read what was asked for without CORS, a Cross-Origin-Resource-Policy, which
    // we can't see, must not keep it from the element; a part of a file needs fields that CORS may hide, so it stays.
    function given(request, response, name) {
        const headers = new Headers(response.headers);
        const isNamed = /^\s*attachment/i.test(headers.get("Content-Disposition") ?? "");
        const saved = name !== undefined && response.ok && !isNamed;
        const opened = request.mode === "no-cors" && response.type === "cors" && response.status === 200;
        if (!saved && (!opened || response.redirected)) return response;
        const named = name && `; filename*=UTF-8''${encodeURIComponent(name)}`;
        if (saved) headers.set("Content-Disposition", `attachment${named}`);
        const {status, statusText, body} = response;
        return new Response(status === 204 ? null : body, {status, statusText, headers});
    }

    // The question, once a page has taken it, or none will.
    async function heard(event, lost, anyone) {
        const {url, method, destination, mode, referrer} = event.request;
        const kind = destination || (mode === "no-cors" ? "beacon" : "eventsource");
        const hearing = new Hearing({url, method, destination: kind, referrer, anyone}, event.clientId);
        const end = Date.now() + patience;
        hearings.add(hearing);
        try {
            for (const client of await inOrder(event.clientId, lost)) {
                const talk = hearing.ask(client);
                await within(NOTICE, hearing.taken, talk.refused);
                if (hearing.isDecided) return hearing;
            }
            if (!anyone) return hearing;
            while (!hearing.isDecided && hearing.unheard.length && Date.now() < end) {
                await within(end - Date.now(), hearing.taken, ...hearing.unheard.map(talk => talk.refused));
            }
            if (!hearing.isDecided) for (const {client} of hearing.unheard) silent.set(client.id, Date.now() + GRACE);
            return hearing;
        } finally {
            hearings.delete(hearing);
            hearing.end();
        }
    }

    // The page that asks, those that are known to answer, and the rest; one that may not be up comes after those that are.
    async function inOrder(asking, lost) {
        const all = await worker.clients.matchAll({type: "window", includeUncontrolled: true});
        const rank = ({id}) => (ready.has(id) ? 0 : 2) + (id === asking ? 0 : 1) - (id === asking && !ready.size ? 2 : 0);
        const isSilent = id => (silent.get(id) ?? 0) > Date.now();
        return all.filter(({id}) => !isSilent(id) && !lost.has(id)).sort((one, other) => rank(one) - rank(other));
    }

    function noteReady(client) {
        silent.delete(client.id);
        ready.add(client.id);
        for (const hearing of hearings) if (!hearing.isDecided) hearing.ask(client); // what it was asked before is lost
    }

    class Hearing {
        constructor(question, asking) {
            this.question = {...question, life, number: crypto.randomUUID()};
            this.asking = asking; // the id of the client that made the request, if the browser tells
            this.talks = new Map();
            this.taker = null;
            this.taken = new Promise(resolve => (this.take = resolve));
        }

        ask(client) {
            this.talks.get(client.id)?.end();
            const isMine = this.asking ? client.id === this.asking : undefined;
            const talk = new Talk(client, {...this.question, isMine, at: Date.now()}, () => {
                ready.add(client.id);
                this.taker ??= talk;
                if (this.taker === talk) this.take();
                else talk.end();
            });
            this.talks.set(client.id, talk);
            return talk;
        }

        get unheard() { return [...this.talks.values()].filter(talk => !talk.refusal); }
        get isOver() { return !this.taker && [...this.talks.values()].some(talk => talk.refusal?.last); }
        get isDecided() { return this.taker !== null || this.isOver; }

        end() {
            for (const talk of this.talks.values()) if (talk !== this.taker) talk.end();
        }
    }

    // A question to one page, and what the page says: {wait}, {fields}, {read}, and at the end {done} or {no}.
    class Talk {
        constructor(client, question, taken) {
            const {port1, port2} = new MessageChannel();
            this.client = client;
            this.port = port1;
            this.words = [];
            this.refusal = null;
            this.refused = new Promise(resolve => (this.refuse = resolve));
            this.heard = () => {};
            port1.onmessage = ({data}) => {
                if (data.no) {
                    this.refusal = data;
                    ready.add(client.id); // it answers
                    this.refuse();
                } else {
                    taken();
                }
                this.words.push(data);
                this.heard();
            };
            client.postMessage({reissue: PROTOCOL, ...question}, [port2]);
        }

        say(word) { this.port.postMessage(word); }

        // What the page says next, other than that it is still at it.
        async word() {
            for (;;) {
                if (!this.words.length) await within(SILENCE, new Promise(resolve => (this.heard = resolve)));
                const next = this.words.shift() ?? {no: true, silent: true};
                if (!next.wait) return next;
            }
        }

        end() {
            this.say({drop: true});
            this.port.close();
        }
    }

    async function within(milliseconds, ...promises) {
        let timer;
        const late = new Promise(resolve => (timer = setTimeout(resolve, milliseconds)));
        await Promise.race([late, ...promises]);
        clearTimeout(timer);
    }
})(self);
