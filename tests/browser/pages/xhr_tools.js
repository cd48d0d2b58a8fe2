// What a page sees of its XMLHttpRequests. The tests run this file in their page.

const EVENTS = ["readystatechange", "loadstart", "progress", "load", "loadend", "error", "timeout", "abort"];

// An object that notes its events.
globalThis.noted = (upload = false) => {
    const xhr = new XMLHttpRequest();
    xhr.seen = [];
    for (const type of EVENTS) {
        xhr.addEventListener(type, () => xhr.seen.push(type === "readystatechange" ? xhr.readyState : type));
        if (upload) xhr.upload.addEventListener(type, () => xhr.seen.push(`upload ${type}`));
    }
    return xhr;
};

// An object that has been sent. `token` is the page's own.
globalThis.sent = (path, {method = "GET", body, upload, token, prepare = () => {}} = {}) => {
    const xhr = noted(upload);
    xhr.open(method, path);
    if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
    prepare(xhr);
    xhr.send(body);
    return xhr;
};

globalThis.whole = xhr => new Promise(resolve => {
    if (xhr.seen.at(-1) === "loadend") resolve(xhr);
    else xhr.addEventListener("loadend", () => resolve(xhr));
});

// How often `progress` comes is the browser's affair.
globalThis.once = seen => seen.filter((one, at) => !/progress/.test(one) || seen[at - 1] !== one);

globalThis.state = xhr => [
    once(xhr.seen), xhr.readyState, xhr.status, xhr.statusText, xhr.responseURL.replace(/.*[/]/, "/"), xhr.timeout,
    xhr.getResponseHeader("Content-Type"), xhr.getAllResponseHeaders().split("\r\n").length,
    xhr.reissueError?.name ?? "no error of ours",
];

const tried = actions => actions.map(action => {
    try {
        action();
        return "done";
    } catch (error) {
        return error.name;
    }
});

const answer = async (path, options, read) => {
    const xhr = await whole(sent(path, options));
    return [read(xhr), state(xhr)];
};

async function reopened(at, token) {
    const xhr = noted();
    const open = path => {
        xhr.open("GET", path);
        if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
        xhr.send();
    };
    let again = false;
    const ended = new Promise(resolve => {
        xhr.onreadystatechange = () => {
            if (xhr.readyState !== at || again) return;
            again = true;
            open("/api/echo");
            xhr.addEventListener("loadend", () => { if (xhr.readyState === 4) resolve(); });
        };
    });
    open("/api/nowhere");
    await ended;
    return xhr;
}

