// Its worker runs what `run_python` is given, and nothing but the answer comes back.
const worker = new Worker("/worker.mjs", {type: "module"});
const waiting = new Map();
window.messages = []; // all that ever came from the worker

worker.onmessage = ({data}) => {
    window.messages.push(JSON.stringify(data));
    if (data.ready) {
        document.getElementById("status").textContent = "ready";
        return;
    }
    const {resolve, reject} = waiting.get(data.number);
    waiting.delete(data.number);
    data.error === undefined ? resolve(data.answer) : reject(new Error(data.error));
};

window.run_python = source =>
    new Promise((resolve, reject) => {
        const number = crypto.randomUUID();
        waiting.set(number, {resolve, reject});
        worker.postMessage({number, source});
    });
