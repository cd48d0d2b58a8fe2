import {start} from "/start.js";

window.run_python = await start();
document.getElementById("status").textContent = "ready";
