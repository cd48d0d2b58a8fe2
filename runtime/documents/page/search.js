// The search over all documents. MiniSearch and the index are loaded when the field is first used.
//
//   /              moves to the field, from anywhere but a field
//   arrows         move through what was found, Enter opens it; Enter in the field opens the first
//   Escape         closes the list, which an arrow opens again; then it empties the field, which browsers do themselves
const LIBRARY = "./$library";
const INDEX = "./$index";
const MOST = 12; // sections that are shown
const AROUND = 60; // characters shown before and behind the word that was found

const root = document.querySelector(".search");
const field = root.querySelector("input");
const panel = root.querySelector(".found");
const status = panel.querySelector("p");
const list = panel.querySelector("ol");
const language = document.documentElement.lang;
const HANGUL = /[가-힣]/;

let loading = null;

function load() {
    loading ??= Promise.all([import(LIBRARY), fetch(new URL(INDEX, import.meta.url)).then(read)]).then(
        ([{default: MiniSearch}, {options, index}]) => MiniSearch.loadJSAsync(index, options),
    );
    return loading;
}

const read = answer => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`)));

async function search() {
    const asked = field.value.trim();
    if (!asked) return close();
    let index;
    try {
        index = await load();
    } catch {
        loading = null; // the next letter asks again
        return show(root.dataset.failed, []);
    }
    if (asked !== field.value.trim()) return; // another letter was typed meanwhile
    const found = index.search(asked, {
        prefix: (term, place, terms) => place === terms.length - 1 || HANGUL.test(term), // the word being typed; a stem
        combineWith: "AND",
        // A letter may be wrong. In Korean the last syllable often is a particle, so that three syllables are enough.
        fuzzy: term => term.length > (HANGUL.test(term) ? 2 : 4) && 0.2,
        boost: {heading: 4, title: 2},
        boostDocument: (id, term, section) => (section.language === language ? 2 : 1),
    });
    show((found.length ? root.dataset.count : root.dataset.none).replace("{n}", found.length), found.slice(0, MOST));
}

function show(text, found) {
    status.textContent = text;
    list.replaceChildren(...found.map(row));
    panel.hidden = false;
}

function close() {
    panel.hidden = true;
}

function row({id, language, title, heading, text, terms}) {
    const link = element("a", "", element("b", heading));
    link.href = id;
    if (title !== heading) link.append(element("span", title));
    link.append(element("small", "", ...excerpt(text, terms)));
    const item = element("li", "", link);
    item.lang = language;
    return item;
}

// What stands around the longest word that was found, which says most, with that word marked.
function excerpt(text, terms) {
    const lower = text.toLowerCase();
    const places = terms.map(term => [lower.indexOf(term), term.length]).filter(([place]) => place >= 0);
    if (!places.length) return [text.slice(0, 2 * AROUND)];
    const [place, length] = places.reduce((longest, other) => (other[1] > longest[1] ? other : longest));
    const begin = place > AROUND ? text.lastIndexOf(" ", place - AROUND / 2) + 1 : 0;
    const end = place + length;
    return [begin ? "… " : "", text.slice(begin, place), element("mark", text.slice(place, end)), text.slice(end, end + AROUND)];
}

function element(tag, text, ...children) {
    const made = Object.assign(document.createElement(tag), {textContent: text});
    made.append(...children);
    return made;
}

const links = () => [...list.querySelectorAll("a")];

function move(event) {
    if (panel.hidden && event.target === field) return search();
    const places = [field, ...links()];
    const next = places.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (panel.hidden || !(next in places)) return;
    event.preventDefault();
    places[next].focus();
}

root.addEventListener("keydown", event => {
    if (event.isComposing) return; // a Korean syllable is not finished
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return move(event);
    if (event.key === "Enter" && event.target === field) links()[0]?.click();
    if (event.key !== "Escape" || panel.hidden) return;
    event.preventDefault();
    close();
    field.focus();
});
root.addEventListener("focusout", ({relatedTarget}) => {
    if (!root.contains(relatedTarget)) close();
});
addEventListener("keydown", event => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    field.focus();
});
list.addEventListener("click", close);
field.addEventListener("focus", () => load().catch(() => (loading = null)));
field.addEventListener("click", search);
field.addEventListener("input", search);
root.hidden = false;
