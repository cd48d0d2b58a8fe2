// A certified OpenID provider (npm's oidc-provider) with the forms that its users sign in by, and two little APIs.
//
// `node oidc_app.mjs` serves on a free port of loopback, and prints the port. PAGE is the origin of the page that may
// call it, LIFE the seconds that an access token lives, MODULES the folder node_modules.

import {createHash, randomBytes} from "node:crypto";
import {createServer} from "node:http";
import {join} from "node:path";
import {text} from "node:stream/consumers";
import {pathToFileURL} from "node:url";

const {PAGE, LIFE, MODULES} = process.env;
const brought = path => import(pathToFileURL(join(MODULES, path)));
const {Provider} = await brought("oidc-provider/lib/index.js");
const {calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, exportJWK, generateKeyPair, jwtVerify} = await brought(
    "jose/dist/webapi/index.js",
);

const keys = await Promise.all(
    ["RS256", "ES256"].map(async alg => {
        const {privateKey} = await generateKeyPair(alg, {extractable: true});
        return {...(await exportJWK(privateKey)), kid: alg, alg, use: "sig"};
    }),
);
const verifying = createLocalJWKSet({keys: keys.map(({d, p, q, dp, dq, qi, ...open}) => open)});
const server = createServer();
await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
console.log(server.address().port); // first: what the provider has to say follows

const page = {
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: [`${PAGE}/blank.html`, `${PAGE}/reissue-popup.html`],
    post_logout_redirect_uris: [`${PAGE}/blank.html?signed=out`],
};
const html = body => `<!doctype html><title>Provider</title><link rel="icon" href="data:,">${body}`;
const provider = new Provider(issuer, {
    clients: [
        {...page, client_id: "page"},
        {...page, client_id: "elliptic", id_token_signed_response_alg: "ES256"},
    ],
    jwks: {keys},
    cookies: {keys: [randomBytes(16).toString("hex")]},
    pkce: {required: () => true},
    ttl: {AccessToken: Number(LIFE), Session: 600, Grant: 600, Interaction: 600, IdToken: 600, RefreshToken: 600},
    clientBasedCORS: (ctx, origin) => origin === PAGE,
    findAccount: (ctx, sub) => ({accountId: sub, claims: () => ({sub})}),
    interactions: {url: (ctx, {uid}) => `/interaction/${uid}`},
    features: {
        devInteractions: {enabled: false},
        revocation: {enabled: true},
        dPoP: {enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true},
        rpInitiatedLogout: {
            enabled: true,
            logoutSource: (ctx, form) => {
                ctx.body = html(`${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
            },
        },
        resourceIndicators: {
            enabled: true,
            getResourceServerInfo: () => ({scope: "notes", accessTokenFormat: "jwt", accessTokenTTL: Number(LIFE)}),
        },
    },
});

async function interact(request, response) {
    const {prompt, params, session} = await provider.interactionDetails(request, response);
    if (request.method === "GET") {
        const said = prompt.name === "login" ? "Sign in" : "Allow";
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        const form = `<button name="user" value="ada">${said}</button><button name="refuse" value="1">Refuse</button>`;
        return response.end(html(`<form method="post">${form}</form>`));
    }
    const form = new URLSearchParams(await text(request));
    let result = {error: "access_denied", error_description: "The user said no"};
    if (form.has("user") && prompt.name === "login") result = {login: {accountId: form.get("user")}};
    else if (form.has("user")) {
        const grant = new provider.Grant({accountId: session.accountId, clientId: params.client_id});
        grant.addOIDCScope(params.scope);
        for (const indicator of [params.resource ?? []].flat()) grant.addResourceScope(indicator, "notes");
        result = {consent: {grantId: await grant.save()}};
    }
    await provider.interactionFinished(request, response, result);
}

const seen = new Set();
const dead = new Set();

async function subject(scheme, token, proof, url) {
    if (dead.has(token)) return null;
    let sub, key;
    if (token.includes(".")) {
        const audience = `${issuer}/${url.split("/")[1]}/`; // of each API its own
        const claims = await jwtVerify(token, verifying, {issuer, audience}).catch(() => null);
        [sub, key] = [claims?.payload.sub, claims?.payload.cnf?.jkt];
    } else {
        const found = await provider.AccessToken.find(token);
        [sub, key] = [found?.accountId, found?.jkt];
    }
    if ((scheme === "DPoP") !== Boolean(key)) return null;
    return !key || (await proves(proof, key, token, url)) ? (sub ?? null) : null;
}

// RFC 9449 section 4.3, by jose. A proof is taken once.
async function proves(proof, key, token, url) {
    const checked = await jwtVerify(proof ?? "", EmbeddedJWK, {typ: "dpop+jwt", maxTokenAge: 60}).catch(() => null);
    if (checked === null || seen.has(proof)) return false;
    seen.add(proof);
    const {payload, protectedHeader} = checked;
    const ath = createHash("sha256").update(token).digest("base64url");
    const jkt = await calculateJwkThumbprint(protectedHeader.jwk);
    return payload.htm === "GET" && payload.htu === `${issuer}${url}` && payload.ath === ath && jkt === key;
}

async function api(request, response) {
    response.setHeader("Access-Control-Allow-Origin", PAGE);
    response.setHeader("Access-Control-Allow-Headers", "Authorization, DPoP");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
    const sub = await subject(scheme, token, request.headers.dpop, request.url);
    if (sub === null) return response.writeHead(401).end();
    seen.add(token);
    response.end(JSON.stringify({sub}));
}

const callback = provider.callback();
let openerPolicy = "";
server.on("request", (request, response) => {
    if (request.url.startsWith("/dev/opener-policy/")) { // from now on, of all pages
        openerPolicy = request.url.split("/").at(-1);
        return response.end();
    }
    if (openerPolicy) response.setHeader("Cross-Origin-Opener-Policy", openerPolicy);
    if (/^\/(api|files)\//.test(request.url)) return api(request, response);
    if (request.url.startsWith("/interaction/")) return interact(request, response);
    if (request.url !== "/dev/expire") return callback(request, response);
    for (const token of seen) dead.add(token); // the API takes no token any more that it has seen
    response.end();
});
