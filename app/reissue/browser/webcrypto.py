"""The browser's own cryptography (Web Cryptography API): only for pages over HTTPS, or from this machine."""

from collections.abc import Mapping
from typing import Any

import js
from pyodide.ffi import JsException, to_js

from ..errors import ReissueError
from ..tokens.jws import ParsedToken
from ..tokens.signatures import Key, Verdict
from .interop import js_object

_CURVES = {"256": "P-256", "384": "P-384", "512": "P-521"}


def available() -> bool:
    """Does this page have Web Crypto?"""
    return bool(getattr(getattr(js, "crypto", None), "subtle", None))


async def sha256(data: bytes) -> bytes:
    """The digest of some bytes. Raises ReissueError where the page has no cryptography."""
    if not available():
        raise ReissueError("this needs Web Crypto, which only pages over HTTPS or from this machine have")
    digest: bytes = (await js.crypto.subtle.digest("SHA-256", to_js(data))).to_bytes()
    return digest


async def verified(parsed: ParsedToken, key: Key) -> Verdict:
    """Whether the signature was made with the private half of this key."""
    if not available():
        return Verdict.NO_CRYPTO
    try:
        public = await imported(key.jwk, parsed.algorithm, "verify")
        holds = await js.crypto.subtle.verify(
            parameters_of(parsed.algorithm), public, to_js(parsed.signature), to_js(parsed.signing_input)
        )
    except JsException:  # a point off the curve, a modulus of three bits
        return Verdict.UNUSABLE_KEY
    if key.own:
        return Verdict.HOLDS_BY_ITS_OWN_KEY if holds else Verdict.FAILS_BY_ITS_OWN_KEY
    return Verdict.HOLDS if holds else Verdict.FAILS


async def imported(jwk: Mapping[str, Any], algorithm: str, use: str) -> Any:
    """A public key (RFC 7517) as the browser's CryptoKey. Raises JsException if it is not valid."""
    return await js.crypto.subtle.importKey("jwk", js_object(dict(jwk)), parameters_of(algorithm), True, to_js([use]))


def parameters_of(algorithm: str) -> Any:
    """Web Crypto's parameters for an algorithm of RFC 7518."""
    family, size = algorithm[:2], algorithm[2:]
    name = {"RS": "RSASSA-PKCS1-v1_5", "PS": "RSA-PSS", "ES": "ECDSA"}[family]
    return js_object({"name": name, "hash": f"SHA-{size}", "namedCurve": _CURVES[size], "saltLength": int(size) // 8})
