// npm's oauth2-mock-server, which many test suites have in a provider's place, and an API that takes its tokens.
//
// `node oauth2_mock_app.mjs` serves on a free port of loopback, and prints the port. PAGE is the origin of the page that
// may call it, LIFE the seconds that an access token lives, MODULES the folder node_modules. By itself it refuses
// nothing; what it refuses here it does by its own events.

import {createServer} from "node:http";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const {PAGE, LIFE, MODULES} = process.env;
const brought = path => import(pathToFileURL(join(MODULES, path)));
const {OAuth2Issuer, OAuth2Service} = await brought("oauth2-mock-server/dist/index.mjs");
const {createLocalJWKSet, jwtVerify} = await brought("jose/dist/webapi/index.js");

const server = createServer();
await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
const issuer = new OAuth2Issuer();
issuer.url = `http://127.0.0.1:${server.address().port}`;
await issuer.keys.generate("RS256");
const service = new OAuth2Service(issuer);
console.log(server.address().port);

const refreshTokens = new Set();
const seen = new Set();
const dead = new Set();
const refused = (response, status, words) => {
    response.statusCode = status;
    response.body = {error: "invalid_grant", error_description: words};
};
service.on("beforeTokenSigning", (token, request) => {
    if (!token.payload.nonce && token.payload.scope) token.payload.exp = token.payload.iat + Number(LIFE);
});
service.on("beforeResponse", (response, request) => {
    const {grant_type, refresh_token, password} = request.body;
    if (grant_type === "password" && password !== "lovelace") return refused(response, 400, "Wrong user or password");
    if (grant_type === "refresh_token" && !refreshTokens.delete(refresh_token)) {
        return refused(response, 400, "Unknown refresh token");
    }
    refreshTokens.add(response.body.refresh_token);
    response.body.expires_in = Number(LIFE);
});
service.on("beforeRevoke", (response, request) => refreshTokens.clear());

const verifying = createLocalJWKSet({keys: issuer.keys.toJSON()});
server.on("request", async (request, response) => {
    if (!/^\/(api|dev)\//.test(request.url)) return service.requestHandler(request, response);
    response.setHeader("Access-Control-Allow-Origin", PAGE);
    response.setHeader("Access-Control-Allow-Headers", "Authorization");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    if (request.url === "/dev/expire") for (const token of seen) dead.add(token);
    if (request.url === "/dev/end") refreshTokens.clear();
    if (request.url.startsWith("/dev/")) return response.end();
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const verified = await jwtVerify(token, verifying, {issuer: issuer.url}).catch(() => null);
    if (verified === null || dead.has(token)) return response.writeHead(401).end();
    seen.add(token);
    response.end(JSON.stringify({sub: verified.payload.sub}));
});
