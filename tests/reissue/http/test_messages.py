"""Requests, header fields, claims, credentials, Retry-After: everything that reads what others wrote."""

import asyncio
import json
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from types import ModuleType
from typing import Any

import jwt
import pytest
import reissue
from hypothesis import example, given
from hypothesis import strategies as st
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    Headers,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    ReissueError,
    Request,
    Response,
    unverified_claims,
)
from reissue.http.retry_after import parse_retry_after
from reissue.oauth2.token_response import read_credential
from reissue.session.backoff import Backoff
from reissue.testing import Clock, Gate, settle
from reissue.tokens.claims import lifetime
from reissue.tokens.credentials import Freshness

from tests.reissue.conftest import API, World, outcome
from tests.reissue.fake_signal import FakeSignal

SECRET = "s3cr3t-t0ken"


def test_header_names_compare_in_any_case_and_keep_theirs() -> None:
    headers = Headers({"X-Trace": "7", "accept": "a"})
    assert headers["x-TRACE"] == "7"
    assert "ACCEPT" in headers
    assert list(headers) == ["X-Trace", "accept"]
    assert len(headers) == 2
    assert dict(headers.with_field("x-trace", "8")) == {"x-trace": "8", "accept": "a"}


def test_header_fields_come_in_many_shapes() -> None:
    class JsHeaders:
        def entries(self) -> list[tuple[str, str]]:
            return [("a", "1")]

    assert dict(Headers([("a", "1"), ("A", "2")])) == {"a": "1, 2"}
    assert dict(Headers(JsHeaders())) == {"a": "1"}
    assert dict(Headers(None)) == {}


@pytest.mark.parametrize("fields", ["a: b", b"a", 7, ["ab"], [("a",)], {"a": 1}, {1: "a"}, [("a", None)]])
def test_what_are_no_header_fields_is_a_type_error(fields: Any) -> None:
    with pytest.raises(TypeError):
        Headers(fields)


@pytest.mark.parametrize("fields", [{"": "x"}, {"a b": "x"}, {"a:": "x"}, {"ä": "x"}, {"a": "x\r\nb: y"}, {"a": "\0"}])
def test_a_field_that_would_break_the_message_is_a_value_error(fields: Any) -> None:
    with pytest.raises(ValueError, match=r"header|holds"):
        Headers(fields)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"method": "GE T"}, ValueError),
        ({"method": ""}, ValueError),
        ({"method": None}, ValueError),
        ({"body": b"x"}, ValueError),
        ({"json": {"a": 1}}, ValueError),
        ({"method": "HEAD", "body": "x"}, ValueError),
        ({"method": "POST", "json": 1, "body": "x"}, ValueError),
        ({"method": "POST", "json": {1, 2}}, TypeError),
        ({"method": "POST", "json": float("nan")}, ValueError),
        ({"method": "POST", "body": {"a": 1}}, TypeError),
        ({"method": "POST", "body": ["a"]}, TypeError),
        ({"method": "POST", "body": 7}, TypeError),
        ({"headers": "Accept: a"}, TypeError),
        ({"headers": {"Authorization": "Bearer mine"}}, ValueError),
        ({"mode": "no-cors"}, ValueError),
        ({"method": "POST", "data": {"a": "1"}}, TypeError),
        ({"timeout": "5"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
    ],
    ids=repr,
)
async def test_arguments_that_make_no_request_are_refused_before_anything_is_sent(
    world: World, options: dict[str, Any], error: type[Exception]
) -> None:
    await world.signed_in("token-2")
    with pytest.raises(error, match=r"\w+ \w+"):
        await world.api.fetch(API + "notes", **options)
    assert world.server.requests == []
    assert (await world.api.fetch(API + "notes")).status == 200


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("data", "give body=, or json="),
        ("params", "put it into the URL"),
        ("fetcher", "it is sent by the page's own fetch"),
        ("deadline", "give timeout="),
        ("methd", "is method= meant?"),
        ("header", "is headers= meant?"),
        ("keep_alive", "is keepalive= meant?"),
        ("referrerpolicy", "is referrerPolicy= meant?"),
        ("timout", "is timeout= meant?"),
        ("quux", "takes no quux="),
    ],
)
async def test_an_option_that_nobody_knows_is_refused_with_a_hint_and_nothing_is_sent(
    world: World, option: str, hint: str
) -> None:
    await world.signed_in("token-2")
    options: dict[str, Any] = {option: "DELETE"}
    with pytest.raises(TypeError) as refused:
        await world.api.fetch(API + "notes", **options)
    assert f"{option}=" in str(refused.value)
    assert str(refused.value).endswith(hint)
    assert world.server.requests == []


