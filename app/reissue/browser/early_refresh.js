// Asks the endpoint for the session while Python is on its way. For apps with `connect(…, resume_early=True)`.
//
// 1. Python leaves a note in localStorage while a session by cookie is on: the refresh as it would send it, by the page's
//    path. The note holds no token. It is used once: if anything goes wrong, the next page does without.
// 2. The refresh is sent under the lock that all tabs share, with the mark of a call on its way, as Python does it (peers.py).
//    If another tab holds or wants anything of this session, if a sign-out is pending, if a page vanished in the middle of
//    a call, or if nobody looks at this page, nothing is done here, and Python does all of it.
// 3. The lock is kept until Python takes it over, together with the answer. It is given back, and the answer dropped, when
//    the time of one call is over: other tabs wait for a little longer than that.
// 4. A refusal is not believed: it has to be Python that is refused. Nor is a call repeated that the server wants later.
// 5. The answer, with the token in it, is in no place but this module, and only until Python has it.
//
// runtime/shim.mjs imports this file, and gives it to Python by the name of `reissue_early_refresh`.

const LONGEST = 60; // seconds that a note may ask for
const asked = new Map(); // what Python has not taken over yet, by the name of the lock

if (typeof WorkerGlobalScope === "undefined") {
    for (const name of notedSessions()) {
        let settled; // once the lock is given back, or was not to be had
        const answered = new Promise(tell => {
            settled = ask(name, answer => tell({...answer, settled})).catch(() => {}).then(() => {
                asked.delete(name);
                tell();
            });
        });
        asked.set(name, answered);
    }
}

// A promise of the answer that this page has, or will have, together with the lock of this name; of `undefined` if there
// is none. `undefined` in place of the promise if nothing was asked.
export const answeredUnder = name => asked.get(name);

function notedSessions() {
    try {
        if (document.visibilityState !== "visible" || !navigator.locks) return []; // hidden, or prerendered
        const names = Object.keys(localStorage).filter(key => key.startsWith("reissue:") && key.endsWith(" early"));
        return names.map(key => key.slice(0, -" early".length)).filter(name => noteOf(name));
    } catch {
        return []; // storage is forbidden, or a note is broken
    }
}

async function ask(name, tell) {
    const {held, pending} = await navigator.locks.query();
    const ofTheSession = lock => lock.name === name || lock.name.startsWith(`${name}#`);
    if ([...held, ...pending].some(ofTheSession)) return;
    await navigator.locks.request(name, {ifAvailable: true}, lock => lock && refresh(name, tell));
}

// Sends the refresh; ends when the lock is to be given back.
async function refresh(name, tell) {
    const note = noteOf(name), turn = `${name} turn`;
    if (!note) return;
    const {url, ...init} = JSON.parse(note.request);
    const controller = new AbortController(), over = Promise.withResolvers();
    let isOver = false, response;
    const giveBack = () => {
        isOver = true;
        controller.abort();
        over.resolve();
    };
    const timer = setTimeout(giveBack, Math.min(note.within, LONGEST) * 1000);
    try {
        forget(name);
        localStorage.setItem(turn, "on");
        response = await Promise.race([fetch(url, {...init, signal: controller.signal}), over.promise]);
    } finally {
        localStorage.removeItem(turn); // the cookie is here
        if (!response) clearTimeout(timer);
    }
    if (!response) return;
    if (isRefusal(response)) {
        clearTimeout(timer);
        controller.abort(); // its body is read by nobody
        return;
    }
    const arrived = Date.now();
    // Does Python have it from now on? Only once, and only as long as the lock is held.
    const take = () => !isOver && asked.delete(name) && (clearTimeout(timer), true);
    tell({request: note.request, response, controller, take, giveBack, age: () => Math.max(0, Date.now() - arrived) / 1000});
    response = null;
    await over.promise;
}

const isRefusal = ({ok, status}) => !ok && status !== 429 && status < 500;

// The note for this page, if it may be used now.
function noteOf(name) {
    if (["turn", "untold"].some(mark => localStorage.getItem(`${name} ${mark}`) !== null)) return null;
    const notes = JSON.parse(localStorage.getItem(`${name} early`));
    const note = notes && Object.hasOwn(notes, location.pathname) ? notes[location.pathname] : null;
    return typeof note?.request === "string" && note.within > 0 ? note : null;
}

function forget(name) {
    const notes = JSON.parse(localStorage.getItem(`${name} early`));
    delete notes[location.pathname];
    localStorage.setItem(`${name} early`, JSON.stringify(notes));
}
