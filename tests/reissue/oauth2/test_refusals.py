"""What ends a session and what does not: each line of the rule in `reissue.oauth2.refusals`, in a page and its next."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    Interceptor,
    MalformedToken,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    State,
)
from reissue.testing import Clock

from tests.reissue.conftest import API, clean_console, outcome
from tests.reissue.origin import Shelf
from tests.reissue.provider import said

HTML = "text/html"
SECRET = "eyJhbGciOi.s3cr3t"


GOOD = said({"access_token": "good", "refresh_token": "next", "expires_in": 300})


def page(status: int, text: str = "<html><h1>Blocked</h1>", kind: str = HTML) -> Response:
    """What a proxy puts in the endpoint's place."""
    return Response(status, {"Content-Type": kind}, text.encode())


def rows(table: Mapping[str, Response]) -> pytest.MarkDecorator:
    """A parametrization whose ids are the table's words."""
    return pytest.mark.parametrize("answer", list(table.values()), ids=list(table))


# What servers answer to a dead refresh token. The first ten were met, or run, as named.
DEAD = {
    "403 invalid_grant (Auth0)": said({"error": "invalid_grant", "error_description": "Unknown or invalid"}, 403),
    "400 empty (glewlwyd 2.7.5)": Response(400),
    "400 error_code (Supabase)": said({"code": 400, "error_code": "refresh_token_not_found", "msg": "Not Found"}, 400),
    "400 error object (Firebase)": said({"error": {"code": 400, "message": "INVALID_REFRESH_TOKEN"}}, 400),
    "400 __type (Cognito)": said({"__type": "NotAuthorizedException", "message": "Refresh Token is revoked"}, 400),
    "422 msg (Flask-JWT-Extended 4.7.4)": said({"msg": "Signature verification failed"}, 422),
    "200 bad_refresh_token (GitHub)": said({"error": "bad_refresh_token"}),
    "400 interaction_required (Entra)": said({"error": "interaction_required"}, 400),
    "419 (Laravel)": said({"message": "CSRF token mismatch."}, 419),
    "440 (IIS)": Response(440),
    "401 empty": Response(401),
    "401 HTML": page(401),
    "401 JSON": said({"detail": "Token is blacklisted", "code": "token_not_valid"}, 401),
    "401 temporarily_unavailable": said({"error": "temporarily_unavailable"}, 401),
    "400 login_required": said({"error": "login_required"}, 400),
    "400 expired_token": said({"error": "expired_token"}, 400),
    "403 invalid_client": said({"error": "invalid_client"}, 403),
    "403 access_denied": said({"error": "access_denied"}, 403),
    "403 consent_required": said({"error": "consent_required"}, 403),
    "403 account_selection_required": said({"error": "account_selection_required"}, 403),
    "403 session_not_found (Supabase)": said({"code": 403, "error_code": "session_not_found"}, 403),
    "403 error object": said({"error": {"code": 403, "message": "TOKEN_EXPIRED", "status": "DENIED"}}, 403),
    "409 invalid_token": said({"error": "invalid_token"}, 409),
    "200 token null": said({"access_token": None, "error": "invalid_grant"}),
    "200 token_revoked (Slack)": said({"ok": False, "error": "token_revoked"}),
    "400 unknown error": said({"error": "no_such_thing"}, 400),
    "400 Bad Request (NestJS)": said({"statusCode": 400, "error": "Bad Request", "message": "Invalid token"}, 400),
    "400 list": said(["Token is invalid"], 400),
    "400 text in JSON (ASP.NET)": said("Invalid refresh token", 400),
    "400 empty object": said({}, 400),
    "400 null": said(None, 400),
    "400 number": said(400, 400),
    "400 false": said(False, 400),
    "400 problem": Response(400, {"Content-Type": "application/problem+json; charset=utf-8"}, b"0"),
    "400 white space": page(400, " \r\n"),
    "410 empty": Response(410),
    "410 JSON": said({"error": "gone"}, 410),
    "419 empty": Response(419),
    "422 list (FastAPI)": said({"detail": [{"loc": ["body", "refresh_token"], "msg": "Field required"}]}, 422),
    "440 JSON": said({"error": "session_timeout"}, 440),
    "400 too_many_sessions": said({"error": "too_many_sessions"}, 400),
    "400 final and passing": said({"error": "invalid_grant", "code": "server_error"}, 400),
}

