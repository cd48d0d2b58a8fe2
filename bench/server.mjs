// The server of the measurements: an API behind tokens, the endpoint that renews them, and the pages that ask.
// node server.mjs, with settings as JSON on standard input, since a key does not belong on a command line:
//   {"protocol": "http" | "h1" | "h2", "delay": ms, "mounts": [[URL path, folder], …], "key": PEM, "cert": PEM}
//
// Bare node:http, because the client is what is measured: capacity.mjs says how many requests a second it answers, and
// that is a multiple of what a browser sends. Answers of the API are made once; files are kept in memory.
import {createHash} from 'node:crypto';
import {existsSync, readFileSync, statSync} from 'node:fs';
import {createSecureServer} from 'node:http2';
import {createServer as createPlain} from 'node:http';
import {createServer} from 'node:https';
import {extname, join, normalize} from 'node:path';

const {protocol, delay, mounts, key, cert} = JSON.parse(readFileSync(0, 'utf8'));
const TYPES = {
  '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.json': 'application/json',
  '.mjs': 'text/javascript', '.py': 'text/x-python', '.svg': 'image/svg+xml', '.toml': 'application/toml',
  '.wasm': 'application/wasm', '.whl': 'application/zip', '.zip': 'application/zip',
};
const LIFE = 3600; // s, of an access token
const NOTHING = {requests: 0, refused: 0, refreshes: 0, reused: 0, most: 0};
let seen = {...NOTHING};
let now = 0; // API requests that wait for their answer
let life = LIFE;
let minted = 0;
let newest = ''; // the refresh token that was granted last: an older one in a cookie has been used before
const accepted = new Map(); // Authorization → when it ends, ms

const json = value => Buffer.from(JSON.stringify(value));
const [GOOD, BAD] = [json({good: true, text: 'A small answer, as an API gives it.'}), json({error: 'invalid_token'})];

function answer(response, status, body, headers = {}) {
  const content = Buffer.isBuffer(body) ? body : json(body);
  response.writeHead(status, {
    'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'Content-Length': content.length, ...headers,
  });
  response.end(content);
}

const later = action => (delay ? setTimeout(action, delay) : action());

function api(request, response) {
  const good = accepted.get(request.headers.authorization) > Date.now();
  seen.requests += 1;
  seen.refused += !good;
  seen.most = Math.max(seen.most, ++now);
  later(() => {
    now -= 1;
    answer(response, good ? 200 : 401, good ? GOOD : BAD);
  });
}

// A JWT of the usual size. Its signature is not verified: `accepted` lists the valid tokens.
function mint() {
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const claims = {iss: 'bench', sub: 'ada', aud: 'api', iat, exp: iat + life, jti: `${++minted}`, name: 'Ada Lovelace'};
  const signed = `${part({alg: 'HS256', typ: 'JWT'})}.${part(claims)}`;
  const token = `${signed}.${createHash('sha256').update(signed).digest('base64url')}`;
  accepted.set(`Bearer ${token}`, Date.now() + life * 1000);
  return token;
}

function grant(request, response) {
  const shown = /refresh=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  seen.refreshes += 1;
  seen.reused += Boolean(shown && newest && shown !== newest);
  later(() => {
    const access_token = mint();
    newest = `r${minted}`;
    const cookie = `refresh=${newest}; HttpOnly; SameSite=Strict; Path=/auth`;
    answer(response, 200, {access_token, token_type: 'Bearer', expires_in: life}, {'Set-Cookie': cookie});
  });
}

// Begins a measurement: with a token that is valid, was revoked, or has expired, and all counters at zero.
function begin(response, query) {
  life = Number(query.get('life') ?? LIFE);
  accepted.clear();
  const token = mint();
  if (query.get('kind') !== 'valid') accepted.clear();
  seen = {...NOTHING};
  answer(response, 200, {token, expires_in: query.get('kind') === 'expired' ? 0 : life});
}

