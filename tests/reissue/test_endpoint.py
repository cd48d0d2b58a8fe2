"""An endpoint's settings: what is asked in each server's own words, and how its answers are read."""

import asyncio
import json
import pickle
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    Request,
    Response,
    Route,
    SessionEnded,
    State,
)
from reissue.http.json_text import LONGEST_ANSWER
from reissue.session.backoff import Backoff
from reissue.testing import Clock, settle

from tests.reissue.conftest import API, World, outcome
from tests.reissue.provider import ISSUER, PAGE, FakePage, Provider

HELD = Credential(access_token="a", refresh_token="s3cr3t")
BARE = Credential(access_token="a")


def sent(request: Request | None) -> tuple[str, Any]:
    """Where it goes, and what is in its body."""
    assert request is not None
    if request.headers["Content-Type"] == "application/json":
        return request.url, json.loads(request.body)
    return request.url, dict(parse_qsl(request.body))


@pytest.mark.parametrize(
    "settings",
    [
        {"url": ""},
        {"url": "/a?b"},
        {"url": 7},
        {"credentials": "yes"},
        {"encoding": "xml"},
        {"names": {"acess_token": "access"}},
    ],
    ids=repr,
)
def test_what_can_be_no_endpoint_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"endpoint|credentials|encoding|names is of access_token, .* not of acess_token"
    ):
        Endpoint(**{"url": "/auth", **settings})


@pytest.mark.parametrize("settings", [{"names": {"access_token": None}}, {"fields": 7}], ids=repr)
def test_a_setting_of_another_type_is_a_type_error(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Endpoint("/auth", **settings)


def test_an_endpoint_asks_as_documented() -> None:
    headers = {"X-CSRF": "1"}
    endpoint = Endpoint("https://a.test/auth/", refresh="token/refresh", headers=lambda: headers, credentials="include")
    request = endpoint._requests.refresh(HELD)
    assert request is not None
    assert (request.method, request.options["credentials"]) == ("POST", "include")
    assert sent(request) == ("https://a.test/auth/token/refresh", {"refresh_token": "s3cr3t"})
    headers["X-CSRF"] = "2"
    ended = endpoint._requests.sign_out(HELD)
    assert ended is not None
    assert ended.headers["x-csrf"] == "2", "read at send time (X4)"
    assert sent(endpoint._requests.refresh(None))[1] == {}, "the cookie speaks"
    assert sent(endpoint._requests.sign_in({"username": "ada"})) == ("https://a.test/auth/login", {"username": "ada"})


def test_a_form_is_asked_for_and_its_fields_are_escaped() -> None:
    endpoint = Endpoint("/", sign_in="token", encoding="form", fields={"client_id": "page"}, headers={"X-Page": "1"})
    request = endpoint._requests.sign_in({"username": "ada", "password": "a&b=c d\u00e9"})
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["X-Page"] == "1"
    assert request.body == "client_id=page&username=ada&password=a%26b%3Dc+d%C3%A9"
    assert sent(endpoint._requests.refresh(HELD)) == ("/refresh", {"client_id": "page", "refresh_token": "s3cr3t"})


def test_simplejwt_is_asked_at_its_own_addresses_in_its_own_words() -> None:
    endpoint = Endpoint.simplejwt("https://a.test/api/token/", headers={"X-Page": "1"})
    assert sent(endpoint._requests.sign_in({"username": "ada"})) == ("https://a.test/api/token/", {"username": "ada"})
    assert sent(endpoint._requests.refresh(HELD)) == ("https://a.test/api/token/refresh/", {"refresh": "s3cr3t"})
    assert sent(endpoint._requests.sign_out(HELD)) == ("https://a.test/api/token/blacklist/", {"refresh": "s3cr3t"})
    assert endpoint._requests.sign_in({}).headers["X-Page"] == "1"
    assert Endpoint.simplejwt(blacklist=False)._requests.sign_out(HELD) is None
    assert Endpoint.simplejwt().refresh_url == "/api/token/refresh/"


def test_where_nothing_could_speak_for_the_user_nothing_is_asked() -> None:
    assert Endpoint.simplejwt()._requests.refresh(BARE) is None
    assert Endpoint.simplejwt()._requests.refresh(None) is None
    assert Endpoint.simplejwt()._requests.sign_out(BARE) is None
    endpoint = Endpoint("/auth", refresh=None, sign_out=None)
    assert endpoint._requests.refresh(HELD) is None
    assert endpoint._requests.sign_out(HELD) is None
    assert endpoint.refresh_url == "/auth/login", "what tells it from others"


def test_an_answer_is_read_in_the_servers_own_words() -> None:
    named = {"access_token": "access", "refresh_token": "refresh", "expires_in": "ttl", "token_type": "kind"}
    endpoint = Endpoint("/auth", names=named)
    credential = endpoint._requests.read(
        200, {}, json.dumps({"access": "a", "refresh": "r", "ttl": "60", "kind": "Bearer"})
    )
    assert (credential.access_token, credential.refresh_token, credential.expires_in) == ("a", "r", 60)
    with pytest.raises(MalformedToken, match=r"without an access: "):
        endpoint._requests.read(200, {}, '{"access_token": "a"}')
    with pytest.raises(MalformedToken, match="bearer"):
        endpoint._requests.read(200, {}, '{"access": "a", "kind": "mac"}')
    with pytest.raises(GrantRefused) as refused:
        endpoint._requests.read(401, {}, '{"detail": "No active account"}')
    assert refused.value.description == "No active account"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 406, 409, 410, 418, 422, 423, 499])