// Each does something with requests that carry `token`, or none, and says what it saw.
globalThis.scenarios = {
    text: token => answer("/api/echo", {token}, xhr => xhr.responseText.length > 9),
    JSON: token => answer("/api/echo", {token, prepare: xhr => { xhr.responseType = "json"; }}, xhr => xhr.response.method),
    buffer: token => answer(
        "/api/echo", {token, prepare: xhr => { xhr.responseType = "arraybuffer"; }}, xhr => xhr.response.byteLength > 9),
    blob: token => answer("/api/echo", {token, prepare: xhr => { xhr.responseType = "blob"; }}, xhr => xhr.response.type),
    type: token => answer(
        "/api/echo", {token, prepare: xhr => xhr.overrideMimeType("text/plain; charset=utf-16")}, xhr => xhr.responseText.length),
    nowhere: token => answer("/api/notes/0", {token, method: "DELETE"}, xhr => xhr.status),
    timeout: token => answer("/api/echo", {token, prepare: xhr => { xhr.timeout = 60_000; }}, xhr => xhr.status),
    form(token) {
        const body = new FormData();
        body.append("file", new Blob(["x".repeat(100_000)]), "name");
        return answer("/api/upload", {token, method: "POST", body, upload: true}, xhr => JSON.parse(xhr.responseText).size);
    },
    document(token) {
        const body = document.implementation.createDocument(null, "a");
        body.documentElement.textContent = "é";
        return answer("/api/echo", {token, method: "POST", body}, xhr => xhr.responseText.split('"body"')[1]);
    },
    unheard: token => answer("/api/echo", {token, method: "put", body: "text"}, xhr => JSON.parse(xhr.responseText).method),
    async stringified(token) {
        const xhr = noted();
        const open = path => {
            xhr.open("POST", path);
            if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
        };
        open("/api/nowhere");
        xhr.send({toString() { open("/api/echo"); return "body"; }});
        await whole(xhr);
        return [xhr.status, xhr.seen.filter(event => event === "load").length];
    },
    async shared(token) {
        const xhr = noted(), {buffer} = new WebAssembly.Memory({initial: 1, maximum: 1, shared: true});
        xhr.open("POST", "/api/echo");
        if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
        const mistakes = tried([() => xhr.send(buffer), () => xhr.send(new Uint8Array(buffer))]);
        xhr.send("text");
        return [mistakes, state(await whole(xhr))];
    },
    uploadStates: token => new Promise(resolve => {
        const xhr = new XMLHttpRequest(), states = [];
        for (const type of ["loadstart", "load", "loadend"]) xhr.upload.addEventListener(type, () => states.push(xhr.readyState));
        xhr.onloadend = () => resolve([states, xhr.status]);
        xhr.open("POST", "/api/upload");
        if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
        xhr.send("text");
    }),
    empty: token => answer("/api/echo", {token, method: "POST", upload: true}, xhr => xhr.status),
    async aborted(token) {
        const xhr = noted();
        xhr.open("GET", "/api/echo");
        if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
        xhr.addEventListener("readystatechange", () => { if (xhr.readyState === 2) xhr.abort(); });
        xhr.send();
        return state(await whole(xhr));
    },
    reopenedWhenDone: token => reopened(4, token).then(state),
    reopenedAtTheHead: token => reopened(2, token).then(({status, responseURL}) => [status, responseURL]), // Chromium counts oddly
    async openedTwice(token) {
        const xhr = sent("/api/echo", {token});
        xhr.open("GET", "/api/me");
        if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
        const opened = [...xhr.seen];
        xhr.send();
        return [opened, state(await whole(xhr))];
    },
    async mistakes(token) {
        const fresh = new XMLHttpRequest();
        const before = tried([() => fresh.send(), () => fresh.setRequestHeader("A", "b"), () => fresh.open("GET", "http://["),
            () => fresh.open("TRACE", "/api/echo"), () => fresh.open("GET"), () => fresh.addEventListener("load")]);
        const xhr = sent("/api/echo", {token});
        const while_sent = tried([() => xhr.send(), () => xhr.setRequestHeader("A", "b"), () => { xhr.withCredentials = true; }]);
        await whole(xhr);
        const after = tried([() => xhr.send(), () => { xhr.responseType = "json"; }, () => xhr.overrideMimeType("text/plain"),
            () => xhr.responseXML, () => { xhr.timeout = 5; }, () => xhr.abort()]);
        return [before, while_sent, after, state(xhr)];
    },
    async listeners(token) {
        const xhr = new XMLHttpRequest(), heard = [], controller = new AbortController();
        xhr.onload = event => heard.push("onload", event.target === xhr, event.loaded > 9, event instanceof ProgressEvent);
        xhr.addEventListener("load", () => heard.push("once"), {once: true});
        xhr.addEventListener("load", () => heard.push("gone"), {signal: controller.signal});
        xhr.addEventListener("load", {handleEvent: event => heard.push("object", event.type)});
        const removed = () => heard.push("removed");
        xhr.addEventListener("load", removed);
        xhr.removeEventListener("load", removed);
        controller.abort();
        for (const round of [1, 2]) {
            xhr.open("GET", "/api/echo");
            if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
            const ended = new Promise(resolve => xhr.addEventListener("loadend", resolve, {once: true}));
            xhr.send();
            await ended;
            heard.push(round);
        }
        return heard;
    },
};
