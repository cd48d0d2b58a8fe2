"""What an error says to the app's author: what happened, where, and what to do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from reissue import (
    CookieEvent,
    CookiePhase,
    Credential,
    Endpoint,
    Event,
    GrantRefused,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    Request,
    Response,
    Route,
    SessionEnded,
)
from reissue.http.urls import Url, parse_url
from reissue.testing import Clock

from tests.reissue.conftest import clean_console, outcome
from tests.reissue.provider import said

PAGE = "https://app.test/index.html"
API = "https://app.test/api/"
ELSEWHERE = "https://auth.else/auth"


def parse(text: str) -> Url:
    """As a page at `PAGE` does it."""
    return parse_url(urljoin(PAGE, text))


class Page:
    """A page whose API rejects every token but `good`, and whose endpoint gives one answer."""

    def __init__(self) -> None:
        self.answer = Response(401)
        self.asked: list[Request] = []
        self.told: list[Event] = []
        self.made: list[Interceptor] = []

    async def transport(self, request: Request) -> Response:
        await asyncio.sleep(0)
        if "/auth" in request.url:
            self.asked.append(request)
            return self.answer
        return Response(200 if request.headers.get("Authorization") == "Bearer good" else 401)

    def opened(self, url: str = "/auth", **settings: Any) -> Interceptor:
        endpoint = Endpoint(url, **settings)
        api = Interceptor(self.transport, audience="/api/", endpoint=endpoint, clock=Clock(), parse_url=parse)
        self.made.append(api)
        return api

    async def ended(self, url: str = "/auth", *, refresh_token: str | None = None, **settings: Any) -> SessionEnded:
        """The error of a request whose session can't be renewed."""
        api = self.opened(url, **settings)
        await api.adopt("old", refresh_token=refresh_token, expires_in=300)
        error = await outcome(api.fetch(API + "notes"))
        assert isinstance(error, SessionEnded)
        assert error.reason == "refused"
        return error


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    page = Page()
    async with clean_console(page.made):
        yield page


# Why a session has ended


async def test_a_refused_refresh_token_ends_the_session_with_the_endpoints_url_and_status(page: Page) -> None:
    page.answer = said({"error": "invalid_grant"}, 400)
    error = await page.ended(ELSEWHERE, refresh_token="spent")
    assert str(error) == (
        "the session is over: https://auth.else/auth/refresh answered 400: invalid_grant. Sign in again"
    )
    assert (error.url, error.status) == ("https://auth.else/auth/refresh", 400)


async def test_a_url_in_an_error_has_no_query(page: Page) -> None:
    error = await page.ended(refresh=Route("refresh?key=s3cr3t"), refresh_token="spent")
    assert "https://app.test/auth/refresh answered 401" in str(error)
    assert "s3cr3t" not in str(error)


async def test_an_endpoint_without_a_refresh_says_that_the_session_lasts_as_long_as_its_token(page: Page) -> None:
    error = await page.ended(refresh=None)
    assert "This endpoint renews no tokens (refresh=None)" in str(error)
    assert str(error).endswith(". Sign in again")
    assert (error.url, error.status, page.asked) == (None, None, [])
    assert isinstance(error.__cause__, GrantRefused)
    assert error.__cause__.error == "invalid_grant"


async def test_a_page_without_refresh_token_and_cookie_says_where_a_refresh_token_is_looked_for(page: Page) -> None:
    error = await page.ended(cookie=False)
    assert "The page holds no refresh token, and no cookie stands for one (cookie=False)" in str(error)
    assert "names=" in str(error)
    assert page.asked == []


COOKIES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "credentials='include' is forgotten": (ELSEWHERE, {}, "Endpoint(…, credentials='include')"),
    "two sites": (ELSEWHERE, {"credentials": "include"}, "SameSite=None and Secure"),
    "another port of the page's host": ("https://app.test:8443/auth", {"credentials": "include"}, None),
    "a host below the page's": ("https://api.app.test/auth", {"credentials": "include"}, None),
    "a host that only ends like the page's": ("https://myapp.test/auth", {"credentials": "include"}, "SameSite=None"),
    "another scheme": ("http://app.test/auth", {"credentials": "include"}, "SameSite=None and Secure"),
    "another port, and credentials='include' is forgotten": ("https://app.test:8443/auth", {}, "credentials='include'"),
    "no cookies wanted": ("/auth", {"credentials": "omit"}, "credentials='omit'"),
    "the page's own origin": ("/auth", {}, None),
    "the page's own origin, in full": ("https://app.test/auth", {"credentials": "include"}, None),
    "a token in a header field": (ELSEWHERE, {"refresh": Route("r", headers={"A": "{access_token}"})}, None),
}