async def test_a_sign_in_that_the_server_has_judged_is_refused_and_the_session_that_is_on_stays(
    world: World, status: int
) -> None:
    """Servers refuse a password by many a status of 4xx. A refresh is another matter (F12, F13)."""
    answers = Response(status, {}, b'{"detail": "locked"}')

    async def transport(request: Request) -> Response:
        return answers if "/auth/" in request.url else Response(200)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    with pytest.raises(GrantRefused) as refused:
        await world.api.sign_in(username="ada")
    assert (refused.value.status, refused.value.description) == (status, "locked")
    assert (await world.api.fetch(API + "notes")).status == 200
    renewed = await outcome(world.api.renew())
    assert type(renewed) is (GrantRefused if status in (400, 401, 410, 422) else RefreshUnavailable)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, "no") for status in (302, 399, 404, 405, 408, 421, 425, 429, 500, 503)),
        (400, "temporarily_unavailable"),
    ],
)
async def test_a_sign_in_that_the_server_could_not_judge_may_be_tried_again(
    world: World, status: int, error: str
) -> None:
    async def transport(request: Request) -> Response:
        return Response(status, {"Retry-After": "7"}, json.dumps({"error": error}).encode())

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    with pytest.raises(RefreshUnavailable) as unavailable:
        await world.api.sign_in(username="ada")
    assert (unavailable.value.status, unavailable.value.retry_after) == (status, 7)


async def test_a_session_that_can_not_be_renewed_lasts_as_long_as_its_token(world: World) -> None:
    answers: list[str] = []

    async def transport(request: Request) -> Response:
        answers.append(request.url)
        return Response(200, {}, b'{"access_token": "t", "expires_in": 60}')

    endpoint = Endpoint(API, sign_in="token", refresh=None, sign_out=None)
    world.api = world.make(transport=transport, endpoint=endpoint)
    assert await world.api.resume() is False
    assert answers == []
    await world.api.sign_in(username="ada")
    world.clock.advance(59)
    assert (await world.api.fetch(API + "notes")).status == 200, "STALE, and the best there is"
    world.clock.advance(1)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    await world.api.sign_in(username="ada")
    await world.api.sign_out()
    assert answers == [API + "token", API + "notes", API + "token"]


@pytest.mark.parametrize("encoding", ["json", "form"])
def test_a_large_body_takes_no_room_of_what_a_browser_keeps_alive(encoding: str) -> None:
    """Q25, T7: 16 kB are kept alive, and no more."""
    endpoint = Endpoint(API, encoding=encoding)
    around = len(endpoint._requests.sign_in({"note": ""}).body)
    for size, kept in ((16 * 1024 - around, True), (16 * 1024 - around + 1, False)):
        request = endpoint._requests.sign_in({"note": "x" * size})
        assert (request.options.get("keepalive", False), request.options["redirect"]) == (kept, "error")


# Bounds


class Endless(Response):
    """A response that can be read within a bound, and whose connection is let go beyond it."""

    __slots__ = ()

    async def text(self) -> str:
        raise AssertionError("it does not end")

    async def text_within(self, most: int) -> str | None:
        return None if len(self.body) > most else self.body.decode()


@pytest.mark.parametrize("kind", [Response, Endless])
async def test_an_answer_is_bounded_by_size(kind: type[Response]) -> None:
    """X8: what is larger than any answer says nothing, and ends no session; a 401 says all by its status."""
    status, more = 200, 0

    async def transport(request: Request) -> Response:
        fields = {"access_token": "a", "refresh_token": "r", "expires_in": 300, "more": "x" * more}
        return kind(status, {}, json.dumps(fields).encode())

    clock = Clock()
    api = Interceptor(transport, audience=API, endpoint=Endpoint(f"{API}auth"), clock=clock)
    await api.sign_in(username="ada")
    more = LONGEST_ANSWER
    with pytest.raises(MalformedToken, match="bytes"):
        await api.sign_in(username="ada")
    for code in (200, 300, 400, 403, 503):
        status = code
        with pytest.raises(RefreshUnavailable, match="bytes") as failed:
            await api.renew()
        if code > 200:
            assert (failed.value.status, failed.value.url) == (code, f"{API}auth/refresh")
        assert api.state is State.SIGNED_IN
        clock.advance(60)
    status = 200
    await api.sign_out()
    more = 0
    await api.sign_in(username="ada")
    status, more = 401, LONGEST_ANSWER
    with pytest.raises(GrantRefused):
        await api.renew()


