// Elements and libraries that know nothing of tokens. What comes of each request is counted, by the part of the page.

import {hooks} from "/pyscript/core.js";

for (const hook of Object.values(hooks.worker)) hook.clear(); // as app/boot.js does

const tally = {};

globalThis.count = (part, ok, why = "") => {
    const one = (tally[part] ??= {done: 0, failed: []});
    if (ok) one.done += 1;
    else one.failed.push(String(why));
    const section = document.querySelector(`[data-part=${part}]`);
    section.dataset.tally = `${one.done} ✓  ${one.failed.length} ✗`;
    if (one.failed.length) section.dataset.failed = "";
};
globalThis.tally = () => JSON.stringify(tally);

const rejected = {twice: 0, once: 0}; // requests that got a 401 in the end, after a replay and without one
globalThis.noteRejection = replayed => { rejected[replayed ? "twice" : "once"] += 1; };
globalThis.rejected = () => rejected;

const $ = id => document.getElementById(id);
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const client = globalThis.axios.create({adapter: "xhr", baseURL: "/api/"});
let number = 0;
let over = false;

async function again(part, milliseconds, act) {
    while (!over) {
        try {
            await act();
            count(part, true);
        } catch (error) {
            count(part, false, error);
        }
        await pause(milliseconds);
    }
}

const event = (target, good) => new Promise((resolve, reject) => {
    const end = new AbortController();
    const {signal} = end;
    target.addEventListener(good, found => { end.abort(); resolve(found); }, {signal});
    target.addEventListener("error", () => { end.abort(); reject(`no ${good}: ${target.error?.message ?? target.src}`); }, {signal});
});

async function image(element) {
    element.src = `/api/files/tile-${number % 4}.png?n=${++number}`;
    await event(element, "load");
}

async function seek(video) {
    video.src = `/api/files/clip.webm?n=${++number}`;
    await event(video, "loadedmetadata");
    for (const part of [0.9, 0.2, 0.6]) {
        video.currentTime = part * video.duration;
        await event(video, "seeked");
    }
}

async function table() {
    const {data} = await client.post("notes", {text: `note ${++number}`});
    const {data: notes} = await client.get("notes");
    $("notes").replaceChildren(...notes.slice(-4).map(note => {
        const row = document.createElement("tr");
        for (const text of [note.id, note.text]) row.insertCell().textContent = text;
        return row;
    }));
    await client.delete(`notes/${data.id}`);
}

async function form() {
    const settled = new Promise(resolve => document.body.addEventListener("htmx:afterRequest", resolve, {once: true}));
    globalThis.htmx.trigger($("form"), "submit");
    const {detail} = await settled;
    if (!detail.successful) throw new Error(`htmx got ${detail.xhr.status}`);
}

async function fetched() {
    const response = await fetch(`/api/echo?n=${++number}`);
    if (!response.ok) throw new Error(`fetch got ${response.status}`);
    $("fetched").textContent = JSON.stringify(await response.json());
}

function hear() {
    const source = new EventSource("/api/stream?lines=20&interval=0.2"); // ends, and the browser connects again
    source.onmessage = ({data}) => { $("heard").textContent = data; count("eventsource", true); };
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) count("eventsource", false, "closed"); };
    return source;
}

globalThis.begin = () => {
    for (let n = 0; n < 12; n += 1) {
        const element = document.createElement("img");
        element.alt = "";
        $("images").append(element);
        again("images", 600, () => image(element));
    }
    const source = hear();
    again("video", 1000, () => seek($("video")));
    again("axios", 500, table);
    again("htmx", 400, form);
    again("fetch", 300, fetched);
    $("file").click();
    const downloads = setInterval(() => $("file").click(), 5000);
    globalThis.end = () => { over = true; source.close(); clearInterval(downloads); };
};