# What comes of a proxy, or means 'not now'.
TRANSIENT = {
    **{f"{status} HTML": page(status) for status in (200, 400, 402, 403, 404, 410, 419, 422, 440, 502, 503)},
    **{f"{status} text": page(status, "Access denied", "text/plain") for status in (400, 403, 422, 500)},
    **{
        f"{status} invalid_grant": said({"error": "invalid_grant"}, status)
        for status in (300, 302, 404, 405, 408, 421, 425, 429, 500, 502, 503, 504, 599)
    },
    **{
        f"400 {error}": said({"error": error}, 400)
        for error in ("temporarily_unavailable", "server_error", "slow_down", "authorization_pending")
    },
    "300 with a token": said({"access_token": "good", "expires_in": 300}, 300),
    "403 empty": Response(403),
    "403 Forbidden (a gateway)": said({"message": "Forbidden"}, 403),
    "403 Forbidden (NestJS)": said({"statusCode": 403, "error": "Forbidden", "message": "Forbidden resource"}, 403),
    "403 empty object": said({}, 403),
    "403 list": said(["invalid_grant"], 403),
    "403 unknown error": said({"error": "invalid_csrf_token"}, 403),
    "409 JSON": said({"error": "conflict"}, 409),
    "400 TooManyRequestsException (Cognito)": said({"__type": "a.b#TooManyRequestsException", "message": "…"}, 400),
    "400 TOO_MANY_ATTEMPTS_TRY_LATER (Firebase)": said(
        {"error": {"code": 400, "message": "TOO_MANY_ATTEMPTS_TRY_LATER : Too many", "status": "INVALID_ARGUMENT"}}, 400
    ),
    **{
        f"400 {error}": said({"error": {"status": error}}, 400)
        for error in (
            "UNAVAILABLE",
            "INTERNAL",
            "DEADLINE_EXCEEDED",
            "RESOURCE_EXHAUSTED",
            "ThrottlingException",
            "LimitExceededException",
            "InternalErrorException",
            "ServiceUnavailable",
            "too_many_requests",
            "timeout",
            "gateway_timed_out",
            "try_again_later",
            "RATE_LIMITED",
            "quota_exceeded",
            "maintenance",
            "overloaded",
        )
    },
    "422 over_request_rate_limit": said({"error_code": "over_request_rate_limit"}, 422),
    "410 request_timeout": said({"error": "request_timeout"}, 410),
    "400 cut off": page(400, '{"error": "invalid_gr', "application/json"),
    "400 too deep": page(400, "[" * 500 + "]" * 500, "application/json"),
    "400 a number that is no JSON": page(400, "400", "text/plain"),
    "400 nothing that is no JSON": page(400, "null", "text/html"),
    "200 empty object": said({}),
    "200 unknown error": said({"error": "no_such_thing"}),
    "200 temporarily_unavailable": said({"error": "temporarily_unavailable"}),
    "401 use_dpop_nonce": said({"error": "use_dpop_nonce"}, 401),
    "400 use_dpop_nonce": said({"error": "use_dpop_nonce"}, 400),
    "401 invalid_dpop_proof": said({"error": "invalid_dpop_proof"}, 401),
    "400 invalid_dpop_proof": said({"error": "invalid_dpop_proof"}, 400),
}


class Site:
    """Pages of one site, one after the other, over one store and one clock; its endpoint gives one answer."""

    def __init__(self) -> None:
        self.answer = GOOD
        self.clock = Clock()
        self.shelf = Shelf()
        self.made: list[Interceptor] = []
        self.asked: list[str] = []
        self.events: list[Any] = []

    async def transport(self, request: Request) -> Response:
        await asyncio.sleep(0)
        if "/auth/" in request.url:
            self.asked.append(request.url.rpartition("/")[2])
            return self.answer
        return Response(200 if request.headers.get("Authorization") == "Bearer good" else 401)

    def opened(self, *, cookie: bool = False, **settings: Any) -> Interceptor:
        endpoint = Endpoint(API + "auth", cookie=cookie, **settings)
        store = None if cookie else self.shelf
        api = Interceptor(self.transport, audience=API, endpoint=endpoint, clock=self.clock, store=store)
        api.on(self.events.append)
        self.made.append(api)
        return api

    async def signed_in(self, **settings: Any) -> Interceptor:
        api = self.opened(**settings)
        await api.adopt("old", refresh_token="dead", expires_in=300)
        return api

    async def resumed(self, answer: Response, **settings: Any) -> Any:
        """What a page hears that is opened when the access token of an earlier one has expired."""
        if not settings.get("cookie"):
            await (await self.signed_in(**settings)).close()
        self.clock.advance(301)
        self.answer = answer
        return await outcome(self.opened(**settings).resume())


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with clean_console(site.made):
        yield site


