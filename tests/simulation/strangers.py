"""What other people's servers, proxies and scripts do, as the simulated ones do it.

A refusal is what the endpoint itself says, and each server says it in its own way (`REFUSALS`): the session ends. A
proxy's answer (`PROXIES`) says nothing of the refresh token, whatever its status: nobody is signed out by it.

A script of the origin can write to the channel and the store. What it could say as well as any page (a sign-out in due
form, a token of its own with a plausible version) is left out: such a script has the origin. What is in no form that a
page writes must change nothing, and must not be what the next page trips over (`messages`, `MARKS`).
"""

import json
from base64 import urlsafe_b64encode
from typing import Any

Said = tuple[int, dict[str, str], bytes]
"""Status, header fields and body."""


def says(status: int, fields: Any = None, text: str = "") -> Said:
    """An answer in JSON, in HTML, or with no body at all."""
    if fields is not None:
        return status, {"Content-Type": "application/json"}, json.dumps(fields).encode()
    return status, {"Content-Type": "text/html; charset=utf-8"} if text else {}, text.encode()


REFUSALS = {
    "": says(401, {"error": "invalid_grant"}),
    "401 empty": says(401),
    "401 html": says(401, text="<h1>Unauthorized</h1>"),
    "oauth": says(400, {"error": "invalid_grant", "error_description": "expired"}),
    "403": says(403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}),
    "400 empty": says(400),
    "supabase": says(400, {"code": 400, "error_code": "refresh_token_not_found", "msg": "Invalid Refresh Token"}),
    "firebase": says(400, {"error": {"code": 400, "message": "INVALID_REFRESH_TOKEN", "status": "INVALID_ARGUMENT"}}),
    "cognito": says(400, {"__type": "NotAuthorizedException", "message": "Refresh Token has expired"}),
    "flask": says(422, {"msg": "Signature verification failed"}),
    "github": says(200, {"error": "bad_refresh_token", "error_description": "is incorrect or expired"}),
    "interaction": says(400, {"error": "interaction_required"}),
    "login": says(400, {"error": "login_required"}),
    "expired": says(400, {"error": "expired_token"}),
    "410": says(410, {"message": "gone"}),
    "419": says(419),
    "440": says(440, {"message": "login time-out"}),
}
"""How a server refuses a refresh token that is dead, and says that there is none."""

PAGE = "<!doctype html><title>Request blocked</title><h1>Request blocked</h1>"
PROXIES = {
    "403 html": says(403, text=PAGE),
    "403 gateway": says(403, {"message": "Forbidden"}),
    "400 html": says(400, text=PAGE),
    "422 html": says(422, text=PAGE),
    "404": says(404, {"detail": "Not Found"}),
    "405": says(405, {"detail": "Method Not Allowed"}),
    "408": says(408),
    "421": says(421, text=PAGE),
    "425": says(425),
    "busy": says(429, {"error": "slow_down"}),
    "500": says(500, {"error": "invalid_grant"}),
    "502": says(502, text=PAGE),
    "504": says(504, {"message": "Endpoint request timed out"}),
    "not now": says(400, {"error": "temporarily_unavailable"}),
}
"""What comes in place of an answer, and before the endpoint has done anything."""

SPOILED: dict[str, dict[str, Any]] = {
    "no token": {"access_token": None},
    "empty token": {"access_token": ""},
    "spaced token": {"access_token": "not a token"},
    "odd type": {"token_type": "mac"},
    "other type": {"token_type": "other"},  # a bearer token where proofs are asked for, or the other way round
}
"""What is wrong with an answer that has rotated the refresh token. None: it is missing."""

UNTYPED = {"null type": None, "empty type": ""}
"""The same as no `token_type` at all, which is a bearer's."""

SIGN_OUTS = {
    "401": says(401, {"error": "invalid_client"}),
    "403": says(403, {"detail": "CSRF Failed"}),
    "404": says(404, {"detail": "Not Found"}),
    "500": says(500, text=PAGE),
}
"""How an endpoint refuses every sign-out, for good."""