async def test_metadata_and_keys_are_bounded_by_size() -> None:
    """X8: so they can't be had now; the user may come back later."""
    provider = Provider(metadata={"more": "x" * LONGEST_ANSWER})
    settings: dict[str, Any] = {"audience": API, "clock": Clock(provider.now), "page": FakePage(PAGE)}
    api = Interceptor(provider, endpoint=Endpoint.oauth2(ISSUER, client_id="page"), **settings)
    with pytest.raises(RefreshUnavailable, match="too long"):
        await api.sign_in()


def test_users_leave_the_page_for_an_authorization_server_and_for_no_other_endpoint() -> None:
    endpoint = Endpoint.oauth2("https://id.test/", client_id="page")
    assert endpoint.redirects
    assert not Endpoint("/auth").redirects
    assert endpoint.url == "https://id.test"


async def test_the_endpoints_headers_are_read_at_send_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """X4: A header of the endpoint's calls, such as a CSRF token, is read when each call is sent.

    Seen in: Senthil455/Atlas-Workforce-System#217
    """
    monkeypatch.setattr("reissue.session.session.Backoff", partial(Backoff, base=3600, cap=3600, fraction=lambda: 1.0))
    cookie = {"csrf": "1"}
    sent: list[tuple[str, str]] = []

    async def transport(request: Request) -> Response:
        if "/auth/" not in request.url:
            return Response(401)
        sent.append((request.url.rpartition("/")[2], request.headers["X-CSRF-Token"]))
        cookie["csrf"] = str(len(sent) + 1)  # each answer sets another
        return Response(200 if len(sent) != 2 else 503, {}, b'{"access_token": "t", "expires_in": 300}')

    endpoint = Endpoint(API + "auth", headers=lambda: {"X-CSRF-Token": cookie["csrf"]})
    world.api = world.make(transport=transport, endpoint=endpoint)
    await world.api.sign_in(username="ada")
    with pytest.raises(RefreshUnavailable):
        await world.api.renew()
    pausing = asyncio.create_task(world.api.renew())  # the back-off's pause comes first
    await settle()
    assert len(sent) == 2
    cookie["csrf"] = "changed during the pause"
    world.api._lifecycle.wake()
    await pausing
    await world.api.sign_out()
    assert sent == [("login", "1"), ("refresh", "2"), ("refresh", "changed during the pause"), ("logout", "4")]


async def test_endpoint_headers_that_can_not_be_read_are_an_error_and_nothing_is_sent(world: World) -> None:
    """X4"""

    def headers() -> dict[str, str]:
        raise KeyError("csrf")

    world.api = world.make(endpoint=Endpoint(API + "auth", headers=headers))
    await world.signed_in("old")
    with pytest.raises(RefreshUnavailable) as unavailable:
        await world.api.renew()
    assert isinstance(unavailable.value.__cause__, KeyError)
    assert world.server.requests == []


def test_an_endpoint_is_known_by_where_it_renews() -> None:
    assert Endpoint("/auth/").refresh_url == "/auth/refresh"
    assert Endpoint("/", refresh="admin/refresh").refresh_url == "/admin/refresh"


def test_an_endpoint_follows_no_redirect() -> None:
    """X1: a 307 would carry the refresh token on."""
    request = Endpoint("https://api.test/auth")._requests.sign_in({})
    assert (request.options["redirect"], request.options["cache"]) == ("error", "no-store")


async def test_a_failure_carries_the_servers_answer_and_shows_none_of_it(world: World) -> None:
    """X7: `.status`, `.url` without query, and `.body`, parsed."""
    answers = Response(401, {}, b'{"error": "invalid_grant", "more": "secret"}')

    async def transport(request: Request) -> Response:
        return answers

    endpoint = Endpoint(API + "auth", sign_in="login?key=secret", refresh="refresh?key=secret")
    world.api = world.make(transport=transport, endpoint=endpoint)
    with pytest.raises(GrantRefused) as refused:
        await world.api.sign_in(username="ada")
    await world.signed_in()
    with pytest.raises(GrantRefused) as again:
        await world.api.renew()
    answers = Response(503, {}, b'{"more": "secret"}')
    with pytest.raises(RefreshUnavailable) as unavailable:
        await world.api.sign_in(username="ada")
    for error, status, url in (
        (refused.value, 401, f"{API}auth/login"),
        (again.value, 401, f"{API}auth/refresh"),
        (unavailable.value, 503, f"{API}auth/login"),
    ):
        assert (error.status, error.url) == (status, url)
        assert error.body["more"] == "secret"
        assert "secret" not in f"{error}{error!r}{vars(error)}{pickle.dumps(error)!r}"
    assert GrantRefused("x").body is None
    assert RefreshUnavailable("x").url is None


@pytest.mark.parametrize("refresh", [None, Route("me", method="GET")])
def test_no_token_for_another_resource_is_asked_for_by_a_request_that_can_not_name_it(
    world: World, refresh: Any
) -> None:
    """X1: the server would grant one for its own API, and another would get it."""
    world.api = world.make(endpoint=Endpoint(f"{API}auth", refresh=refresh))
    with pytest.raises(TypeError, match="no GET"):
        world.api.for_resource("https://other.test/", resource="https://other.test/")