@pytest.mark.parametrize(("url", "settings", "words"), COOKIES.values(), ids=COOKIES)
async def test_a_refresh_by_cookie_says_if_the_browser_can_have_sent_none(
    page: Page, url: str, settings: dict[str, Any], words: str | None
) -> None:
    error = await page.ended(url, **settings)
    if words is None:
        assert str(error) == f"the session is over: {page.asked[0].url} answered 401: invalid_grant. Sign in again"
    else:
        assert words in str(error)
        assert f"{page.asked[0].url} answered 401" in str(error)


async def test_a_refresh_token_in_the_page_raises_no_question_about_cookies(page: Page) -> None:
    assert "cookie" not in str(await page.ended(ELSEWHERE, refresh_token="spent"))


async def test_without_a_page_nothing_is_said_about_other_origins() -> None:
    async def transport(request: Request) -> Response:
        return Response(401)

    api = Interceptor(transport, audience="https://a.test/api/", endpoint=Endpoint("https://b.test/auth"))
    await api.adopt("old", expires_in=300)
    with pytest.raises(SessionEnded, match=r"b\.test/auth/refresh answered 401: invalid_grant\. Sign in again$"):
        await api.fetch("https://a.test/api/notes")


SILENT: dict[str, tuple[str, dict[str, Any], int]] = {
    "the page's own origin": ("/auth", {}, 401),
    "the page's own origin, in full": ("https://app.test/auth", {"credentials": "omit"}, 401),
    "credentials='include'": (ELSEWHERE, {"credentials": "include"}, 401),
    "no cookie wanted": (ELSEWHERE, {"cookie": False}, 401),
}


@pytest.mark.parametrize(("url", "settings", "status"), SILENT.values(), ids=SILENT)
async def test_a_first_visitor_to_an_endpoint_that_gets_cookies_hears_nothing(
    page: Page, url: str, settings: dict[str, Any], status: int
) -> None:
    page.answer = Response(status)
    api = page.opened(url, **settings)
    api.on(page.told.append)
    assert await api.resume() is False
    assert not [event for event in page.told if isinstance(event, CookieEvent)]


@pytest.mark.parametrize("settings", [{}, {"credentials": "omit"}], ids=["the default", "omit"])
@pytest.mark.parametrize("status", [204, 401])
async def test_a_resume_says_once_if_the_browser_can_have_sent_no_cookie(
    page: Page, status: int, settings: dict[str, Any]
) -> None:
    """Else it is silently False: to the server, it is a first visit at each reload."""
    page.answer = Response(status)
    api = page.opened(ELSEWHERE, **settings)
    api.on(page.told.append)
    written: list[str] = []
    api._listeners.write_warning = written.append  # in a page, the console
    assert [await api.resume() for _ in range(2)] == [False, False]
    assert len(page.asked) == 2
    (warning,) = (event for event in page.told if isinstance(event, CookieEvent))
    assert (warning.phase, warning.url, warning.status) == (CookiePhase.NOT_SENT, f"{ELSEWHERE}/refresh", status)
    assert warning.at == Clock()()
    assert written == [warning.message]
    assert warning.message == (
        f"reissue: https://auth.else/auth/refresh answered {status}, so nobody is signed in. The browser sent it no "
        "cookie, since it is on another origin than the page: Endpoint(…, credentials='include'), or cookie=False if "
        "the server sets no cookie"
    )


async def test_a_resume_that_gets_no_proper_answer_says_nothing_of_cookies(page: Page) -> None:
    page.answer = Response(503)
    api = page.opened(ELSEWHERE)
    api.on(page.told.append)
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    assert not [event for event in page.told if isinstance(event, CookieEvent)]


async def test_a_coroutine_of_the_apps_own_raises_no_question_about_cookies(page: Page) -> None:
    async def refuse(credential: Credential | None) -> Credential:
        raise GrantRefused("session_expired", status=410)

    api = Interceptor(page.transport, audience="/api/", endpoint=refuse, parse_url=parse)
    page.made.append(api)
    api.on(page.told.append)
    assert await api.resume() is False
    assert not [event for event in page.told if isinstance(event, CookieEvent)]


async def test_a_later_request_of_the_same_session_hears_the_same(page: Page) -> None:
    api = page.opened()
    await api.adopt("old", expires_in=300)
    errors = await asyncio.gather(*(outcome(api.fetch(f"{API}{n}")) for n in range(3)))
    assert len({str(error) for error in errors}) == 1
    assert isinstance(errors[0].__cause__, GrantRefused)


def test_the_end_of_another_tabs_session_is_told_without_an_answer() -> None:
    error = SessionEnded("refused")
    assert str(error) == "the server ended this session: sign in again"
    assert (error.url, error.status) == (None, None)


