"""Which answers of a token endpoint refuse the grant for good, and which only mean 'try later'.

A refusal is the endpoint's own judgement of what was presented. If a proxy's page counted as one, a bad network would
sign users out. If a refusal were not recognised, users would be locked out, since every page would try again for ever.
An answer without an access token is judged by the first line that fits:

| answer to a refresh | judged as |
|---|---|
| its JSON names `use_dpop_nonce` or `invalid_dpop_proof` (RFC 9449): these are about the proof | transient |
| the endpoint's setting `refused=` decides | as it says |
| 404, 405, 408, 421, 425, 429, 5xx, 1xx, 3xx, whatever the body says (F3) | transient |
| 401, whatever the body says | refused |
| 2xx or 4xx whose JSON names an error that is final, such as `invalid_grant` | refused |
| 400, 410, 419, 422, 440 whose JSON names an error that passes, such as `temporarily_unavailable` | transient |
| 400, 410, 419, 422, 440 with any other JSON, or with no body | refused |
| everything else: HTML or text under any status, 403 `{"message": "Forbidden"}`, 200 without a token | transient |

A sign-in with what the user typed is refused by every 4xx that the table does not call transient by its status or by an
error that passes: that signs no user out. `refused=` does not apply to it. An authorization code is also refused by
every 4xx whose JSON names any error at all: the code is spent (F14).
"""

import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from inspect import iscoroutinefunction
from typing import Any, Final

from ..errors import GrantRefused, RefreshUnavailable
from ..http.json_text import is_json_type
from ..http.retry_after import retry_after


class Presented(Enum):
    """What was presented to the endpoint."""

    REFRESH_TOKEN = "refresh token"  # or the cookie that stands for one
    CODE = "authorization code"
    FIELDS = "fields"  # what the user typed: a name and a password, say


Predicate = Callable[[int, Mapping[str, str], Any], bool | None]
"""A function of an answer's status, headers and parsed JSON body (None if the body is no JSON).

True: refused. False: try later. None: the rule decides.
"""

# These say nothing about what was presented: wrong URL or method, or try later.
_TRY_LATER: Final = frozenset({404, 405, 408, 421, 425, 429})
# 419 and 440 are 'session expired' in Laravel and IIS. A 403 is not here: gateways send those, in JSON as well (F12).
_JUDGING: Final = frozenset({400, 410, 419, 422, 440})

# Errors about the request, its client, or what it requested: the refresh token may be accepted in another request.
_OF_THE_REQUEST: Final = frozenset({
    "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope",  # RFC 6749
    "access_denied", "insufficient_scope", "invalid_target",  # RFC 6749 and 8628, 6750, 8707 section 2
    "interaction_required", "login_required", "consent_required", "account_selection_required",  # OpenID Connect
    "unmet_authentication_requirements",
    "invalid_resource", "invalid_audience", "incorrect_client_credentials",  # AD FS, several, GitHub
})  # fmt: skip
_OF_THE_TOKEN: Final = frozenset({
    "invalid_grant", "expired_token", "invalid_token",  # RFC 6749 section 5.2, 8628 section 3.5, 6750 section 3.1
    "bad_refresh_token", "bad_verification_code",  # GitHub, under 200
    "refresh_token_not_found", "refresh_token_already_used", "session_not_found", "session_expired",  # Supabase
    "invalid_refresh_token", "token_expired", "user_disabled", "user_not_found",  # Firebase, Slack, …
    "token_revoked", "refresh_token_expired", "refresh_token_revoked", "expired_refresh_token", "token_not_valid",
    "not_authorized_exception",  # Cognito
})  # fmt: skip
_FINAL: Final = (_OF_THE_REQUEST - {"insufficient_scope"}) | _OF_THE_TOKEN
# Cognito and Firebase send these under 400: TooManyRequestsException, TOO_MANY_ATTEMPTS_TRY_LATER.
_PASSING: Final = re.compile(
    "temporarily|service_unavailable|^unavailable|too_many_(?:requests|attempts|failed_attempts|calls|logins)"
    "|try_(?:again_)?later|slow_down|authorization_pending|throttl|rate_?limit|request_limit|^limit_exceeded"
    "|quota_exceeded|resource_exhausted|server_error|internal_error|^internal$|maintenance|overloaded"
    "|^timeout|(?:request|gateway|hook)_time(?:d_)?out|deadline_exceeded"
)

# Errors go into events, so no token may pass for one: only words of letters do, written as in code.
_LOWER: Final = re.compile(r"[a-z]{1,20}(?:_[a-z]{1,20}){0,5}")
_UPPER: Final = re.compile(r"[A-Z]{1,20}(?:_[A-Z]{1,20}){0,5}")
_CAMEL: Final = re.compile(r"[A-Za-z][a-z]{1,19}(?:[A-Z][a-z]{1,19}){1,5}")
_HUMP: Final = re.compile(r"([a-z])([A-Z])")