// Several tabs begin at one moment: each asks until all are open, and is told the moment (ms).
const groups = new Map();
function meet(response, query) {
  const name = query.get('group');
  const group = groups.get(name) ?? {tabs: new Set(), at: 0};
  groups.set(name, group);
  group.tabs.add(query.get('tab'));
  if (!group.at && group.tabs.size >= Number(query.get('tabs'))) {
    group.at = Date.now() + Number(query.get('pause'));
    setTimeout(() => (seen = {...NOTHING}), Number(query.get('pause')) - 50);
  }
  answer(response, 200, {at: group.at});
}

// The results of a page, by the number of its job; a request for them waits until they are there.
const results = new Map();
function result(id) {
  if (results.has(id)) return results.get(id);
  const made = {};
  made.promise = new Promise(resolve => (made.resolve = resolve));
  results.set(id, made);
  return made;
}
async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// Files: the smallest form that the browser accepts. Files in folders named by their content are cached for ever.
const files = new Map();
const log = []; // [path, encoding, bytes of the body, bytes of the file]
function file(path, request, response) {
  const [mount, folder] = mounts.find(([start]) => path.startsWith(start)) ?? [];
  const name = mount && join(folder, normalize(path.slice(mount.length)));
  if (!name || !existsSync(name) || !statSync(name).isFile()) return answer(response, 404, {error: 'not_found'});
  const taken = request.headers['accept-encoding'] ?? '';
  const [encoding, suffix] = [['br', '.br'], ['gzip', '.gz']].find(
    ([each, end]) => new RegExp(`\\b${each}\\b`).test(taken) && existsSync(name + end),
  ) ?? ['', ''];
  if (!files.has(name + suffix)) files.set(name + suffix, readFileSync(name + suffix));
  const content = files.get(name + suffix);
  const tag = `"${content.length}-${Math.floor(statSync(name).mtimeMs)}"`;
  const headers = {
    'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream', 'ETag': tag, 'Vary': 'Accept-Encoding',
    'Cache-Control': /-[0-9a-f]{12}\/|^\/stock\//.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    ...(encoding && {'Content-Encoding': encoding}),
  };
  if (request.headers['if-none-match'] === tag) {
    log.push([path, '304', 0, 0]);
    response.writeHead(304, headers);
    return response.end();
  }
  log.push([path, encoding, content.length, statSync(name).size]);
  response.writeHead(200, {...headers, 'Content-Length': content.length});
  response.end(content);
}

async function onRequest(request, response) {
  const [path, search = ''] = request.url.split('?');
  if (path.startsWith('/api/')) return api(request, response);
  if (path.startsWith('/open/')) return answer(response, 200, GOOD);
  if (path.startsWith('/auth/')) {
    await read(request);
    return path === '/auth/logout' ? response.writeHead(204).end() : grant(request, response);
  }
  const query = new URLSearchParams(search);
  switch (path) {
    case '/dev/begin':
      return begin(response, query);
    case '/dev/revoke':
      accepted.clear();
      return answer(response, 200, {});
    case '/dev/counters': {
      const told = {...seen};
      seen = {...NOTHING};
      return answer(response, 200, told);
    }
    case '/dev/meet':
      return meet(response, query);
    case '/dev/files':
      return answer(response, 200, log.splice(0));
    case '/dev/result': {
      const waiting = result(query.get('job'));
      if (request.method === 'GET') return answer(response, 200, await waiting.promise);
      waiting.resolve(await read(request));
      return answer(response, 200, {});
    }
  }
  return file(path, request, response);
}

const secure = {key, cert, allowHTTP1: true};
const server =
  protocol === 'http' ? createPlain(onRequest)
  : protocol === 'h2' ? createSecureServer(secure, onRequest)
  : createServer(secure, onRequest);
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  console.log(`${protocol === 'http' ? 'http' : 'https'}://127.0.0.1:${server.address().port}/`);
});