def test_all_that_a_browsers_fetch_takes_is_an_option() -> None:
    options: dict[str, Any] = {
        "mode": "cors", "credentials": "omit", "cache": "no-store", "redirect": "error", "referrer": "",
        "referrerPolicy": "no-referrer", "integrity": "", "keepalive": True, "signal": None, "window": None,
        "duplex": "half", "priority": "low", "targetAddressSpace": "local",
    }  # fmt: skip
    assert dict(Request.build(API, **options).options) == options


async def test_a_mode_that_drops_the_token_is_refused_where_one_would_be_attached(world: World) -> None:
    world.server.accepts = "none"
    await world.signed_in("token-2")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"no-cors.*auth=False"):
            await world.api.fetch(API + "notes", mode="no-cors")
    assert (world.server.requests, world.endpoint.calls) == ([], 0)
    await world.api.fetch(API + "notes", mode="no-cors", auth=False)
    await world.api.fetch("https://elsewhere.test/", mode="no-cors")
    assert [request.options["mode"] for request in world.server.requests] == ["no-cors"] * 2


@pytest.mark.parametrize("url", [None, 7, b"https://api.test/v1/"])
async def test_a_url_is_text(world: World, url: Any) -> None:
    await world.signed_in("token-2")
    with pytest.raises(TypeError, match=f"not {type(url).__name__}"):
        await world.api.fetch(url)


async def test_a_javascript_url_is_taken_by_its_href(world: World) -> None:
    class JsUrl:
        href = API + "notes"

    await world.signed_in("token-2")
    assert (await world.api.fetch(JsUrl())).status == 200


async def test_json_is_sent_as_json_and_a_type_of_ones_own_is_kept(world: World) -> None:
    await world.signed_in("token-2")
    await world.api.fetch(API, method="post", json={"text": "안녕"})
    await world.api.fetch(API, method="POST", json=[], headers={"content-type": "application/ld+json"})
    first, second = world.server.requests
    assert json.loads(first.body) == {"text": "안녕"}
    assert (first.method, first.headers["Content-Type"]) == ("POST", "application/json")
    assert second.headers["Content-Type"] == "application/ld+json"


async def test_other_options_reach_the_transport(world: World) -> None:
    await world.signed_in("token-2")
    await world.api.fetch(API, credentials="include", cache="no-store")
    assert dict(world.server.requests[0].options) == {"credentials": "include", "cache": "no-store"}


async def test_the_signal_reaches_the_transport_too(world: World) -> None:
    """Q10: a body may still be on its way when `fetch` has returned."""
    await world.signed_in("token-2")
    signal = FakeSignal()
    await world.api.fetch(API, signal=signal)
    assert dict(world.server.requests[0].options) == {"signal": signal}


@pytest.mark.parametrize(("seconds", "error"), [(-1, ValueError), ("1", TypeError)])
async def test_a_timeout_is_a_number_of_seconds(world: World, seconds: Any, error: type[Exception]) -> None:
    await world.signed_in("token-2")
    with pytest.raises(error, match=r"^timeout is a"):
        await world.api.fetch(API, timeout=seconds)
    assert world.server.requests == []