def checked_refused(refused: Any) -> frozenset[int] | Predicate | None:
    """An endpoint's setting `refused=`. Raises TypeError or ValueError if it can't work."""
    if refused is None:
        return None
    if callable(refused):
        if iscoroutinefunction(refused) or iscoroutinefunction(type(refused).__call__):
            raise TypeError("refused is a plain function: an answer is judged at once, so it can't be async")
        predicate: Predicate = refused
        return predicate
    if isinstance(refused, str | bytes | Mapping) or not isinstance(refused, Collection):
        raise TypeError("refused is a collection of statuses, or a function of (status, headers, body)")
    for status in refused:
        if not isinstance(status, int) or isinstance(status, bool):
            raise TypeError(f"refused holds statuses, which are whole numbers, not {type(status).__name__}")
        if not 200 <= status <= 599:
            raise ValueError(f"refused holds statuses from 200 to 599, not {status}")
    return frozenset(refused)


def refusal_in(
    status: int,
    headers: Mapping[str, str],
    body: Any,
    *,
    empty: bool,
    presented: Presented = Presented.REFRESH_TOKEN,
    refused: frozenset[int] | Predicate | None = None,
) -> GrantRefused | None:
    """The refusal in an answer without an access token; None if the answer is transient. Pure, if `refused` is.

    `body` is the parsed JSON body, None if it is no JSON; `empty`: there is no body, or it is JSON's `null`.

    Raises RefreshUnavailable if a function `refused` fails; its error is chained.
    """
    decided = None if presented is Presented.FIELDS else _decision(refused, status, headers, body, presented)
    if decided is None:
        # A number without JSON's media type may be a proxy's plain text.
        judging = empty or isinstance(body, dict | list | str) or (body is not None and is_json_type(headers))
        decided = _is_refused(status, body, presented, judging=judging)
    if not decided:
        return None
    codes = error_codes(body)
    error = next((code for code in codes if code in _FINAL), codes[0] if codes else "invalid_grant")
    return GrantRefused(error, _description(body), status=status)


def refuses_refresh_token(refusal: GrantRefused) -> bool:
    """Was the refresh token refused, and not what was requested with it (another resource, or a scope)?"""
    return refusal.error not in _OF_THE_REQUEST


def error_code(value: object, otherwise: str = "") -> str:
    """The error that a server names, in snake case; `otherwise` if it does not look like an error code."""
    if isinstance(value, str):
        if _LOWER.fullmatch(value) or _UPPER.fullmatch(value):
            return value.lower()
        if _CAMEL.fullmatch(value):
            return _HUMP.sub(r"\1_\2", value).lower()
    return otherwise


def error_codes(body: Any) -> list[str]:
    """The errors that a JSON body names, in OAuth's member `error` or in those of other servers.

    Firebase has an object under `error`, Supabase an `error_code`, SimpleJWT a `code`, Cognito a `__type`. Entra says
    `invalid_grant` even if it refuses a resource, and names the actual error in `suberror`.
    """
    if not isinstance(body, dict):
        return []
    named = [body.get(name) for name in ("suberror", "error", "error_code", "errorCode", "code")]
    if isinstance(kind := body.get("__type"), str):
        named.append(kind.rpartition("#")[2])  # a namespace may stand before it
    if isinstance(error := body.get("error"), dict):
        message = error.get("message")
        if isinstance(message, str) and "_" in (shouted := message.partition(" : ")[0]):  # an explanation may follow
            named.append(shouted)
        named += [error.get(name) for name in ("code", "status", "type", "name")]
    return [code for code in map(error_code, named) if code]


def _decision(
    refused: frozenset[int] | Predicate | None,
    status: int,
    headers: Mapping[str, str],
    body: Any,
    presented: Presented,
) -> bool | None:
    """What the endpoint's setting `refused=` decides; None if the rule decides."""
    if refused is None:
        return None
    if isinstance(refused, frozenset):  # a status that it lacks may still mean that a code is spent
        return status in refused or (None if presented is Presented.CODE else False)
    try:
        decided = refused(status, headers, body)
        if decided is not None and not isinstance(decided, bool):
            raise TypeError(f"refused= gives True, False or None, not {type(decided).__name__}")
    except Exception as cause:  # a bug of the app must not sign the user out
        raise RefreshUnavailable(
            f"the endpoint answered {status}, and the function in refused= failed: {type(cause).__name__}",
            retry_after=retry_after(headers),
            status=status,
        ) from cause
    return decided


def _is_refused(status: int, body: Any, presented: Presented, *, judging: bool) -> bool:
    """The table above. `judging`: the body is JSON, or there is no body."""
    if status == 401:
        return True
    if status in _TRY_LATER or not (200 <= status < 300 or 400 <= status < 500):
        return False
    codes = error_codes(body)
    if not _FINAL.isdisjoint(codes):
        return True
    if status < 300 or any(map(_PASSING.search, codes)):
        return False
    if presented is Presented.FIELDS or (presented is Presented.CODE and codes):
        return True
    return status in _JUDGING and judging


def _description(body: Any) -> str | None:
    """The server's description of the error, whatever member it stands in."""
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    words = [body.get("error_description"), error.get("message") if isinstance(error, dict) else None]
    words += [body.get(name) for name in ("detail", "msg", "message", "error_message")]  # Django, Flask, NestJS, …
    return next((text for text in words if isinstance(text, str) and text), None)