NAMES = ("", "", "user_id", "uid", "username", "email")  # of the claim that names the user; "": `sub`
SUBJECTS = ("", "", "pairwise", "pairwise, bare", "typed", "spelled")

FORMS = (
    "far future",
    "in two days",
    "end in the far future",
    "other type",
    "nested",
    "deep",
    "long",
    "garbage",
    "sign",
    "claim",
)
STORED_FORMS = tuple(form for form in FORMS if form != "in two days")  # it would be as good as any, if there is none

MARKS = ("9" * 19, "9" * 86, "1", "", "0", "-5", "1e5", "garbage", "\u0663", "[" * 5000)

_GARBAGE = (
    "",
    "null",
    "[]",
    "NaN",
    '"granted"',
    "{",
    '{"type": null}',
    '{"type": "granted"}',
    '{"type": ["granted"], "edition": {}}',
    '{"type": "granted", "edition": "1.a.1", "access_token": 5, "received_at": 0}',
    '{"type": "granted", "edition": "1.a.1", "access_token": "a", "received_at": 1e999}',
    '{"type": "granted", "edition": "1.a.1", "access_token": "\\ud800", "received_at": 0}',
    '{"type": "ended", "reason": "signed_out", "edition": 5}',
    '{"type": "ended", "reason": "signed_out", "edition": "1.a"}',
    '{"type": "ended", "reason": "refused"}',
    '{"type": "ended", "reason": "refused", "edition": null}',
    '{"type": "ended", "reason": "closed", "edition": "1.a.1"}',
    '{"courtesy": "taken", "of": null}',
    '{"courtesy": "sign", "of": 5}',
    '{"courtesy": "sign", "of": "garbage"}',
)


def nested_token(levels: int = 4000) -> str:
    """A JWT whose claims end a Python in a page that reads them without a guard (X8)."""
    claims = f'{{"sub": "ada", "nested": {"[" * levels}{"]" * levels}}}'
    return f"eyJhbGciOiJIUzI1NiJ9.{urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.c2ln"


def message(form: str, number: int, *, now: float, bound: bool) -> str:
    """What a hostile script writes at `now` (seconds) to a page whose tokens are `bound` to a key or not."""
    token_type = "Bearer" if bound else "DPoP"
    deep = "[" * 5000 + "]" * 5000
    match form:
        case "far future":
            return _granted("9" * 86, now)
        case "in two days":
            return _granted(f"{(now + 2 * 86_400) * 1000:.0f}", now)
        case "end in the far future":
            return json.dumps(
                {"type": "ended", "edition": f"{'9' * 86}.a.1", "reason": ("signed_out", "refused")[number % 2]}
            )
        case "other type":
            return _granted(f"{now * 1000:.0f}", now, other_type=token_type)
        case "nested":
            return deep
        case "deep":
            return f'{{"type": "granted", "edition": "{now * 1000:.0f}.a.1", "access_token": {deep}, "received_at": 0}}'
        case "long":
            return "x" * 100_000
        case "sign":
            return json.dumps({"courtesy": "sign", "of": f"{'9' * 86}.a.1"})
        case "claim":
            return json.dumps({"courtesy": "claim", "of": [1e308 if number % 2 else -1, "a"]})
    return _GARBAGE[number % len(_GARBAGE)]


def granted_nested(now: float) -> str:
    """A token in due form, which pages may go on with until it is refused, but not end at."""
    return _granted(f"{now * 1000:.0f}", now, access_token=nested_token())


def _granted(began: str, now: float, *, other_type: str | None = None, access_token: str = "a-strangers") -> str:
    fields = {
        "type": "granted",
        "edition": f"{began}.a.1",
        "access_token": access_token,
        "refresh_token": None,
        "expires_in": 3600,
        "received_at": now,
    }
    return json.dumps(fields if other_type is None else {**fields, "token_type": other_type})
