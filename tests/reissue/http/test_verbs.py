"""`get`, `post` and the like, and paths relative to the audience."""

import asyncio
from typing import Any

import pytest
from reissue import Endpoint, Headers, HttpStatusError, Interceptor, Request, Response
from reissue.testing import FakeServer

API = "https://api.test/v1/"


async def signed_in(audience: Any = API, answer: Any = None) -> tuple[FakeServer, Interceptor]:
    server = FakeServer("https://api.test/", answer=answer) if answer else FakeServer("https://api.test/")
    api = server.connect(audience, endpoint=Endpoint("https://api.test/auth"))
    await api.sign_in(username="ada", password="lovelace")
    return server, api


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
async def test_each_verb_is_fetch_with_its_method(method: str) -> None:
    server, api = await signed_in()
    body = {} if method == "get" else {"json": {"text": "hi"}}
    response = await getattr(api, method)("notes", params={"page": 2}, headers={"X-Trace": "7"}, **body)
    (request,) = server.requests
    assert response.status == 200
    assert (request.method, request.url) == (method.upper(), f"{API}notes?page=2")
    assert request.headers["X-Trace"] == "7"
    assert request.body == (b'{"text": "hi"}' if body else None)


async def test_request_takes_the_method_as_httpx_does() -> None:
    server, api = await signed_in()
    await api.request("OPTIONS", "notes")
    assert (server.requests[0].method, server.requests[0].url) == ("OPTIONS", f"{API}notes")


async def test_a_verb_sends_over_a_rejected_token_as_fetch_does() -> None:
    """Q1."""
    server, api = await signed_in()
    server.revoke()
    answers = await asyncio.gather(*(api.get(f"notes/{number}") for number in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert server.refreshes == 1


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("notes", "https://api.test/v1/notes"),
        ("notes/1?full=yes#top", "https://api.test/v1/notes/1?full=yes#top"),
        ("./notes", "https://api.test/v1/notes"),
        ("notes/../files", "https://api.test/v1/files"),
        ("/v1/notes", "https://api.test/v1/notes"),
        ("//api.test/v1/notes", "https://api.test/v1/notes"),
        (" notes\n", "https://api.test/v1/notes"),
        ("?page=2", "https://api.test/v1/?page=2"),
        ("#top", "https://api.test/v1/#top"),
        ("", "https://api.test/v1/"),
        ("https://api.test/v1/notes", "https://api.test/v1/notes"),
    ],
)
async def test_a_path_is_relative_to_the_audience(path: str, url: str) -> None:
    server, api = await signed_in()
    await api.get(path)
    assert server.requests[0].url == url


@pytest.mark.parametrize(
    ("path", "url"),
    [("notes", "https://api.test/v1/notes"), ("", "https://api.test/v1"), ("?page=2", "https://api.test/v1?page=2")],
)
async def test_an_audience_without_its_last_slash_is_a_folder_all_the_same(path: str, url: str) -> None:
    server, api = await signed_in("https://api.test/v1")
    await api.get(path)
    assert server.requests[0].url == url


async def test_an_audience_may_be_a_whole_origin() -> None:
    server, api = await signed_in("https://api.test")
    await api.get("/notes")
    await api.get("notes")
    assert [request.url for request in server.requests] == ["https://api.test/notes"] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/notes",
        "../notes",
        "\\notes",
        "//evil.example/v1/notes",
        "\\\\evil.example\\v1",
        "/\t/evil.example/v1/",
        "%2e%2e/notes",
        "..%2fnotes",
        "..;/admin",
        "/v1/../notes",
    ],
)
async def test_a_path_that_leads_out_of_the_audience_is_an_error_and_nothing_is_sent(path: str) -> None:
    """X1: a request without its token would come back as a 401; one elsewhere would tell others the path."""
    server, api = await signed_in()
    asking = api.get(f"{path}?secret=s3cr3t")
    with pytest.raises(ValueError, match=r"leads out of the audience https://api\.test/v1/") as caught:
        await asking
    assert "s3cr3t" not in str(caught.value)
    assert server.requests == []


async def test_a_whole_url_outside_the_audience_goes_out_without_a_token_as_with_fetch() -> None:
    """X1."""
    server, api = await signed_in()
    await api.get("https://api.test/public")
    assert "Authorization" not in server.requests[0].headers


async def test_a_relative_path_needs_an_audience_of_one_url() -> None:
    server, api = await signed_in(["https://api.test/v1/", "https://files.test/"])
    with pytest.raises(ValueError, match="several URLs: give a whole URL"):
        await api.get("notes")
    await api.get("https://files.test/a")
    assert [request.url for request in server.requests] == ["https://files.test/a"]


async def test_what_is_no_url_is_fetchs_own_error() -> None:
    _, api = await signed_in()
    with pytest.raises(TypeError, match="a URL is text"):
        await api.get(7)


@pytest.mark.parametrize("status", [400, 404, 503, 599])
async def test_raise_for_status_raises_for_an_error_that_the_api_answered(status: int) -> None:
    _, api = await signed_in(answer=lambda request: Response(status, {}, b'{"detail": "no"}'))
    response = await api.get("notes")
    with pytest.raises(HttpStatusError, match=f"answered {status}") as caught:
        response.raise_for_status()
    assert (caught.value.status, caught.value.url) == (status, None)
    assert await caught.value.response.json() == {"detail": "no"}


@pytest.mark.parametrize("status", [200, 204, 304, 399])
def test_raise_for_status_gives_any_other_response_back(status: int) -> None:
    response = Response(status)
    assert response.raise_for_status() is response


async def test_a_client_says_what_it_is_without_a_secret() -> None:
    server, api = await signed_in()
    assert repr(api) == "<reissue client of https://api.test/v1/: signed in, access token valid for 300 s>"
    server.clock.advance(300)
    assert repr(api) == "<reissue client of https://api.test/v1/: signed in, access token expired>"
    await api.sign_out()
    assert repr(api) == "<reissue client of https://api.test/v1/: signed out>"
    several = server.connect([API, "https://files.test/"], endpoint=Endpoint("https://api.test/auth"))
    assert repr(several) == "<reissue client of https://api.test/v1/ https://files.test/: signed out>"


def test_a_request_with_params_is_still_a_request() -> None:
    assert Request.build(API, params={"a": 1}) == Request(f"{API}?a=1", "GET", Headers())
