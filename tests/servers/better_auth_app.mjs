// better-auth with its bearer and jwt plugins, as its documentation sets it up, and two little APIs.
//
// `node better_auth_app.mjs` serves on a free port of loopback, and prints the port. PAGE is the origin of the page that
// may call it, LIFE the seconds that a JWT lives, MODULES the folder node_modules.

import {randomUUID} from "node:crypto";
import {createServer} from "node:http";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const {PAGE, LIFE, MODULES} = process.env;
const brought = path => import(pathToFileURL(join(MODULES, path)));
const {betterAuth} = await brought("better-auth/dist/index.mjs");
const {bearer, jwt} = await brought("better-auth/dist/plugins/index.mjs");
const {memoryAdapter} = await brought("better-auth/dist/adapters/memory-adapter/index.mjs");
const {toNodeHandler, fromNodeHeaders} = await brought("better-auth/dist/integrations/node.mjs");
const {createLocalJWKSet, jwtVerify} = await brought("jose/dist/webapi/index.js");

const server = createServer();
await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
const baseURL = `http://127.0.0.1:${server.address().port}`;
console.log(server.address().port);

const definePayload = ({user}) => ({email: user.email, jti: randomUUID()});
const auth = betterAuth({
    baseURL,
    secret: "cg5mVPQ8yZ3kR1tWxB7uNsLdHfJ6oAeT9iGqYwKb2vM",
    logger: {level: "error"},
    database: memoryAdapter({user: [], session: [], account: [], verification: [], jwks: []}),
    emailAndPassword: {enabled: true},
    trustedOrigins: [PAGE],
    // Two JWTs of one second would be the same, without a name of their own.
    plugins: [bearer(), jwt({jwt: {expirationTime: `${LIFE}s`, definePayload}})],
});
await auth.api.signUpEmail({body: {email: "ada@example.com", password: "lovelace", name: "Ada"}});

const seen = new Set();
const dead = new Set();

// The API of another server: it knows the JWT alone.
async function byToken(request) {
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (dead.has(token)) return null;
    seen.add(token);
    const keys = createLocalJWKSet(await auth.api.getJwks());
    const verified = await jwtVerify(token, keys, {issuer: baseURL, audience: baseURL}).catch(() => null);
    return verified?.payload.email ?? null;
}

// better-auth's own way, by the cookie.
let stale = false;
async function byCookie(request) {
    const session = await auth.api.getSession({headers: fromNodeHeaders(request.headers)});
    return stale ? null : (session?.user.email ?? null);
}

const handled = toNodeHandler(auth);
server.on("request", async (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", PAGE);
    response.setHeader("Access-Control-Allow-Credentials", "true");
    response.setHeader("Access-Control-Allow-Headers", "Authorization, Content-Type");
    response.setHeader("Access-Control-Expose-Headers", "set-auth-token, set-auth-jwt");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    if (request.url === "/dev/expire") {
        for (const token of seen) dead.add(token); // the API takes no token any more that it has seen
        stale = true;
        return response.end();
    }
    if (request.url === "/dev/end") {
        const {internalAdapter} = await auth.$context;
        const {user} = await internalAdapter.findUserByEmail("ada@example.com");
        await internalAdapter.deleteUserSessions(user.id);
        return response.end();
    }
    if (request.url.startsWith("/api/auth/")) {
        if (request.url === "/api/auth/get-session") stale = false;
        return handled(request, response);
    }
    const email = await (request.url.startsWith("/cookie/") ? byCookie(request) : byToken(request));
    if (email === null) return response.writeHead(401).end();
    response.end(JSON.stringify({email}));
});