@rows(DEAD)
async def test_a_final_refusal_by_the_endpoint_itself_ends_the_session_whatever_its_status(
    site: Site, answer: Response
) -> None:
    """F13: A final refusal by the endpoint itself ends the session, whatever its status; a proxy's page never does.

    Seen in: auth0/auth0-spa-js#654, #1042; supabase/auth#2829; lelylan/simple-oauth2#459; octokit/auth-oauth-app.js#13;
    hoppscotch/hoppscotch#5885
    """
    api = await site.signed_in()
    site.answer = answer
    error = await outcome(api.fetch(API + "notes"))
    assert isinstance(error, SessionEnded)
    assert error.reason == "refused"
    assert isinstance(error.__cause__, GrantRefused)
    assert error.__cause__.status == answer.status
    assert api.state is State.SIGNED_OUT
    assert site.shelf.text is None or "dead" not in site.shelf.text


@pytest.mark.parametrize("cookie", [False, True], ids=["store", "cookie"])
@rows(DEAD)
async def test_a_page_that_is_opened_with_a_dead_refresh_token_hears_that_nobody_is_signed_in(
    site: Site, answer: Response, cookie: bool
) -> None:
    """F13: `resume()` is False, so that the app shows its form."""
    assert await site.resumed(answer, cookie=cookie) is False
    assert site.asked == ["refresh"]
    site.answer = GOOD
    await site.made[-1].sign_in(username="ada")
    assert (await site.made[-1].fetch(API + "notes")).status == 200


@rows(TRANSIENT)
async def test_a_proxys_page_and_what_may_pass_end_no_session(site: Site, answer: Response) -> None:
    """F13, F12, F3"""
    api = await site.signed_in()
    site.answer = answer
    assert isinstance(await outcome(api.fetch(API + "notes")), RefreshUnavailable)
    assert api.state is State.SIGNED_IN
    site.answer = GOOD
    api._lifecycle.wake()
    assert (await api.fetch(API + "notes")).status == 200


@pytest.mark.parametrize("cookie", [False, True], ids=["store", "cookie"])
@rows(TRANSIENT)
async def test_a_page_that_is_opened_behind_a_proxys_page_tries_again_later(
    site: Site, answer: Response, cookie: bool
) -> None:
    """F13, F12, F3"""
    assert isinstance(await site.resumed(answer, cookie=cookie), RefreshUnavailable)
    site.answer = GOOD
    site.made[-1]._lifecycle.wake()
    assert await site.made[-1].resume() is True
    assert (await site.made[-1].fetch(API + "notes")).status == 200


# What it is called


