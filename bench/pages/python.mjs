// A page with Python: JavaScript's part of its actions. python.py calls `globalThis.startJob` when it is ready.
import {begin, counters, meet, storm, until, work} from '/job.mjs';

const body = '{"good": true}';
const settings = {headers: {'Content-Type': 'application/json'}};
const own = globalThis.fetch;

// µs for each of `count` calls, one after the other.
async function each(count, call) {
  const began = performance.now();
  for (let n = 0; n < count; n++) await call();
  return ((performance.now() - began) / count) * 1e3;
}

const ready = Promise.resolve(1);
globalThis.bench = {
  prompt: () => ready,
  begin, counters, meet, until,
  stub: () => Promise.resolve(new Response(body, settings)),
  replaceFetch: value => (globalThis.fetch = value ?? own),

  // µs for each call of fetch, without waiting for its result: the decision by itself.
  calls(fetch, place, count) {
    const image = new URL('/image.png', location);
    const resource = {other: 'https://other.test/x', text: '/image.png', url: image, request: new Request(image)}[place];
    const began = performance.now();
    for (let n = 0; n < count; n++) fetch(resource);
    return ((performance.now() - began) / count) * 1e3;
  },
  whole: (fetch, path, headers, count) => each(count, async () => (await fetch(path, {headers})).json()),
  // The same by XMLHttpRequest: the browser's own, or an installed client's.
  wholeByXhr: (path, headers, count) => each(count, () => new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('GET', path);
    for (const [name, value] of Object.entries(headers ?? {})) xhr.setRequestHeader(name, value);
    xhr.onload = () => (xhr.status === 200 ? resolve(JSON.parse(xhr.responseText)) : reject(new Error(`status ${xhr.status}`)));
    xhr.onerror = reject;
    xhr.send();
  })),
  own,
  // The page's own JavaScript through the installed client.
  storm: step => storm(async path => (await globalThis.fetch(path)).json(), step),

  // Bytes: of JavaScript's heap after a collection, and of Python's memory, which only grows.
  heaps(interpreter) {
    globalThis.gc();
    return [performance.memory.usedJSHeapSize, interpreter._module.HEAP8.length];
  },
};
globalThis.startJob = python => {
  const action = async step => JSON.parse(await python(JSON.stringify(step)));
  work(new Proxy({}, {get: () => action}));
};
