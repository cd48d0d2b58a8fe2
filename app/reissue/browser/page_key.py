"""A key that no script can read: made and used by the browser (Web Cryptography API), stored in IndexedDB.

All tabs that share the session have the same key. A script that is injected into the page can have proofs signed while
it runs there, but can't copy the key.
"""

from collections.abc import Mapping
from typing import Any

import js
from pyodide.ffi import JsException, to_js

from ..concurrency.singleflight import SingleFlight
from ..concurrency.timers import time_limit
from ..errors import ReissueError
from .database import PATIENCE, found, opened, settled
from .interop import js_object

DATABASE, KEYS = "reissue", "keys"


class PageKey:
    """The ES256 key of this name. If the browser stores none (a private window, a sandbox) it is this page's alone.

    Raises ReissueError if there is no cryptography: in a page that was loaded over plain HTTP. A call that waits for
    the key raises TimeoutError if the browser does not answer.
    """

    def __init__(self, name: str) -> None:
        if not getattr(getattr(js, "crypto", None), "subtle", None):
            raise ReissueError("dpop=True needs the browser's cryptography: serve the page over HTTPS")
        self._name = name
        self._loading: SingleFlight[None] = SingleFlight()
        self._private: Any = None
        self._public: Mapping[str, str] = {}
        self._is_kept: bool | None = None
        self._algorithm = js_object({"name": "ECDSA", "hash": "SHA-256"})

    @property
    def known_to_be_kept(self) -> bool | None:
        """Is the key stored, so that all tabs and later pages have it? None while that is not known."""
        return self._is_kept

    async def kept(self) -> bool:
        """Is the key stored, so that all tabs and later pages have it? Waits until that is known."""
        if self._is_kept is None:
            await self._loading.join(self._load)
        return bool(self._is_kept)

    async def public(self) -> Mapping[str, str]:
        """The public key as a JWK."""
        if self._is_kept is None:
            await self._loading.join(self._load)
        return self._public

    async def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes. Call `public()` first."""
        signature = await js.crypto.subtle.sign(self._algorithm, self._private, to_js(message))
        made: bytes = signature.to_bytes()
        return made

    async def _load(self) -> None:
        try:
            async with time_limit(PATIENCE):
                pair, kept = await _kept_pair(self._name), True
        except TimeoutError:  # the key may be stored all the same: the next call tries again
            raise
        except (JsException, OSError):
            pair, kept = await _new_pair(), False
        jwk = (await js.crypto.subtle.exportKey("jwk", pair.publicKey)).to_py()
        self._private = pair.privateKey
        self._public = {member: jwk[member] for member in ("kty", "crv", "x", "y")}
        self._is_kept = kept


async def _new_pair() -> Any:
    algorithm = js_object({"name": "ECDSA", "namedCurve": "P-256"})
    return await js.crypto.subtle.generateKey(algorithm, False, to_js(["sign"]))  # False: not extractable


async def _kept_pair(name: str) -> Any:
    """The pair that is stored under this name, or a new one. Raises JsException or OSError if the browser stores none.

    If two tabs make a pair at once, the first to add it wins: a transaction that writes has the store to itself.
    """
    async with opened(DATABASE, KEYS) as database:
        pair = await found(database, KEYS, name)
        if pair is None:
            made = await _new_pair()
            transaction = database.transaction(KEYS, "readwrite")
            transaction.objectStore(KEYS).add(made, name)
            try:
                await settled(transaction, "complete", "abort")
            except OSError:  # another tab was faster, or the storage is full
                pair = await found(database, KEYS, name)
            else:
                pair = made
        if pair is None:
            raise OSError("the browser stores no key")
        return pair
