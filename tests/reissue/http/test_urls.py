"""Who may see the token."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import AudienceEvent, AudiencePhase, Endpoint, Request
from reissue.http.urls import Audience, Url, parse_url

from tests.reissue.conftest import API, World

INSIDE = [
    "https://api.test/v1",
    "https://api.test/v1/",
    "https://api.test/v1/notes?next=https://evil.example/",
    "https://api.test/v1/notes#fragment",
    "https://API.TEST/v1/notes",
    "HTTPS://api.test:443/v1/notes",
    "https://api.test/v1/./notes",
    "https://api.test/v2/../v1/notes",
    "https://api.test/v1/notes/..",
    "https://api.test/v1/.",
    "https://api.test/v1/a..b/c..",
    "https://api.test/v1/...;/x",
    "https://api.test/v1/a;..;b",
    "https://api.test/v1/100%25/50%2525",
    "https://api.test/v1/a%2fb%5cc",
    "https://api.test/v1/caf%E9/%zz/%",
    " https://api.test/v1/notes\n",
    "https:\\\\api.test\\v1\\notes",
]
OUTSIDE = [
    "https://evil.example/v1/notes",
    "https://evil.example\\@api.test/v1/notes",
    "https://evil.example/@api.test/v1/notes",
    "https://api.test@evil.example/v1/notes",
    "https://api.test:pw@evil.example/v1/notes",
    "https://ada:pw@api.test/v1/notes",
    "https://api.test.evil.example/v1/notes",
    "https://evil-api.test/v1/notes",
    "https://api.test:8443/v1/notes",
    f"https://api.test:{'4' * 5000}/v1/notes",
    "http://api.test/v1/notes",
    "https://api.test/v10/notes",
    "https://api.test/V1/notes",
    "https://api.test/",
    "https://api.test/v1/../admin",
    "https://api.test/v1/%2e%2e/admin",
    "https://api.test/v1/%2E./admin",
    "https://api.test/v1/..%2fadmin",
    "https://api.test/v1/%2e%2e%5cadmin",
    "https://api.test/v1/..;/admin",
    "https://api.test/v1/..;jsessionid=1/admin",
    "https://api.test/v1/%2e%2E;a=b/admin",
    "https://api.test/v1/..%3b/admin",
    "https://api.test/v1/%252e%252e%252fadmin",
    "https://api.test/v1/%252e%252e/admin",
    "https://api.test/v1/..%252fadmin",
    "https://api.test/v1/%25252e%25252e%25252fadmin",
    "https://api.test/v1/.%25252525252525252e/admin",
    "https://api.test/v1/..%00/admin",
    "https://api.test/v1/..%20/admin",
    "https://api.test/v1/..%09%2fadmin",
    "https://api.test/v1/%c0%ae%c0%ae%c0%afadmin",
    "https://api.test/v1/%%32%65%%32%65/admin",
    "https://api.test/v1/%%%%%%333333333232323232%%%%%%333333333232323232",
    "https://api.test/v1\\..\\admin",
    "https://api.test./v1/notes",
    "https://bucket.storage.example/object?X-Amz-Signature=abc",
    "//api.test/v1/notes",
    "/v1/notes",
    "v1/notes",
    "",
    "https://",
    "https:///",
    "https://[::1/v1",
    "https://api.test:port/v1",
    "https://äpi.test/v1",
    "file:///v1",
    "javascript:alert(1)",
    "data:text/plain,x",
    "ftp://api.test/v1",
]


@pytest.mark.parametrize("url", INSIDE)
async def test_the_audience_sees_the_token(world: World, url: str) -> None:
    """X1"""
    await world.signed_in("token-2")
    await world.api.fetch(url)
    assert world.server.tokens == ["token-2"]


@pytest.mark.parametrize("url", OUTSIDE)
async def test_nobody_else_ever_sees_the_token(world: World, url: str) -> None:
    """X1, X2: what the browser would send elsewhere goes out untouched, without a token and without a refresh."""
    await world.signed_in("token-2")
    await world.api.fetch(url)
    assert world.server.tokens == [None]
    assert world.server.requests[0].url == url
    assert world.endpoint.calls == 0


async def test_a_presigned_storage_url_goes_out_as_it_came(world: World) -> None:
    """X2: A request outside the audience, to a presigned URL say, gets no header and no change of its URL.

    Seen in: Open-EO/openeo-web-editor#263
    """
    await world.signed_in("token-2")
    url = "https://Bucket.storage.example:443/a/../b%2Fc?X-Amz-Signature=abc&X-Amz-Date=20260101T000000Z#part"
    response = await world.api.fetch(url, method="PUT", body=b"file", headers={"Content-Type": "text/plain"})
    assert response.status == 401
    (request,) = world.server.requests
    assert (request.url, request.method, request.body) == (url, "PUT", b"file")
    assert dict(request.headers) == {"Content-Type": "text/plain"}
    assert world.endpoint.calls == 0


@pytest.mark.parametrize("url", ["https://api.test/v1/.\t./admin", "https://[::1]80/v1", "https://\u212a.test/"])
async def test_urls_that_only_look_covered_get_no_token(world: World, url: str) -> None:
    """X1"""
    world.api = world.make(audience=[API, "http://[::1]/v1", "https://k.test/"])
    await world.signed_in("token-2")
    await world.api.fetch(url)
    assert world.server.tokens == [None]


async def test_what_was_compared_is_what_is_sent(world: World) -> None:
    """X1"""
    await world.signed_in("token-2")
    await world.api.fetch("https://API.test:443/v1/x/../notes?q=1")
    assert world.server.requests[0].url == "https://api.test/v1/notes?q=1"


async def test_several_audiences_are_each_covered(world: World) -> None:
    world.api = world.make(audience=["https://api.test/v1", "https://files.test"])
    await world.signed_in("token-2")
    await world.api.fetch("https://files.test/any/thing")
    await world.api.fetch("https://api.test/v1/x")
    await world.api.fetch("https://api.test/v2/x")
    assert world.server.tokens == ["token-2", "token-2", None]


@pytest.mark.parametrize(
    "audience",
    ["", [], "/api/", "api.test", "https://", "https://api.test/?q", "https://api.test/#f", "https://ada@api.test/"],
)
def test_what_can_be_no_audience_is_refused(audience: Any) -> None:
    with pytest.raises(ValueError, match="audience"):
        Audience(audience, parse=parse_url)


def test_an_audience_is_text() -> None:
    with pytest.raises(TypeError):
        Audience([7], parse=parse_url)  # type: ignore[list-item]


def test_an_ipv6_origin_with_a_port_is_read_whole() -> None:
    assert parse_url("http://[::1]:8000/api").origin == "http://[::1]:8000"
    assert parse_url("http://[::1]").origin == "http://[::1]"


@given(st.text())
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    for url in (text, "https://" + text, "https://api.test/v1/" + text):
        try:
            parsed = parse_url(url)
        except ValueError:
            continue
        assert isinstance(parsed, Url)
        assert parse_url(parsed.href).origin == parsed.origin


@given(st.text(alphabet="/\\.%2eE5cCfF@:?#vV1api", max_size=30))
def test_no_path_leaves_the_audience(path: str) -> None:
    """X1: whatever is covered is still covered after a server that decodes and resolves once more."""
    audience = Audience("https://api.test/v1", parse=parse_url)
    try:
        url = parse_url("https://api.test" + path)
    except ValueError:
        return
    if audience.covers(url):
        assert url.path == "/v1" or url.path.startswith("/v1/")
        assert "/../" not in url.path + "/"


@given(
    st.sampled_from(["https://api.test", "https://api.test/v1/", "https://api.test//v1//", "https://api.test/v1/%2e"]),
    st.sampled_from(["https://api.test", "https://API.test:443", "https://api.test/v1", "https://api.test//v1"]),
    st.text(alphabet="/\\.%2eE5cCfF@:?#vV1api", max_size=9),
)
def test_all_that_is_covered_begins_with_a_root(root: str, start: str, rest: str) -> None:
    """X1: what begins with none may be left to the browser unseen."""
    audience = Audience(["https://files.test/x", root], parse=parse_url)
    try:
        url = parse_url(start + rest)
    except ValueError:
        return
    if audience.covers(url):
        assert (url.origin + url.path).startswith(tuple(audience.roots))


def test_a_root_is_an_origin_and_a_path() -> None:
    audience = Audience(["https://api.test/v1/", "https://files.test"], parse=parse_url)
    assert audience.roots == {"https://api.test/v1", "https://files.test/"}


def as_in_a_page(text: str) -> Url:
    return Url("https://app.test/x", "https://app.test", "/x")


HOSTS = [
    "127.0.0.1:8000/api/",
    "localhost:8000/api/",
    "localhost/api/",
    "LOCALHOST\\api",
    "api.test:443",
    "api.test",
    "api.test/v1",
    "ftp://api.test/",
    "[::1]:8000/api/",
]


@pytest.mark.parametrize("text", HOSTS)
def test_an_audience_that_a_browser_would_read_as_something_else_is_refused(text: str) -> None:
    """X1: `localhost:` is a scheme to it, and `127.0.0.1:8000` and `api.test` are folders of the page."""
    with pytest.raises(ValueError, match=r"begins with https:// or http://|without query, fragment or user name"):
        Audience(text, parse=as_in_a_page)


@pytest.mark.parametrize("text", HOSTS)
def test_an_endpoint_that_a_browser_would_read_as_something_else_is_refused(text: str) -> None:
    """X12: the password would go to a folder of the page, or nowhere."""
    with pytest.raises(ValueError, match=r"an endpoint on another host begins with https://.*begins with \./"):
        Endpoint(text)


@pytest.mark.parametrize("text", ["api", "my-api", " api "])
def test_an_audience_of_one_word_is_refused_and_both_its_meanings_are_named(text: str) -> None:
    """A host or a folder? `api/` is a folder, as in a link."""
    with pytest.raises(ValueError, match="may mean a host or a folder: write '"):
        Audience(text, parse=as_in_a_page)


@pytest.mark.parametrize(
    "text",
    [
        "/api/",
        "api/",
        "api/v1.2",
        "./api",
        "./v1.2/",
        "../api",
        "//api.test/",
        " https://api.test/",
        "HTTPS://api.test",
    ],
)
def test_an_audience_may_be_relative_where_urls_are(text: str) -> None:
    assert Audience(text, parse=as_in_a_page).roots
    assert Endpoint(text).url


# What looks like the audience

AUDIENCES = ["https://api.test/v1/", "https://files.test", "http://localhost:8000/api"]


@pytest.mark.parametrize(
    ("url", "differs"),
    [
        ("https://api.test/v1/notes", None),
        ("https://api.test/v2/notes", "path"),
        ("https://api.test/", "path"),
        ("https://api.test/v1/%2e%2e%2fadmin", "path"),
        ("http://api.test/v1/notes", "origin"),
        ("https://else.test/v1/notes", "origin"),
        ("https://else.test/v10", None),
        ("https://files.test:8443/a", "origin"),
        ("http://files.test/a", "origin"),
        ("https://cdn.test/a", None),
        ("http://127.0.0.1:8000/api/notes", "origin"),
        ("http://127.0.0.1:8000/", None),
        ("http://[::1]:5173/api", "origin"),
    ],
)
def test_a_url_outside_the_audience_looks_like_one_of_it_by_its_origin_or_by_its_path(
    url: str, differs: str | None
) -> None:
    assert Audience(AUDIENCES, parse=parse_url).mistaken(parse_url(url)) == differs


async def test_a_request_that_looks_like_one_to_the_api_is_told_once_if_it_carries_no_token(world: World) -> None:
    """By its path and by its origin, once each, without the query."""
    api = await world.signed_in("token-2")
    for url in (
        "https://api.test/v2/a?key=s3cr3t",
        "https://api.test/v2/b",
        "http://api.test/v1/c",
        "http://api.test/",
    ):
        await api.fetch(url, method="POST")
    await api.fetch(API + "notes")
    told = [event for event in world.events if isinstance(event, AudienceEvent)]
    assert [(event.phase, event.url) for event in told] == [
        (AudiencePhase.OTHER_PATH, "https://api.test/v2/a"),
        (AudiencePhase.OTHER_ORIGIN, "http://api.test/v1/c"),
    ]
    assert {(event.method, event.audience, event.at) for event in told} == {("POST", API, world.clock())}
    assert told[0].message == (
        "reissue: POST https://api.test/v2/a went out without a token, since its path is not that of the audience "
        "https://api.test/v1/: correct one of them, or send it with auth=False"
    )


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("https://api.test/v2/a", {"auth": False}),
        ("https://api.test/v2/a", {"headers": {"Authorization": "Bearer mine"}}),
        ("https://cdn.test/a", {}),
        ("no url", {}),
    ],
    ids=["auth=False", "a token of its own", "foreign", "no URL"],
)
async def test_a_request_that_means_to_carry_no_token_is_not_told(
    world: World, url: str, options: dict[str, Any]
) -> None:
    await world.api.fetch(url, **options)
    assert not [event for event in world.events if isinstance(event, AudienceEvent)]


async def test_another_clients_request_is_told_and_that_of_code_that_knows_no_client_is_not(world: World) -> None:
    api = await world.signed_in("token-2")
    await api._sender.send_or_pass(Request("https://api.test/v2/a"))
    assert not [event for event in world.events if isinstance(event, AudienceEvent)]
    assert api.attempts(Request("https://api.test/v2/a")) is None
    assert [event.url for event in world.events if isinstance(event, AudienceEvent)] == ["https://api.test/v2/a"]


@pytest.mark.parametrize("auth", [("ada", "lovelace"), None, "Bearer x", 1])
async def test_auth_is_no_name_and_password(world: World, auth: Any) -> None:
    """As in `requests`: such a request would be sent with the session's token."""
    with pytest.raises(TypeError, match="auth is True or False"):
        await world.api.fetch(API, auth=auth)
