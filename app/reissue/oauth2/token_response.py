"""The answer of a token endpoint: read as a credential, or as the error that it is.

Pure: sends nothing and keeps nothing. `refusals` has the rule by which an answer is a refusal.
"""

import re
from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ..errors import MalformedToken, RefreshUnavailable
from ..http.json_text import is_json_type, is_number, json_value
from ..http.retry_after import retry_after
from ..tokens.credentials import Credential, presentable
from .refusals import LATER, Predicate, Presented, names_failure, refusal_in
from .routes import HEADER, NAMES

_MEDIA_TYPE: Final = re.compile(r"(?:application|text)/[a-z0-9.+-]{1,40}")
_BEARER: Final = re.compile(r"bearer +", re.IGNORECASE)


_STANDARD_NAMES: Final[Mapping[str, str]] = MappingProxyType({name: name for name in NAMES})


class Reading(NamedTuple):
    """How to read an answer.

    `names` says what this server calls the fields of RFC 6749 section 5.1: "data.access_token" is a member of an object
    in the JSON body, and "header:X-Access-Token" a header field. `presented` is what the request presented, and
    `refused` the endpoint's setting. `in_cookies`: tokens are in cookies, and a success needs none in its body.
    `by_get`: the request only asked who is signed in. `url` is where the answer came from, without query, for the
    errors.
    """

    names: Mapping[str, str] = _STANDARD_NAMES
    presented: Presented = Presented.REFRESH_TOKEN
    refused: frozenset[int] | Predicate | None = None
    in_cookies: bool = False
    by_get: bool = False
    url: str | None = None


def read_credential(status: int, headers: Mapping[str, str], text: str, reading: Reading | None = None) -> Credential:
    """The credential in an endpoint's answer. Pure, if `refused` is.

    Raises GrantRefused for a refusal; RefreshUnavailable for every other failure that may pass; MalformedToken for a
    success without a usable token (F4).
    """
    reading = reading or Reading()
    body = json_value(text)
    error = body.get("error") if isinstance(body, dict) else None
    where = f"{reading.url or 'the endpoint'} answered {status}"

    def unavailable(problem: str, wait: float | None = None) -> RefreshUnavailable:
        return RefreshUnavailable(problem, retry_after=wait, status=status, url=reading.url, body=body)

    if error == "use_dpop_nonce":  # if the nonce could be read, the request has been repeated with it by now
        raise unavailable(
            f"{where}: it wants a nonce in the proof (DPoP), which this page can't read: the server must expose "
            "DPoP-Nonce (Access-Control-Expose-Headers)"
        )
    if error == "invalid_dpop_proof":
        raise unavailable(f"{where}: it rejected the proof of the key (DPoP): is this machine's clock right?")
    found = {name: _found(body, headers, place) for name, place in reading.names.items()}
    succeeded = 200 <= status < 300
    is_null = text.strip() == "null" and is_json_type(headers)
    empty = is_null or not text.strip()
    granted = succeeded and bool(found["access_token"]) and not reading.in_cookies
    if not granted:
        refusal = refusal_in(
            status,
            headers,
            body,
            empty=empty,
            no_user=is_null and reading.by_get,
            presented=reading.presented,
            refused=reading.refused,
            in_cookies=reading.in_cookies,
            url=reading.url,
        )
        if refusal is not None:
            raise refusal
    if not succeeded:
        raise unavailable(f"{where}: {_remedy(status, is_json=body is not None)}", retry_after(headers))
    if reading.in_cookies:
        if names_failure(body):
            raise unavailable(f"{_said(status, headers, reading)}, and its JSON says that the request failed")
        if body is None and not empty:  # a proxy's page, say, is no grant
            raise MalformedToken(
                f"{_said(status, headers, reading)}, which is not JSON, so it is no answer of the endpoint: is the URL "
                "right?"
            )
        return Credential.in_cookies(expires_in=_number(found["expires_in"]))
    rotated = presentable(found["refresh_token"])
    if found["access_token"] is None:
        raise MalformedToken(_missing(status, headers, reading, is_json=body is not None), rotated=rotated)
    token_type = str(found["token_type"] or "bearer").lower()  # null and empty are missing (F19)
    if token_type not in ("bearer", "dpop"):
        raise MalformedToken(
            f"{where}: its token_type is not bearer or DPoP, so the token can't be sent (RFC 6749 section 7.1). If the "
            "server calls the type otherwise, say names={'token_type': …}",
            rotated=rotated,
        )
    return Credential(
        access_token=found["access_token"],
        refresh_token=found["refresh_token"] or None,
        expires_in=_number(found["expires_in"]),
        token_type="DPoP" if token_type == "dpop" else "Bearer",
    )


def _found(body: Any, headers: Mapping[str, str], place: str) -> Any:
    """What stands at this place of an answer; None if nothing does. See `Reading.names`."""
    if place.startswith(HEADER):
        value = headers.get(place.removeprefix(HEADER).strip(), "")
        return _BEARER.sub("", value, count=1) or None
    if not isinstance(body, dict):
        return None
    if place in body:
        return body[place]
    found: Any = body
    for name in place.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _said(status: int, headers: Mapping[str, str], reading: Reading) -> str:
    kind = headers.get("Content-Type", "").partition(";")[0]
    kind = kind if _MEDIA_TYPE.fullmatch(kind) else "no content type"  # an unknown server's text is not quoted (X7)
    return f"{reading.url or 'the endpoint'} answered {status} ({kind})"


def _missing(status: int, headers: Mapping[str, str], reading: Reading, *, is_json: bool) -> str:
    place = reading.names["access_token"]
    if place.startswith(HEADER):
        remedy = "does the server expose that field (Access-Control-Expose-Headers)?"
    elif is_json:
        remedy = "if the server calls it otherwise, say names={'access_token': …}"
    else:
        remedy = "that is no answer of a token endpoint: is the URL right?"
    return f"{_said(status, headers, reading)} without an {place}: {remedy}"


def _remedy(status: int, *, is_json: bool) -> str:
    """What to do about an answer that says nothing about what was presented."""
    # A server may say so of a user who was deleted; a file host has no JSON for it.
    ends = f"; if the server ends a session by it, say refused={{401, {status}}}" if is_json else ""
    if status in (404, 405, 501):  # a plain file host answers a POST by 501
        return (
            "is the endpoint's URL right? sign_in=, refresh= and sign_out= are paths below it, and refresh=None or "
            f"sign_out=None is for a server without one{ends if status == 404 else ''}"
        )
    if status == 403:
        return f"the server may want a CSRF token (headers=), or a proxy has answered in its place{ends}"
    if status >= 500 or status in LATER:
        return "try again later"
    return "that is no answer of a token endpoint: is the URL right?"


def _number(value: object) -> float | None:
    """A life in seconds, even if it is written as text. None if it can't be read: then a 401 ends the token's life.

    It raises nothing: the server has rotated its tokens by now, so a valid token must not be lost for a bad number.
    """
    try:
        number = float(value) if isinstance(value, str) or is_number(value) else -1.0
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and number >= 0 else None