# What is wrong with a sign-in


def fastapi(*faults: dict[str, Any]) -> Response:
    """What FastAPI answers to a body that it can't read."""
    return said({"detail": list(faults)}, 422)


MISSING = {"type": "missing", "loc": ["body", "username"], "msg": "Field required", "input": None}
NO_OBJECT = {"type": "model_attributes_type", "loc": ["body"], "msg": "Input should be a dictionary", "input": "p=s3cr"}

FIELDS: dict[str, tuple[Response, dict[str, Any], dict[str, Any], str | None]] = {
    "FastAPI wants a form": (
        fastapi(MISSING),
        {},
        {"username": "ada", "password": "s3cr3t"},
        "found no field 'username'. The fields were sent as JSON, and the server may want a form: Endpoint(…, "
        "encoding='form')",
    ),
    "FastAPI wants JSON": (fastapi(NO_OBJECT), {"encoding": "form"}, {"username": "ada"}, "encoding='json'"),
    "FastAPI wants another field": (
        fastapi(MISSING),
        {},
        {"email": "a@b.test"},
        "wants a field 'username' in the body",
    ),
    "FastAPI wants a query": (
        fastapi({"type": "missing", "loc": ["query", "realm"]}),
        {},
        {"username": "ada"},
        "wants a field 'realm' in the query",
    ),
    "the same in a form": (
        fastapi({"type": "missing", "loc": ["body", "client"]}),
        {"encoding": "form"},
        {"username": "ada"},
        "wants a field 'client' in the body",
    ),
    "Django REST framework": (
        said({"username": ["This field is required."]}, 400),
        {},
        {"email": "a@b.test"},
        "wants a field 'username' in the body",
    ),
    "OAuth": (said({"error": "invalid_request"}, 400), {}, {"username": "ada"}, "encoding='form'"),
    "OAuth, by GET": (said({"error": "invalid_request"}, 400), {"encoding": "form"}, {"username": "ada"}, None),
    "415 to JSON": (Response(415), {}, {"username": "ada"}, "encoding='form'"),
    "415 to a form": (Response(415), {"encoding": "form"}, {"username": "ada"}, "encoding='json'"),
    "a wrong password": (Response(401), {}, {"username": "ada"}, None),
    "a missing field in a form that was sent": (fastapi(MISSING), {"encoding": "form"}, {"username": "ada"}, None),
    "JSON that is not understood": (fastapi(NO_OBJECT), {}, {"username": "ada"}, None),
    "a fault of another kind": (fastapi({"type": "too_short", "loc": ["body", "p"]}), {}, {"username": "ada"}, None),
    "what the user typed": (fastapi({"type": "missing", "loc": ["body", "Hunter"]}), {}, {"password": "hunter"}, None),
    "no name": (fastapi({"type": "missing", "loc": ["body", "eyJhbGciOi.s3cr3t"]}), {}, {"username": "ada"}, None),
    "no place": (fastapi({"type": "missing", "loc": ["body"]}, {"type": "missing"}), {}, {}, None),
    "an unknown place": (fastapi({"type": "missing", "loc": ["moon", "a"]}), {}, {"username": "ada"}, None),
    "words": (said({"detail": ["no"], "errors": ["This field is wrong."]}, 400), {}, {"username": "ada"}, None),
    "no fields": (said({"error": "invalid_request"}, 400), {}, {}, None),
}


@pytest.mark.parametrize(("answer", "settings", "fields", "words"), FIELDS.values(), ids=FIELDS)
async def test_a_refused_sign_in_says_which_field_is_missing_and_how_to_send_it(
    page: Page, answer: Response, settings: dict[str, Any], fields: dict[str, Any], words: str | None
) -> None:
    page.answer = answer
    api = page.opened(**settings)
    error = await outcome(api.sign_in(**fields))
    assert isinstance(error, GrantRefused)
    assert str(error).startswith(f"https://app.test/auth/login answered {answer.status}: ")
    assert (error.advice is None) is (words is None)
    assert words is None or words in str(error)
    assert "s3cr" not in str(error)
    assert "unter" not in str(error)


def test_a_refusal_of_the_apps_own_says_what_it_was_given() -> None:
    assert str(GrantRefused("session_expired")) == "session_expired"
    assert str(GrantRefused("session_expired", status=410)) == "the endpoint answered 410: session_expired"
    advised = GrantRefused("session_expired", advice="Ask the administrator").again(advice="unheard")
    assert (str(advised), advised.advice) == ("session_expired. Ask the administrator", "Ask the administrator")


# Answers that say nothing of what was presented