async def test_a_timeout_of_no_seconds_passes_at_once(world: World) -> None:
    """Q14"""
    world.server.gate = Gate()
    await world.signed_in("token-2")
    with pytest.raises(TimeoutError):
        await world.api.fetch(API, timeout=0)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"transport": None}, TypeError),
        ({"endpoint": "https://api.test/auth"}, TypeError),
        pytest.param({"endpoint": Endpoint("/auth")}, ValueError, id="a relative endpoint outside a page"),
        ({"leeway": -1}, ValueError),
        ({"leeway": "30"}, TypeError),
        ({"deadline": 0}, ValueError),
        ({"deadline": float("inf")}, ValueError),
        ({"deadline": True}, TypeError),
        ({"retry_lost_refresh": -1}, ValueError),
        ({"retry_lost_refresh": None}, TypeError),
        ({"should_renew": 401}, TypeError),
        ({"no_such_option": 1}, TypeError),
    ],
    ids=repr,
)
def test_settings_that_can_not_work_are_refused_by_name(settings: dict[str, Any], error: type[Exception]) -> None:
    async def nothing(argument: Any) -> Any: ...

    whole: dict[str, Any] = {"transport": nothing, "audience": API, "endpoint": nothing, **settings}
    with pytest.raises(error, match=rf"\b{next(iter(settings))}\b"):
        Interceptor(whole.pop("transport"), **whole)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"leeway": "30"}, "a number of seconds, not str"),
        ({"leeway": -1}, "at least 0"),
        ({"deadline": 0}, "above 0"),
        ({"in_flight": "64"}, "a number of requests, not str"),
    ],
    ids=repr,
)
def test_a_number_that_can_not_work_is_told_from_one_that_can(
    world: World, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        world.make(**settings)


@pytest.mark.parametrize("settings", [{"leeway": 0}, {"deadline": 0.5}, {"retry_lost_refresh": 0}], ids=repr)
async def test_settings_at_the_edge_of_what_can_work_are_taken(world: World, settings: dict[str, Any]) -> None:
    world.api = world.make(**settings)
    await world.signed_in("token-2")
    assert (await world.api.fetch(API)).status == 200


async def test_the_defaults_are_a_leeway_of_30_s_a_deadline_of_15_s_and_no_second_try_for_a_lost_answer(
    world: World,
) -> None:
    loop = asyncio.get_running_loop()
    world.server.accepts = "token-1"
    await world.signed_in()
    world.clock.advance(269)
    await world.api.fetch(API)
    await settle()
    assert world.endpoint.calls == 0
    world.clock.advance(1)
    world.endpoint.gate = Gate()
    await world.api.fetch(API)
    began = loop.time()
    assert isinstance(await outcome(world.api.renew()), RefreshUnavailable)
    assert loop.time() - began == 15
    assert world.endpoint.calls == 1
    world.endpoint.gate, world.endpoint.failure = None, OSError("lost")
    world.api.wake()
    assert isinstance(await outcome(world.api.renew()), RefreshUnavailable)
    assert world.endpoint.calls == 2


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
    world.api.wake()
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


def test_an_answers_fields_are_read() -> None:
    text = json.dumps({"access_token": "a", "refresh_token": "r", "expires_in": "60", "token_type": "bearer"})
    credential = read_credential(200, {}, text)
    assert (credential.access_token, credential.refresh_token, credential.expires_in) == ("a", "r", 60)


@given(
    st.integers(100, 599),
    st.text()
    | st.builds(
        json.dumps,
        st.recursive(
            st.none() | st.text() | st.floats() | st.booleans(),
            lambda inner: (
                st.dictionaries(
                    st.sampled_from(["access_token", "refresh_token", "expires_in", "error", "error_description"])
                    | st.text(),
                    inner,
                    max_size=5,
                )
                | st.lists(inner, max_size=3)
            ),
        ),
    ),
)
def test_any_answer_is_a_credential_or_a_documented_error(status: int, text: str) -> None:
    try:
        credential = read_credential(status, Headers(), text)
    except (GrantRefused, RefreshUnavailable, MalformedToken):
        return
    assert 200 <= status < 300
    assert isinstance(credential, Credential)


def told_of(text: str) -> str:
    error = None
    try:
        unverified_claims(text)
    except MalformedToken as malformed:
        error = malformed
    assert error is None or error.__cause__ is None
    return str(error or "")


OTHERS = [told_of(text) for text in ("two words", "a", "a.b.c")]  # what is said of these, is no quotation


@example("access to")
@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_jwt_or_a_malformed_token_that_is_not_quoted(text: str) -> None:
    told = told_of(text)
    assert len(text) < 9 or text not in told or any(text in other for other in OTHERS)


@example({"exp": 10**350})  # an int that is too large for a float
@given(st.dictionaries(st.sampled_from(["exp", "iat"]), st.integers() | st.floats() | st.text() | st.booleans()))
def test_any_claims_give_a_life_above_zero_or_none(claims: dict[str, Any]) -> None:
    life = lifetime(claims, now=1_700_000_000.0)
    assert life is None or life > 0


@given(st.text())
def test_any_retry_after_is_seconds_or_none(text: str) -> None:
    seconds = parse_retry_after(text)
    assert seconds is None or seconds >= 0


def test_retry_after_is_seconds_or_a_date() -> None:
    now = 1_700_000_000.0
    date = format_datetime(datetime.fromtimestamp(now + 90, UTC), usegmt=True)
    assert parse_retry_after(" 12 ") == 12
    assert parse_retry_after(date, now=lambda: now) == 90
    assert parse_retry_after(date, now=lambda: now + 1000) == 0
    assert [parse_retry_after(text) for text in (None, "", "soon", "-5", "1.5", "١٢")] == [None] * 6
    assert parse_retry_after("9" * 400) is not None


def test_freshness_over_a_life() -> None:
    credential = Credential(access_token="a", expires_in=100).received(1000)
    at = {second: credential.freshness(1000 + second, leeway=10) for second in (0, 89, 90, 99, 100, 5000, -50)}
    assert at == {
        0: Freshness.FRESH,
        89: Freshness.FRESH,
        90: Freshness.STALE,
        99: Freshness.STALE,
        100: Freshness.EXPIRED,
        5000: Freshness.EXPIRED,
        -50: Freshness.FRESH,
    }
    assert Credential(access_token="a").received(0).freshness(10**9, leeway=30) is Freshness.FRESH
    assert Credential(access_token="a", expires_in=9).freshness(10**9, leeway=30) is Freshness.FRESH, "not received yet"


@pytest.mark.parametrize("field", ["access_token", "refresh_token", "id_token"])
def test_a_token_that_could_not_be_sent_is_none(field: str) -> None:
    with pytest.raises(MalformedToken):
        Credential(**dict[str, Any]({"access_token": "a", field: "line\nbreak"}))


def test_before_any_failure_the_server_has_asked_for_nothing() -> None:
    assert Backoff(clock=lambda: 0.0).retry_after == 0


async def test_the_pause_doubles_up_to_its_cap_and_ends_with_success() -> None:
    loop = asyncio.get_running_loop()
    backoff = Backoff(clock=Clock(), fraction=lambda: 1.0)
    pauses = []
    for _ in range(7):
        started = loop.time()
        await backoff.wait()
        pauses.append(loop.time() - started)
        backoff.failed()
    assert pauses == pytest.approx([0, 0.5, 1, 2, 4, 8, 8])
    backoff.succeeded()
    started = loop.time()
    await backoff.wait()
    assert loop.time() == started


async def test_no_secret_stands_in_a_repr_an_error_or_an_event(world: World) -> None:
    """X7: No token stands in a repr, a log, an event or the text of an error.

    Seen in: RFC 6750 section 5.3 asks for it
    """
    url = f"{API}notes?key={SECRET}#{SECRET}"
    api = await world.signed_in(SECRET, refresh_token=SECRET)
    await api.fetch(url, method="POST", body=SECRET, headers={"Cookie": SECRET, "X-Trace": "7"})
    credential = Credential(access_token=SECRET, refresh_token=SECRET)
    shown: list[object] = [
        *world.events,
        *world.server.requests,
        credential,
        api,
        api._sessions._session,
        Headers({"authorization": SECRET}),
    ]
    shown += [r.headers for r in world.server.requests] + [Response(200, {}, SECRET.encode())]
    assert [thing for thing in map(repr, shown) if SECRET in thing] == []
    assert "X-Trace" in repr(world.server.requests[0].headers)
    assert SECRET not in repr(Request(f"https://ada:{SECRET}@api.test/"))
    for build in (
        lambda: Headers({"Authorization": f"{SECRET}\n"}),
        lambda: Credential(access_token=f"{SECRET} "),
        lambda: unverified_claims(SECRET),
        lambda: unverified_claims(f"{SECRET}.{SECRET}.{SECRET}"),
        lambda: unverified_claims(jwt.encode({SECRET: 1}, "k" * 40)[:-50]),
    ):
        with pytest.raises((ValueError, MalformedToken)) as error:
            build()
        assert SECRET not in str(error.value)


async def test_a_plain_response_reads_like_the_pages_own() -> None:
    response = Response(200, {}, b'{"a": 1}')
    assert (response.ok, await response.json(), await response.text()) == (True, {"a": 1}, '{"a": 1}')
    assert await response.bytes() == b'{"a": 1}'
    assert not Response(404).ok


def test_connect_outside_a_browser_says_so() -> None:
    with pytest.raises(ReissueError, match="needs a browser"):
        reissue.connect("/api/", endpoint=Endpoint("/auth"))


def test_the_public_surface_is_what_init_lists() -> None:
    public = {name for name, value in vars(reissue).items() if name[0] != "_" and not isinstance(value, ModuleType)}
    assert public == set(reissue.__all__)
    assert sorted(reissue.__all__) == reissue.__all__
    for name in reissue.__all__:
        assert getattr(reissue, name).__doc__, name


def test_a_request_knows_whether_its_body_can_be_sent_twice() -> None:
    class JsStream:
        def getReader(self) -> None: ...  # noqa: N802

    assert Request.build("u", method="POST", body="text").replayable
    assert Request.build("u", method="POST", body=object()).replayable
    assert not Request.build("u", method="POST", body=JsStream()).replayable


def test_an_endpoint_is_known_by_where_it_renews() -> None:
    assert Endpoint("/auth/").refresh_url == "/auth/refresh"
    assert Endpoint("/", refresh="admin/refresh").refresh_url == "/admin/refresh"
