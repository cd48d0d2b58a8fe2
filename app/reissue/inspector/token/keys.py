"""The keys to verify with: a secret that the user types, or a key set from a URL.

The URL is the one that the user types, or this origin's usual one; never one that a token names: a token must not
choose the keys that it is verified with.
"""

from collections.abc import Mapping
from typing import Any

from ...browser.webcrypto import verified
from ...errors import ReissueError
from ...http.json_text import parse_json
from ...interceptor import Interceptor
from ...tokens.jws import ParsedToken
from ...tokens.signatures import HMAC, Key, Verdict, by_keys, by_secret, choose_keys, own_key
from . import webcrypto

USUAL = "/.well-known/jwks.json"
_LONGEST = 1_000_000  # characters of a key set


class Keys:
    """A secret and a key set, kept while the view is open. Neither is stored, sent or logged."""

    def __init__(self, api: Interceptor) -> None:
        self._api = api
        self.secret = ""
        self.url = USUAL
        self.fetched = ""  # the URL of the last fetch
        self.trouble = ""
        self._set: Any = None

    async def fetch(self) -> None:
        """Fetch the key set. If that fails, `trouble` says why."""
        self.fetched, self._set, self.trouble = self.url, None, ""
        try:
            response = await self._api.fetch(self.url, auth=False, cache="no-store", credentials="omit")
            text = await response.text()
            if response.status != 200:
                self.trouble = str(response.status)
            elif len(text) > _LONGEST:
                self.trouble = "too long"
            else:
                self._set = parse_json(text, exact=True)
        except (OSError, ReissueError):
            self.trouble = "no answer"
        except (TypeError, ValueError):
            self.trouble = "not a key set"

    async def verify(self, parsed: ParsedToken) -> tuple[Verdict, Key | None]:
        """The verdict on the signature, and the key that was used: the one in the token, if there is one."""
        if parsed.algorithm in HMAC:
            if (
                not self.secret
                and self._set is not None
                and choose_keys(parsed, self._set) is not Verdict.WRONG_KEY_TYPE
            ):
                return Verdict.PUBLIC_KEY_AS_SECRET, None
            return by_secret(parsed, self.secret), None
        own = own_key(parsed)
        if own is not None:
            return await verified(parsed, own), own
        return await by_keys(parsed, self._set, verified)

    async def public_key_as_text(self) -> str:
        """The first public key of the set, as text; a new one if there is no set."""
        keys = self._set.get("keys") if isinstance(self._set, dict) else None
        for jwk in keys if isinstance(keys, list) else []:
            if isinstance(jwk, Mapping) and isinstance(jwk.get("alg"), str) and jwk["alg"][:2] in ("ES", "RS"):
                return await webcrypto.public_key_as_text(jwk, jwk["alg"])
        return await webcrypto.public_key_as_text(None, "ES256")