REMEDIES = {
    500: "try again later",
    403: "CSRF token (headers=)",
    404: "is the endpoint's URL right?",
    405: "refresh=None",
    501: "is the endpoint's URL right?",
    429: "try again later",
    503: "try again later",
    409: "no answer of a token endpoint",
}


@pytest.mark.parametrize(("status", "words"), REMEDIES.items())
async def test_an_answer_that_is_no_refusal_names_its_url_and_what_to_do(page: Page, status: int, words: str) -> None:
    page.answer = Response(status, {"Content-Type": "text/html"}, b"<html>")
    api = page.opened()
    await api.adopt("old", expires_in=300)
    error = await outcome(api.renew())
    assert isinstance(error, RefreshUnavailable)
    assert str(error).startswith(f"https://app.test/auth/refresh answered {status}: ")
    assert words in str(error)
    assert "refused=" not in str(error), "a page of HTML says nothing of users"
    assert str(error).endswith(("in its place", "without one", "later", "right?")), "nothing follows the remedy"


async def test_a_405_in_json_is_a_matter_of_the_url_alone(page: Page) -> None:
    page.answer = said({}, status=405)
    api = page.opened()
    await api.adopt("old", expires_in=300)
    error = await outcome(api.renew())
    assert isinstance(error, RefreshUnavailable)
    assert REMEDIES[405] in str(error)
    assert "refused=" not in str(error)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_403_or_404_in_json_says_how_a_server_may_end_a_session_by_it(page: Page, status: int) -> None:
    """A user who was deleted, say: else the session is kept, and the error speaks of CSRF tokens or the URL alone."""
    page.answer = said({"error": {"code": "USER_DELETED"}}, status=status)
    api = page.opened()
    await api.adopt("old", expires_in=300)
    error = await outcome(api.renew())
    assert isinstance(error, RefreshUnavailable)
    assert f"if the server ends a session by it, say refused={{401, {status}}}" in str(error)
    ended = await page.ended(refused={401, status})
    assert (ended.reason, ended.status) == ("refused", status)


NO_TOKENS: dict[str, tuple[Response, dict[str, Any], str]] = {
    "JSON": (
        said({"token": "a"}),
        {},
        "answered 200 (application/json) without an access_token: if the server calls it otherwise, say "
        "names={'access_token': …}",
    ),
    "HTML": (
        Response(200, {"Content-Type": "text/html;charset=x"}, b"<html>"),
        {},
        "answered 200 (text/html) without an access_token: that is no answer of a token endpoint: is the URL right?",
    ),
    "a token with a key": (said({"access_token": "a", "token_type": "DPoP"}), {}, "use connect(…, dpop=True)"),
    "a header field": (said({}), {"names": {"access_token": "header:X-Token"}}, "Access-Control-Expose-Headers"),
    "cookies": (
        Response(200, {}, b"<html>"),
        {"tokens": "cookie"},
        "answered 200 (no content type), which is not JSON, so it is no answer of the endpoint: is the URL right?",
    ),
    "another type": (said({"access_token": "a", "token_type": "mac"}), {}, "say names={'token_type': …}"),
}


@pytest.mark.parametrize(("answer", "settings", "words"), NO_TOKENS.values(), ids=NO_TOKENS)
async def test_a_success_without_a_token_says_how_to_find_it(
    page: Page, answer: Response, settings: dict[str, Any], words: str
) -> None:
    page.answer = answer
    error = await outcome(page.opened(**settings).sign_in(username="ada"))
    assert isinstance(error, MalformedToken)
    assert str(error).startswith("https://app.test/auth/login ")
    assert words in str(error)


async def test_a_success_of_cookies_whose_json_says_that_it_failed_is_told_with_its_status(page: Page) -> None:
    page.answer = said({"success": False})
    error = await outcome(page.opened(tokens="cookie").sign_in(username="ada"))
    assert "answered 200 (application/json), and its JSON says that the request failed" in str(error)


async def test_a_refused_sign_in_raises_no_question_about_cookies(page: Page) -> None:
    error = await outcome(page.opened(ELSEWHERE).sign_in(username="ada"))
    assert isinstance(error, GrantRefused)
    assert error.advice is None


async def test_a_function_that_fails_is_told_with_the_url(page: Page) -> None:
    page.answer = said({"why": "not said"}, 401)
    api = page.opened(refused=lambda *_: json.loads("no"))
    await api.adopt("old", expires_in=300)
    error = await outcome(api.renew())
    assert str(error).startswith(
        "https://app.test/auth/refresh answered 401, and the function in refused= raised JSONDecodeError"
    )
    assert isinstance(error, RefreshUnavailable)
    assert (error.url, error.body) == ("https://app.test/auth/refresh", {"why": "not said"})
