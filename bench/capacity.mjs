// Measures how many requests a second the server answers, with a client that costs little: node capacity.mjs URL SECONDS
import {Agent, request} from 'node:http';

const [url, seconds] = [process.argv[2], Number(process.argv[3])];
const connections = 6; // as many as a browser has
const agent = new Agent({keepAlive: true, maxSockets: connections});

const ask = (path, options = {}) =>
  new Promise((resolve, reject) => {
    request(new URL(path, url), {agent, ...options}, response => {
      const chunks = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('end', () => resolve({status: response.statusCode, text: Buffer.concat(chunks).toString()}));
    })
      .on('error', reject)
      .end();
  });

const {token} = JSON.parse((await ask('/dev/begin?kind=valid', {method: 'POST'})).text);
const options = {headers: {Authorization: `Bearer ${token}`}};

async function load(until) {
  let answered = 0;
  const one = async () => {
    while (performance.now() < until) answered += (await ask('/api/echo', options)).status === 200;
  };
  await Promise.all(Array.from({length: connections}, one));
  return answered;
}

await load(performance.now() + 500);
const began = performance.now();
const answered = await load(began + seconds * 1000);
console.log(JSON.stringify({per_second: Math.round((answered / (performance.now() - began)) * 1000), connections}));
agent.destroy();
