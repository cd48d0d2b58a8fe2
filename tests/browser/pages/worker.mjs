import {start} from "/start.js";

const run_python = await start();
onmessage = async ({data: {number, source}}) => {
    try {
        postMessage({number, answer: await run_python(source)});
    } catch (error) {
        postMessage({number, error: String(error)});
    }
};
postMessage({ready: true});
