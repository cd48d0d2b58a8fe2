// The server of bench/admission.py: an API that answers after `delay` ms, and the page that storms it.
// Node, because Python's standard library has no HTTP/2, and because its share of the work is small beside the browser's.
// node storm_server.mjs {"protocol": "h1" | "h2", "delay": ms, "key": PEM, "cert": PEM, "root": folder}
import {createReadStream, existsSync, readFileSync} from 'node:fs';
import {createSecureServer} from 'node:http2';
import {createServer} from 'node:https';
import {extname, join, normalize} from 'node:path';

const settings = JSON.parse(readFileSync(0, 'utf8')); // from standard input: a key is nothing for a command line
const {protocol, delay, root} = settings;
const TYPES = {
  '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.mjs': 'text/javascript',
  '.py': 'text/x-python', '.svg': 'image/svg+xml', '.toml': 'application/toml', '.wasm': 'application/wasm',
};
const FOLDERS = [['/py/', '.runtime/site'], ['/pyscript/', '.runtime/site'], ['/app/', '.'], ['/pyscript.toml', '.'], ['/', 'tests/browser/pages']];
let token = 0; // the number of the one that is accepted
let seen = {requests: 0, refused: 0, refreshes: 0, most: 0};
let now = 0;

function answer(response, status, value) {
  response.writeHead(status, {'Content-Type': 'application/json', 'Cache-Control': 'no-store'});
  response.end(JSON.stringify(value));
}

function api(request, response) {
  const good = request.headers.authorization === `Bearer token-${token}`;
  seen.requests += 1;
  seen.refused += !good;
  seen.most = Math.max(seen.most, ++now);
  setTimeout(() => {
    now -= 1;
    answer(response, good ? 200 : 401, {good});
  }, delay);
}

function file(path, response) {
  const [, folder] = FOLDERS.find(([start]) => path.startsWith(start));
  const name = join(root, folder, normalize(path));
  if (!existsSync(name)) return answer(response, 404, {});
  response.writeHead(200, {'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream'});
  createReadStream(name).pipe(response);
}

function onRequest(request, response) {
  const path = request.url.split('?')[0];
  if (path.startsWith('/api/')) return api(request, response);
  if (path === '/auth/refresh') {
    seen.refreshes += 1;
    return setTimeout(() => answer(response, 200, {access_token: `token-${++token}`, expires_in: 3600}), delay);
  }
  if (path === '/dev/revoke') return answer(response, 200, ++token);
  if (path === '/dev/counters') {
    const told = seen;
    seen = {requests: 0, refused: 0, refreshes: 0, most: 0};
    return answer(response, 200, told);
  }
  return file(path, response);
}

const create = protocol === 'h2' ? createSecureServer : createServer;
const server = create({key: settings.key, cert: settings.cert, allowHTTP1: true}, onRequest);
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(`https://127.0.0.1:${server.address().port}/`));
