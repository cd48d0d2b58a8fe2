"""Which answers of a token endpoint refuse the grant for good, and which only mean 'try later'.

A refusal is the endpoint's own judgement of what was presented. If a proxy's page counted as one, a bad network would
sign users out. If a refusal were not recognised, users would be locked out, since every page would try again for ever.
An answer without an access token is judged by the first line that fits:

| answer to a refresh | judged as |
|---|---|
| its JSON names `use_dpop_nonce` or `invalid_dpop_proof` (RFC 9449; see `token_response`) | transient |
| 204: no user is signed in. Where tokens are in cookies, `null` to a GET says so, and a 204 grants | refused |
| the endpoint's setting `refused=` decides | as it says |
| 404, 405, 408, 421, 425, 429, 5xx, 1xx, 3xx, whatever the body says (F3) | transient |
| 401, whatever the body says | refused |
| 2xx or 4xx whose JSON names an error that is final, such as `invalid_grant` | refused |
| 400, 410, 419, 422, 440 whose JSON names an error that passes, such as `temporarily_unavailable` | transient |
| 400, 410, 419, 422, 440 with any other JSON, or with no body | refused |
| everything else: HTML or text under any status, 403 `{"message": "Forbidden"}`, 200 without a token | transient |

A sign-in with what the user typed is refused by every 4xx that the table does not call transient by its status or by an
error that passes: that signs no user out. Only a page of HTML is transient there, unless it is a 401: it comes from a
proxy, or from a check for forged requests (CSRF), and says nothing about the password. `refused=` does not apply to a
sign-in. An authorization code is also refused by every 4xx whose JSON names any error at all: the code is spent (F14).
"""

import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from inspect import iscoroutinefunction
from typing import Any, Final

from ..errors import GrantRefused, RefreshUnavailable
from ..http.json_text import is_html, is_json_type
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

LATER: Final = frozenset({408, 421, 425, 429})

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
    no_user: bool,
    in_cookies: bool,
    presented: Presented = Presented.REFRESH_TOKEN,
    refused: frozenset[int] | Predicate | None = None,
    url: str | None = None,
) -> GrantRefused | None:
    """The refusal in an answer without an access token; None if the answer is transient. Pure, if `refused` is.

    `body` is the parsed JSON body, None if it is no JSON; `empty`: there is no body, or it is JSON's `null`;
    `no_user`: it is `null`, and a GET asked who is signed in. `in_cookies`: tokens are in cookies. `url` is where the
    answer came from, for the errors.

    Raises RefreshUnavailable if a function `refused` fails; its error is chained.
    """
    if presented is Presented.REFRESH_TOKEN and (no_user and 200 <= status < 300 if in_cookies else status == 204):
        return GrantRefused("invalid_grant", "no user is signed in", status=status, url=url)
    decided = None if presented is Presented.FIELDS else _decision(refused, status, headers, body, presented, url)
    if decided is None:
        # A number without JSON's media type may be a proxy's plain text.
        judging = empty or isinstance(body, dict | list | str) or (body is not None and is_json_type(headers))
        decided = _is_refused(status, body, presented, judging=judging, is_page=body is None and is_html(headers))
    if not decided:
        return None
    codes = error_codes(body)
    error = next((code for code in codes if code in _FINAL), codes[0] if codes else "invalid_grant")
    return GrantRefused(error, described(body), status=status, url=url, body=body)


def refuses_refresh_token(refusal: GrantRefused) -> bool:
    """Was the refresh token refused, and not what was requested with it (another resource, or a scope)?"""
    return refusal.error not in _OF_THE_REQUEST


def is_final(status: int) -> bool:
    """Is this answer, which presents no grant, the same next time: a 4xx that does not ask to try again?

    For sign-outs, metadata and keys. A 404 or 405 is final there: the URL is wrong. For a grant they are transient,
    since the app's author may mend the URL while its users stay signed in.
    """
    return 400 <= status < 500 and status not in LATER


def names_failure(body: Any) -> bool:
    """Does the JSON body of a 2xx say that the request failed, by an error or a flag?"""
    if not isinstance(body, dict):
        return False
    return bool(body.get("error") or body.get("errors")) or body.get("success") is False or body.get("ok") is False


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
    url: str | None,
) -> bool | None:
    """What the endpoint's setting `refused=` decides; None if the rule decides."""
    if refused is None:
        return None
    if isinstance(refused, frozenset):  # a status that it lacks may still mean that a code is spent
        return status in refused or (None if presented is Presented.CODE else False)
    try:
        decided = refused(status, headers, body)
        if decided is not None and not isinstance(decided, bool):
            raise TypeError(f"refused= must return True, False or None, not {type(decided).__name__}")
    except Exception as cause:  # a bug of the app must not sign the user out
        raise RefreshUnavailable(
            f"{url or 'the endpoint'} answered {status}, and the function in refused= raised {type(cause).__name__}: "
            "it must return True, False or None",
            retry_after=retry_after(headers),
            status=status,
            url=url,
            body=body,
        ) from cause
    return decided


def _is_refused(status: int, body: Any, presented: Presented, *, judging: bool, is_page: bool) -> bool:
    """The table above. `judging`: the body is JSON, or there is no body. `is_page`: it is a page of HTML."""
    if status == 401:
        return True
    if status in _TRY_LATER or not (200 <= status < 300 or 400 <= status < 500):
        return False
    codes = error_codes(body)
    if not _FINAL.isdisjoint(codes):
        return True
    if status < 300 or any(map(_PASSING.search, codes)):
        return False
    if presented is Presented.FIELDS:
        return not is_page
    if presented is Presented.CODE and codes:
        return True
    return status in _JUDGING and judging


def described(body: Any) -> str | None:
    """The server's description of the error, whatever member of the body it stands in."""
    if not isinstance(body, dict):
        return _words(body)
    error = body.get("error")
    # Django, Flask, NestJS and others; dj-rest-auth and allauth, GraphQL and JSON:API
    members = [body.get(name) for name in ("detail", "msg", "message", "error_message", "title")]
    members += [body.get("non_field_errors"), body.get("errors")]
    if isinstance(error, dict):
        members.insert(0, error.get("message"))
    members.insert(0, body.get("error_description"))
    if isinstance(error, str) and not error_code(error):
        members.append(error)  # words, and no code
    return next((words for words in map(_words, members) if words), None)


def _words(member: Any) -> str | None:
    """The words in a member: text, or the first of a list of texts or of objects with a message.

    An object in FastAPI's list names the field as well: `{"loc": ["body", "username"], "msg": "Field required"}`.
    """
    if isinstance(member, str):
        return member or None
    if isinstance(member, dict):  # Laravel and others: {"errors": {"email": ["Unknown address."]}}
        return next((f"{name}: {words}" for name, value in member.items() if (words := _words(value))), None)
    if not isinstance(member, list) or not member:
        return None
    first = member[0]
    if not isinstance(first, dict):
        return first if isinstance(first, str) else None
    words = next((first[name] for name in ("msg", "message", "detail") if isinstance(first.get(name), str)), None)
    place = first.get("loc")
    if words and isinstance(place, list) and place and isinstance(place[-1], str):
        return f"{place[-1]}: {words}"
    return words
