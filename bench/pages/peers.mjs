// A page without Python: its actions.
import {clients} from '/clients.mjs';
import {begin, counters, meet, storm, until, work} from '/job.mjs';

await work({
  async storm(step) {
    const {token} = await begin(step.kind);
    const result = await storm(clients[step.client](token), step);
    return {...step, ...result, ...(await counters())};
  },

  // One refresh by itself, ms.
  async refresh({rounds}) {
    const times = [];
    for (let n = 0; n < rounds; n++) {
      const began = performance.now();
      await (await fetch('/auth/refresh', {method: 'POST'})).json();
      times.push(performance.now() - began);
    }
    return {times};
  },

  // One of several tabs, each with a token that has expired, after some requests with one that had not.
  async tab(step) {
    const {access_token} = await (await fetch('/auth/refresh', {method: 'POST'})).json(); // the cookie that all tabs share
    const before = clients[step.client](access_token);
    for (let n = 0; n < step.before; n++) await storm(before, step);
    const send = clients[step.client]('expired');
    const at = await meet(step);
    await until(at);
    const {answered} = await storm(send, step);
    return {at, ended: Date.now(), answered};
  },
});