WORDS = {
    "OAuth": (DEAD["403 invalid_grant (Auth0)"], "invalid_grant", "Unknown or invalid"),
    "empty": (DEAD["400 empty (glewlwyd 2.7.5)"], "invalid_grant", None),
    "Supabase": (DEAD["400 error_code (Supabase)"], "refresh_token_not_found", "Not Found"),
    "Firebase": (DEAD["400 error object (Firebase)"], "invalid_refresh_token", "INVALID_REFRESH_TOKEN"),
    "Cognito": (DEAD["400 __type (Cognito)"], "not_authorized_exception", "Refresh Token is revoked"),
    "Flask": (DEAD["422 msg (Flask-JWT-Extended 4.7.4)"], "invalid_grant", "Signature verification failed"),
    "SimpleJWT": (DEAD["401 JSON"], "token_not_valid", "Token is blacklisted"),
    "NestJS": (DEAD["400 Bad Request (NestJS)"], "invalid_grant", "Invalid token"),
    "ASP.NET": (DEAD["400 text in JSON (ASP.NET)"], "invalid_grant", "Invalid refresh token"),
    "FastAPI": (DEAD["422 list (FastAPI)"], "invalid_grant", "refresh_token: Field required"),
    "list": (DEAD["400 list"], "invalid_grant", "Token is invalid"),
    "object": (said({"error": {"status": "strange", "type": "OldToken"}}, 401), "strange", None),
    "prose": (
        said({"error": {"message": "no_code here : x"}, "detail": "d"}, 401),
        "invalid_grant",
        "no_code here : x",
    ),
    "humps": (said({"errorCode": "tokenExpired", "error_message": "dead"}, 401), "token_expired", "dead"),
    "no text": (said({"__type": 7, "code": 7, "error": ["x"], "msg": 7}, 401), "invalid_grant", None),
    "no words": (said({"error": "invalid_grant", "error_description": "", "detail": "d"}, 400), "invalid_grant", "d"),
    "allauth": (
        said({"status": 400, "errors": [{"message": "Wrong.", "code": "x", "param": "p"}]}, 400),
        "invalid_grant",
        "Wrong.",
    ),
    "dj-rest-auth": (said({"non_field_errors": ["Unable to log in."]}, 400), "invalid_grant", "Unable to log in."),
    "Laravel": (said({"errors": {"email": ["Unknown."]}}, 422), "invalid_grant", "email: Unknown."),
    "a field's message": (said({"detail": [{"loc": ["body", 0], "msg": "Bad"}]}, 422), "invalid_grant", "Bad"),
    "an error in words": (said({"error": "Invalid password"}, 400), "invalid_grant", "Invalid password"),
    "lists of nothing": (said({"errors": [], "non_field_errors": [7], "detail": [{}]}, 400), "invalid_grant", None),
    "Entra": (said({"error": "invalid_grant", "suberror": "consent_required"}, 400), "consent_required", None),
    "Entra, a word of its own": (said({"error": "invalid_grant", "suberror": "bad_token"}, 400), "invalid_grant", None),
    "an object's code": (said({"error": {"code": "old_token"}}, 401), "old_token", None),
    "an object's type": (said({"error": {"type": "OldToken"}}, 401), "old_token", None),
    "an object's name": (said({"error": {"name": "OldToken"}}, 401), "old_token", None),
    "a problem (RFC 9457)": (said({"type": "about:blank", "title": "Expired"}, 400), "invalid_grant", "Expired"),
    "OAuth's words first": (
        said({"error": "invalid_grant", "detail": "other", "error_description": "own"}, 400),
        "invalid_grant",
        "own",
    ),
    "a list's detail": (said({"detail": [{"detail": "Bad"}]}, 422), "invalid_grant", "Bad"),
    "words after a list without": (said({"detail": [{}], "message": "words"}, 422), "invalid_grant", "words"),
    "words after an object without": (said({"detail": {"a": []}, "message": "words"}, 422), "invalid_grant", "words"),
    "the final one first": (said({"error": "odd", "code": "expired_token"}, 403), "expired_token", None),
}


@pytest.mark.parametrize(("answer", "error", "description"), WORDS.values(), ids=WORDS)
async def test_a_refusal_has_the_servers_own_words_wherever_they_stand(
    site: Site, answer: Response, error: str, description: str | None
) -> None:
    """F13: `.error` is in snake case, `.description` is kept out of the message."""
    api = await site.signed_in()
    site.answer = answer
    with pytest.raises(GrantRefused) as refused:
        await api.renew()
    assert (refused.value.error, refused.value.description) == (error, description)
    assert str(refused.value) == f"{API}auth/refresh answered {answer.status}: {error}"
    (event,) = [event for event in site.events if event.phase is RefreshPhase.REFUSED]
    assert event.error == error


