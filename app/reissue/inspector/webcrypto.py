"""The browser's own cryptography (Web Cryptography API): verifies with public keys, and makes forgeries to look at."""

from collections.abc import Mapping
from typing import Any

import js
from pyodide.ffi import JsException, to_js

from .dom import js_object
from .jwt_view import Opened, compact, open_token
from .verify import Key, Verdict

_CURVES = {"256": "P-256", "384": "P-384", "512": "P-521"}


def available() -> bool:
    """Has this page got it? Only one that came over HTTPS, or from this machine, has."""
    return bool(getattr(getattr(js, "crypto", None), "subtle", None))


async def verified(opened: Opened, key: Key) -> Verdict:
    """Whether the signature was made with the private half of this key."""
    if not available():
        return Verdict.NO_CRYPTO
    try:
        public = await _imported(key.jwk, opened.algorithm, "verify")
        holds = await js.crypto.subtle.verify(
            _parameters(opened.algorithm), public, to_js(opened.signature), to_js(opened.signing_input)
        )
    except JsException:  # a point off the curve, a modulus of three bits
        return Verdict.UNUSABLE_KEY
    if key.own:
        return Verdict.HOLDS_BY_ITS_OWN_KEY if holds else Verdict.FAILS_BY_ITS_OWN_KEY
    return Verdict.HOLDS if holds else Verdict.FAILS


async def signed_with_a_key_of_its_own(payload: Mapping[str, Any]) -> str:
    """A token whose header brings along the key that it was signed with: anybody can make one."""
    pair = await js.crypto.subtle.generateKey(_parameters("ES256"), True, to_js(["sign", "verify"]))
    jwk = (await js.crypto.subtle.exportKey("jwk", pair.publicKey)).to_py()
    header = {
        "alg": "ES256",
        "typ": "JWT",
        "jwk": {name: jwk[name] for name in ("kty", "crv", "x", "y")},
        "jku": "https://attacker.example/keys.json",
    }
    unsigned = open_token(compact(header, payload))
    made = await js.crypto.subtle.sign(_parameters("ES256"), pair.privateKey, to_js(unsigned.signing_input))
    return compact(header, payload, made.to_bytes())


async def public_key_as_text(jwk: Mapping[str, Any] | None, algorithm: str) -> str:
    """A public key in PEM, as it lies in many a configuration; a fresh one if none is given."""
    if jwk is None:
        pair = await js.crypto.subtle.generateKey(_parameters("ES256"), True, to_js(["sign", "verify"]))
        key = pair.publicKey
    else:
        key = await _imported(jwk, algorithm, "verify")
    exported = await js.crypto.subtle.exportKey("spki", key)
    text = str(js.btoa("".join(map(chr, exported.to_bytes()))))
    lines = [text[place : place + 64] for place in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


async def _imported(jwk: Mapping[str, Any], algorithm: str, use: str) -> Any:
    return await js.crypto.subtle.importKey("jwk", js_object(dict(jwk)), _parameters(algorithm), True, to_js([use]))


def _parameters(algorithm: str) -> Any:
    """What Web Crypto calls an algorithm of RFC 7518."""
    family, size = algorithm[:2], algorithm[2:]
    name = {"RS": "RSASSA-PKCS1-v1_5", "PS": "RSA-PSS", "ES": "ECDSA"}[family]
    return js_object({"name": name, "hash": f"SHA-{size}", "namedCurve": _CURVES[size], "saltLength": int(size) // 8})
