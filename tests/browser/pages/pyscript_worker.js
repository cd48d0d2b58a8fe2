import {hooks} from "/pyscript/core.js";

for (const hook of Object.values(hooks.worker)) hook.clear(); // as app/boot.js does

hooks.main.onWorker.add(async (_, worker) => {
    const {sync} = await worker.ready;
    window.run_python = source => sync.run_python(source);
    document.getElementById("status").textContent = "ready";
});