NO_ERRORS: dict[str, Any] = {
    "JWT": {"error": SECRET},
    "base64": {"error": "dGhpcyBpcyBhIHJlZnJlc2ggdG9rZW4"},
    "a long word": {"error": "abcdefghijklmnopqrstuvwxyz"},
    "a long word in upper case": {"error": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    "humps": {"error": "AbCdEfGhIjKlMnOpQrStUv"},
    "line break": {"error": "invalid_grant\n"},
    "elsewhere": {"error_code": f"invalid {SECRET}", "code": SECRET, "__type": f"x#{SECRET}"},
    "object": {"error": {"message": f"INVALID_{SECRET}", "status": SECRET, "code": SECRET, "type": SECRET}},
    "a message of one word": {"error": {"message": "ABCDEFGHIJKL"}},
    "no word": {"error": "_" * 40},
}


@pytest.mark.parametrize("body", NO_ERRORS.values(), ids=NO_ERRORS)
async def test_no_text_that_could_be_a_token_is_taken_for_an_error(site: Site, body: Any) -> None:
    """F13, X7: errors stand in events."""
    api = await site.signed_in()
    site.answer = said(body, 401)
    with pytest.raises(GrantRefused, match=r"^https://[a-z./0-9]+ answered 401: invalid_grant$"):
        await api.renew()


# Where the rule does not fit: `refused=`


@pytest.mark.parametrize("cookie", [False, True], ids=["store", "cookie"])
async def test_the_statuses_of_a_setting_are_the_refusals_and_no_others(site: Site, cookie: bool) -> None:
    """F13: it overrules both ways."""
    settings = {"refused": {403, 503}, "cookie": cookie}
    assert await site.resumed(page(403), **settings) is False
    assert await site.resumed(said({"error": "temporarily_unavailable"}, 503), **settings) is False
    assert isinstance(await site.resumed(said({"error": "invalid_grant"}, 400), **settings), RefreshUnavailable)
    assert isinstance(await site.resumed(Response(401), **settings), RefreshUnavailable)


async def test_a_204_says_that_nobody_is_signed_in_whatever_the_statuses_of_a_setting(site: Site) -> None:
    assert await site.resumed(Response(204), refused=[403], cookie=True) is False
    api = await site.signed_in()
    with pytest.raises(GrantRefused) as refused:
        await api.renew()
    assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize("cookie", [False, True], ids=["store", "cookie"])
async def test_a_function_judges_by_status_headers_and_body_or_leaves_it_to_the_rule(site: Site, cookie: bool) -> None:
    """F13: it overrules both ways."""
    seen: list[Any] = []

    def refused(status: int, headers: Mapping[str, str], body: Any) -> bool | None:
        seen.append((status, headers["content-type"], body))
        return {"dead": True, "maintenance": False}.get(body["state"]) if isinstance(body, dict) else None

    settings: dict[str, Any] = {"refused": refused, "cookie": cookie}
    kind = {"Content-Type": "application/json"}
    assert await site.resumed(Response(503, kind, b'{"state": "dead"}'), **settings) is False
    in_vain = Response(401, kind, b'{"state": "maintenance"}')
    assert isinstance(await site.resumed(in_vain, **settings), RefreshUnavailable)
    assert await site.resumed(Response(401, kind, b'{"state": "?"}'), **settings) is False
    assert isinstance(await site.resumed(page(403), **settings), RefreshUnavailable)
    assert seen == [
        (503, "application/json", {"state": "dead"}),
        (401, "application/json", {"state": "maintenance"}),
        (401, "application/json", {"state": "?"}),
        (403, HTML, None),
    ]


async def test_a_function_is_not_asked_about_tokens_nor_about_a_nonce_nor_about_a_sign_in(site: Site) -> None:
    """F13: a function that fails, or says yes to everything, throws no good tokens away."""
    asked: list[int] = []

    def refused(status: int, headers: object, body: object) -> bool:
        asked.append(status)
        return True

    api = await site.signed_in(refused=refused)
    await api.renew()
    for error in ("use_dpop_nonce", "invalid_dpop_proof"):
        site.answer = said({"error": error}, 400)
        assert isinstance(await outcome(api.renew()), RefreshUnavailable)
        api._lifecycle.wake()
    site.answer = page(503)
    assert isinstance(await outcome(api.sign_in(username="ada")), RefreshUnavailable)
    assert asked == []


def fails(*_: object) -> bool:
    raise KeyError(SECRET)


def gives_one(*_: object) -> Any:
    return 1


@pytest.mark.parametrize(("refused", "cause"), [(fails, KeyError), (gives_one, TypeError)], ids=["raises", "gives 1"])
@pytest.mark.parametrize("status", [200, 400, 401, 503])
async def test_a_function_that_fails_signs_nobody_out(
    site: Site, status: int, refused: Callable[..., Any], cause: type[Exception]
) -> None:
    """F13, X7: transient, the cause is chained, and its text is not told."""
    error = await site.resumed(Response(status, {"Retry-After": "7"}), refused=refused)
    assert isinstance(error, RefreshUnavailable)
    assert (error.status, error.retry_after) == (status, 7)
    assert isinstance(error.__cause__, cause)
    assert SECRET not in str(error)
    assert site.made[-1].state is State.SIGNED_IN


async def judged_later(status: int, headers: Mapping[str, str], body: object) -> bool:
    return True


class JudgedLater:
    async def __call__(self, status: int, headers: Mapping[str, str], body: object) -> bool:
        return True


@pytest.mark.parametrize(
    ("refused", "error", "words"),
    [
        (401, TypeError, "collection of statuses"),
        ("401", TypeError, "collection of statuses"),
        (b"401", TypeError, "collection of statuses"),
        ({401: True}, TypeError, "collection of statuses"),
        (iter([401]), TypeError, "collection of statuses"),
        (["401"], TypeError, "numbers, not str"),
        ([True], TypeError, "numbers, not bool"),
        ([401.0], TypeError, "numbers, not float"),
        ([401, 4010], ValueError, "from 200 to 599, not 4010"),
        ([600], ValueError, "from 200 to 599, not 600"),
        ([199], ValueError, "from 200 to 599, not 199"),
        (judged_later, TypeError, "can't be async"),
        (JudgedLater(), TypeError, "can't be async"),
    ],
    ids=[
        "int",
        "str",
        "bytes",
        "mapping",
        "iterator",
        "text",
        "bool",
        "float",
        "high",
        "just too high",
        "low",
        "async",
        "async object",
    ],
)
@pytest.mark.parametrize(
    "made",
    [
        lambda refused: Endpoint("/auth", refused=refused),
        lambda refused: Endpoint.simplejwt(refused=refused),
        lambda refused: Endpoint.oauth2("https://id.test", client_id="page", refused=refused),
    ],
    ids=["Endpoint", "simplejwt", "oauth2"],
)
def test_a_setting_that_can_not_judge_is_an_error_at_once(
    made: Callable[[Any], Endpoint], refused: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=rf"^refused .*{words}"):
        made(refused)


@pytest.mark.parametrize("refused", [(), [200, 599], {403}, range(400, 500)], ids=["none", "edges", "set", "range"])
def test_a_collection_of_statuses_is_taken(refused: Any) -> None:
    assert isinstance(Endpoint("/auth", refused=refused), Endpoint)


async def test_simplejwt_takes_the_setting_as_well(site: Site) -> None:
    """F13"""
    endpoint = Endpoint.simplejwt(API + "auth", refused={403})
    api = Interceptor(site.transport, audience=API, endpoint=endpoint, clock=site.clock)
    site.made.append(api)
    await api.adopt("old", refresh_token="dead", expires_in=300)
    site.answer = page(403)
    assert isinstance(await outcome(api.fetch(API + "notes")), SessionEnded)


# Of a sign-in


SIGN_INS: dict[str, tuple[Response, type[Exception]]] = {
    "200 invalid_grant": (said({"error": "invalid_grant"}), GrantRefused),
    "200 USER_DISABLED": (said({"error": {"message": "USER_DISABLED"}}), GrantRefused),
    "200 odd": (said({"error": "odd"}), MalformedToken),
    "200 HTML": (page(200), MalformedToken),
    "403 HTML": (page(403), RefreshUnavailable),  # a check for forged requests, or a proxy
    "400 HTML": (page(400), RefreshUnavailable),
    "401 HTML": (page(401), GrantRefused),
    "403 Forbidden": (said({"message": "Forbidden"}, 403), GrantRefused),
    "400 temporarily_unavailable": (said({"error": "temporarily_unavailable"}, 400), RefreshUnavailable),
    "400 TooManyRequestsException": (said({"__type": "TooManyRequestsException"}, 400), RefreshUnavailable),
    "503 invalid_grant": (said({"error": "invalid_grant"}, 503), RefreshUnavailable),
    "409 username_unavailable": (said({"error": "username_unavailable"}, 409), GrantRefused),
}


@pytest.mark.parametrize(("answer", "error"), SIGN_INS.values(), ids=SIGN_INS)
async def test_a_sign_in_is_refused_by_every_4xx_that_judges_and_by_a_200_that_names_a_final_error(
    site: Site, answer: Response, error: type[Exception]
) -> None:
    """F13"""
    api = site.opened()
    site.answer = answer
    assert type(await outcome(api.sign_in(username="ada", password="x"))) is error


def test_an_answer_without_json_has_the_status_for_its_word() -> None:
    with pytest.raises(RefreshUnavailable, match=r"^the endpoint answered 403: "):
        Endpoint("/auth")._requests.read(403, {}, "<html>")
    assert Endpoint("/auth")._requests.read(200, {}, json.dumps({"access_token": "a"})) == Credential(access_token="a")
