// Asks the endpoint for the session while Python is on its way. For apps with `connect(…, resume_early=True)`.
//
// 1. Python leaves a note in localStorage while a session by cookie is on: the refresh as it would send it, by the page's
//    path. The note holds no token. It is used once: if anything goes wrong, the next page does without.
// 2. The refresh is sent under the lock that all tabs share, with the mark of a call on its way, as Python does it (peers.py).
//    If another tab holds or wants anything of this session, if a sign-out is pending, if a page vanished in the middle of
//    a call, or if nobody looks at this page, nothing is done here, and Python does all of it.
// 3. The lock is kept until Python takes it over, together with the answer, or with the failure: a refresh whose answer is
//    lost is not repeated at once (F6). When the time of one call is over, the lock is given back, and the answer dropped:
//    other tabs wait for a little longer than that. If there is none by then, the mark stays: a cookie may still land (T7).
//    So it does if the page is left meanwhile: Chromium may call the request failed then, although it goes on (`keepalive`).
//    If a user signs out in another page meanwhile, both happen as soon as the answer is here: the sign-out waits for it.
// 4. A refusal is not believed: Python asks once more. It may be this request that is refused, and not the session.
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

// Gives the lock of this name back once the answer is here, and drops the answer: no client of this page will take it.
export function decline(name) { // and returns nothing: of a promise Pyodide would make a future
    asked.get(name)?.then(answer => { if (answer?.take()) answer.giveBack(); });
}

function notedSessions() {
    try {
        // A page that is prerendered is hidden, too.
        if (document.visibilityState !== "visible" || !navigator.locks || !navigator.onLine) return [];
        const names = Object.keys(localStorage).filter(key => key.startsWith("reissue:") && key.endsWith(" early"));
        return names.map(key => key.slice(0, -" early".length)).filter(name => noteOf(name));
    } catch {
        return []; // storage is forbidden, or a note is broken
    }
}

async function ask(name, tell) {
    if (await isInUse(found => found === name || isSign(found, name))) return;
    await navigator.locks.request(name, {ifAvailable: true}, lock => lock && refresh(name, tell));
}

async function isInUse(matches) {
    const {held, pending} = await navigator.locks.query();
    return [...held, ...pending].some(lock => matches(lock.name));
}

// Is this the sign of a tab that has the session, or is about to tell the server of its end?
const isSign = (found, name) => found.startsWith(`${name}#`) && !found.startsWith(`${name}#over.`);

// Sends the refresh; ends when the lock is to be given back.
async function refresh(name, tell) {
    if (await isInUse(found => isSign(found, name))) return; // it may have come in between
    const note = noteOf(name), turn = `${name} turn`;
    if (!note) return;
    const {url, ...init} = JSON.parse(note.request);
    const controller = new AbortController(), over = Promise.withResolvers();
    let isOver = false;
    const giveBack = () => {
        isOver = true;
        clearTimeout(timer);
        controller.abort();
        over.resolve();
    };
    const signedOut = signOutElsewhere(name, controller.signal);
    let isLeft = false;
    addEventListener("pagehide", () => { isLeft = true; }, {signal: controller.signal});
    const timer = setTimeout(giveBack, Math.min(note.within, LONGEST) * 1000);
    forget(name);
    localStorage.setItem(turn, "on");
    const sent = new Promise(resolve => resolve(fetch(url, {...init, signal: controller.signal})));
    const answer = await Promise.race([sent.then(response => ({response}), error => ({error})), over.promise]);
    const {response, error} = answer ?? {}, status = response?.status;
    if (isOver || (error && isLeft)) return; // and abort nothing: the cookie would be dropped
    localStorage.removeItem(turn); // the cookie has landed
    if (!error && !response?.ok && status !== 429 && !(status >= 500)) return giveBack();
    const arrived = Date.now();
    // Does Python have it from now on? Only once, and only as long as the lock is held.
    const take = () => !isOver && asked.delete(name) && (clearTimeout(timer), true);
    signedOut.then(() => asked.has(name) && giveBack());
    const age = () => Math.max(0, Date.now() - arrived) / 1000;
    tell({request: note.request, response, problem: String(error?.message), controller, take, giveBack, age});
    await over.promise;
}

// Ends once a user has signed out in another page, if ever: that leaves a mark in localStorage.
function signOutElsewhere(name, signal) {
    return new Promise(tell => {
        const isMark = ({key, newValue}) => key === `${name} untold` && newValue !== null;
        addEventListener("storage", event => isMark(event) && tell(), {signal});
    });
}

// The note for this page, if it may be used now.
function noteOf(name) {
    if (["turn", "untold"].some(mark => localStorage.getItem(`${name} ${mark}`) !== null)) return null;
    const notes = JSON.parse(localStorage.getItem(`${name} early`));
    const note = notes && Object.hasOwn(notes, location.pathname) ? notes[location.pathname] : null;
    return note?.within > 0 && typeof JSON.parse(note.request).url === "string" ? note : null;
}

function forget(name) {
    const notes = JSON.parse(localStorage.getItem(`${name} early`));
    delete notes[location.pathname];
    if (Object.keys(notes).length) localStorage.setItem(`${name} early`, JSON.stringify(notes));
    else localStorage.removeItem(`${name} early`);
}
