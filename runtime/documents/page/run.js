// Runs the marked code of a document in the page's own Python. PyScript and Python are requested at the first click.
//
// Blocks run in the document's order: a click runs the blocks above first, as far as they have not run. A block that the
// page has elements for runs once, since its listeners stay.
const python = document.getElementById("python");
const at = path => new URL(path, document.baseURI).href;

const blocks = [...document.querySelectorAll(".run")].map((root, place) => ({
    code: root.previousElementSibling.textContent,
    name: `block ${place + 1}`,
    button: root.querySelector("button"),
    elements: root.querySelector(".elements"),
    output: root.querySelector("output"),
    hasRun: false,
}));

let starting = null;
let busy = false;

const runsOn = block => block.hasRun && block.elements.childElementCount > 0;

// Python's function `run` (run.py).
function start() {
    starting ??= new Promise((resolve, reject) => {
        addEventListener("unhandledrejection", ({reason}) => reject(reason)); // PyScript's way to say that it can't start
        python.addEventListener("py:done", () => resolve(globalThis.runBlock));
        import(at(JSON.parse(python.getAttribute("config")).interpreter)).catch(reject); // side by side with PyScript
        import(at(python.dataset.core)).then(({hooks}) => {
            // Hooks for workers are turned into code with Function(...), which a strict policy forbids.
            for (const hook of Object.values(hooks.worker)) hook.clear();
        }, reject);
    });
    return starting;
}

function say(block, text) {
    block.output.hidden = false;
    block.output.textContent = text;
}

async function run(block, runBlock) {
    say(block, "");
    block.elements.hidden = !block.elements.childElementCount;
    block.hasRun = await runBlock(block.code, block.name, text => block.output.append(text));
    block.output.hidden = !block.output.textContent;
    if (runsOn(block)) block.button.textContent = "Running";
    return block.hasRun;
}

async function runUpTo(chosen) {
    if (busy || runsOn(chosen)) return;
    busy = true;
    for (const {button} of blocks) button.setAttribute("aria-disabled", "true");
    try {
        say(chosen, "Starting Python …");
        const runBlock = await start();
        say(chosen, "");
        for (const block of blocks.slice(0, blocks.indexOf(chosen) + 1)) {
            if (block !== chosen && block.hasRun) continue;
            if (!(await run(block, runBlock))) {
                if (block !== chosen) say(chosen, "A block above has failed: see there.");
                break;
            }
        }
    } catch (error) {
        say(chosen, `Python did not start: ${error?.message ?? error}. Reload the page to try again.`);
    } finally {
        busy = false;
        for (const block of blocks) if (!runsOn(block)) block.button.removeAttribute("aria-disabled");
    }
}

for (const block of blocks) {
    block.button.addEventListener("click", () => runUpTo(block));
    block.button.hidden = false;
}
