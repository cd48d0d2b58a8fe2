"""An answer of a token endpoint, read: a credential, a refusal, or a failure that may pass (RFC 6749 section 5)."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from ..errors import MalformedToken, RefreshUnavailable
from ..http.json_text import is_json_type, is_number, json_value
from ..http.retry_after import retry_after
from ..tokens.credentials import Credential, presentable
from .refusals import Predicate, Presented, refusal_in

NAMES: Final = ("access_token", "refresh_token", "expires_in", "token_type")
"""Of the fields of an answer (RFC 6749 section 5.1)."""

_LATER: Final = frozenset({408, 421, 425, 429})  # the 4xx that ask to try again
_MEDIA_TYPE: Final = re.compile(r"(?:application|text)/[a-z0-9.+-]{1,40}")


def read_credential(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    names: Mapping[str, str] | None = None,
    presented: Presented = Presented.REFRESH_TOKEN,
    refused: frozenset[int] | Predicate | None = None,
) -> Credential:
    """The credential in an endpoint's answer. Pure, if `refused` is.

    `names` says what this server calls the fields of RFC 6749 section 5.1. `presented` is what the request presented,
    and `refused` the endpoint's setting: `refusals` has the rule by which an answer is a refusal.

    Raises GrantRefused for a refusal; RefreshUnavailable for every other failure that may pass; MalformedToken for a
    success without a usable token (F4).
    """
    body = json_value(text)
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    names = names or dict(zip(NAMES, NAMES, strict=True))
    error = fields.get("error")
    if error == "use_dpop_nonce":  # if the nonce could be read, the request has been repeated with it by now
        raise RefreshUnavailable("the endpoint wants a nonce in the proof: does it expose DPoP-Nonce?", status=status)
    if error == "invalid_dpop_proof":
        raise RefreshUnavailable(
            "the endpoint rejected the proof of the key (DPoP): is this machine's clock right?", status=status
        )
    if not (200 <= status < 300 and fields.get(names["access_token"])):
        empty = not text.strip() or (text.strip() == "null" and is_json_type(headers))
        refusal = refusal_in(status, headers, body, empty=empty, presented=presented, refused=refused)
        if refusal is not None:
            raise refusal
    if not 200 <= status < 300:
        raise RefreshUnavailable(
            f"the endpoint answered {status}",
            retry_after=retry_after(headers),
            status=status,
        )
    rotated = presentable(fields.get(names["refresh_token"]))
    if names["access_token"] not in fields:
        kind = headers.get("Content-Type", "").partition(";")[0]
        kind = kind if _MEDIA_TYPE.fullmatch(kind) else "no content type"  # an unknown server's text is not quoted (X7)
        missing = f"the endpoint answered {status} ({kind}) without an {names['access_token']}"
        raise MalformedToken(missing, rotated=rotated)
    token_type = str(fields.get(names["token_type"]) or "bearer").lower()  # null and empty are missing (F19)
    if token_type not in ("bearer", "dpop"):
        raise MalformedToken(
            "the endpoint's token_type is not bearer or DPoP: it can't be sent (RFC 6749 section 7.1)", rotated=rotated
        )
    return Credential(
        access_token=fields[names["access_token"]],
        refresh_token=fields.get(names["refresh_token"]) or None,
        expires_in=_number(fields.get(names["expires_in"])),
        token_type="DPoP" if token_type == "dpop" else "Bearer",
    )


def is_final(status: int) -> bool:
    """Is this answer a refusal that will be the same next time: a 4xx that does not ask to try again?"""
    return 400 <= status < 500 and status not in _LATER


def _number(value: object) -> float | None:
    """A life in seconds, even if it is written as text. None if it can't be read: then a 401 ends the token's life.

    It raises nothing: the server has rotated its tokens by now, so a valid token must not be lost for a bad number.
    """
    try:
        number = float(value) if isinstance(value, str) or is_number(value) else -1.0
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and number >= 0 else None
