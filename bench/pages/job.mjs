// A page reads its job from its address, and sends its results to the server, so that no developer tools need to be
// attached: they would report every request, and take a tenth of the machine for that.
export const post = async (path, body) => (await fetch(path, {method: 'POST', body})).json();
export const begin = (kind, life = 3600) => post(`/dev/begin?kind=${kind}&life=${life}`);
export const counters = () => post('/dev/counters');
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

// `actions` by name: each takes its step, and gives the result that is sent to the server.
export async function work(actions) {
  const {id, steps} = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const told = {results: []};
  try {
    for (const step of steps) told.results.push(await actions[step.action](step));
  } catch (error) {
    told.error = String(error?.stack ?? error);
  }
  await post(`/dev/result?job=${id}`, JSON.stringify(told));
}

// `count` requests at once. `send` takes a path and gives the answer's JSON.
export async function storm(send, {count}) {
  const began = performance.now();
  const outcomes = await Promise.all(
    Array.from({length: count}, (_, n) => send(`/api/echo?n=${n}`).then(answer => answer.good, () => false)),
  );
  const seconds = (performance.now() - began) / 1000;
  return {seconds, answered: outcomes.filter(Boolean).length};
}

// Waits for the other tabs of the group, and then until their common moment.
export async function meet({group, tab, tabs, pause}) {
  let at = 0;
  while (!at) {
    ({at} = await post(`/dev/meet?group=${group}&tab=${tab}&tabs=${tabs}&pause=${pause}`));
    if (!at) await sleep(50);
  }
  return at;
}
export const until = at => sleep(Math.max(0, at - Date.now()));
