"""Requests, header fields and responses: which arguments make one, what is sent, and what of it is shown."""

import json
from typing import Any

import jwt
import pytest
from reissue import (
    Credential,
    Headers,
    MalformedToken,
    Request,
    Response,
    unverified_claims,
)
from reissue.http.messages import lines_of
from reissue.testing import Gate

from tests.reissue.conftest import API, World
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


def test_a_browser_gets_the_fields_as_lines_of_text() -> None:
    assert lines_of(Headers({"X-Trace": "7", "accept": "a: b"})) == "X-Trace\n7\naccept\na: b"
    assert lines_of(Request.build(API).headers) == ""


@pytest.mark.parametrize("fields", ["a: b", b"a", 7, ["ab"], [("a",)], {"a": 1}, {1: "a"}, [("a", None)]])
def test_what_are_no_header_fields_is_a_type_error(fields: Any) -> None:
    with pytest.raises(TypeError):
        Headers(fields)


@pytest.mark.parametrize("fields", [{"": "x"}, {"a b": "x"}, {"a:": "x"}, {"ä": "x"}, {"a": "x\r\nb: y"}, {"a": "\0"}])
def test_a_field_that_would_break_the_message_is_a_value_error(fields: Any) -> None:
    with pytest.raises(ValueError, match=r"header|holds"):
        Headers(fields)


@pytest.mark.parametrize(
    "url",
    [
        "https://ada@example.com:s3cr3t@api.test/x",
        "https:\\\\ada:s3cr3t@api.test/x",
        "https:/ada:s3cr3t@api.test/x",
        "//ada:s3cr3t@api.test/x",
        "https://api.test/x?s3cr3t#s3cr3t",
        "https://api.test/x#?s3cr3t",
    ],
)
def test_a_shown_url_hides_what_may_be_secret(url: str) -> None:
    """X7"""
    request = Request(url)
    assert "s3cr3t" not in request.shown_url + repr(request)
    assert request.shown_url.endswith("api.test/x")


@pytest.mark.parametrize("url", ["/api/notes", "notes/@ada", "https://api.test/@ada/x"])
def test_a_shown_url_keeps_the_rest(url: str) -> None:
    assert Request(url).shown_url == url


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
        ({"method": "POST", "data": "a=1"}, TypeError),
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
        api._lifecycle.sessions.latest,
        Headers({"authorization": SECRET}),
        *(Headers({name: SECRET}) for name in ("X-Auth-Token", "apikey", "X-CSRFToken", "X-Session", "X-JWT")),
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


def test_a_request_knows_whether_its_body_can_be_sent_twice() -> None:
    class JsStream:
        def getReader(self) -> None: ...  # noqa: N802

    assert Request.build("u", method="POST", body="text").replayable
    assert Request.build("u", method="POST", body=object()).replayable
    assert not Request.build("u", method="POST", body=JsStream()).replayable
