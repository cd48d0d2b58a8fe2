import {hooks} from "/pyscript/core.js";

for (const hook of Object.values(hooks.worker)) hook.clear(); // as app/boot.js does
