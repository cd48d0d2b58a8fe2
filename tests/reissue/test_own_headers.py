"""Header fields that a client sets in its requests: the app's own, and where and how the token stands."""

from typing import Any

import pytest
from reissue import Credential, Endpoint, Headers, Request, Response, Route
from reissue.adapters.answers import added

from tests.reissue.conftest import API, World, outcome


async def test_own_headers_are_read_anew_at_each_send_and_at_the_replay(world: World) -> None:
    """X4. A refresh may set another CSRF cookie."""
    cookie = {"csrf": 1}
    read: list[int] = []

    def headers() -> dict[str, str]:
        read.append(cookie["csrf"])
        return {"X-CSRFToken": str(cookie["csrf"])}

    async def refresh(credential: Credential | None) -> Credential:
        cookie["csrf"] += 1
        return Credential(access_token="token-2")

    world.api = world.make(endpoint=refresh, headers=headers)
    await world.signed_in("token-1")
    response = await world.api.fetch(API + "notes", method="POST", headers={"x-csrftoken": "0", "X-Other": "o"})
    assert response.status == 200
    assert [(request.headers["X-CSRFToken"], request.headers["X-Other"]) for request in world.server.requests] == [
        ("1", "o"),
        ("2", "o"),
    ]
    assert read == [1, 2]


async def test_own_headers_go_to_the_audience_only(world: World) -> None:
    """X1, X2"""
    world.api = world.make(headers={"apikey": "anon"})
    await world.signed_in("token-2")
    await world.api.fetch("https://else.test/x")
    await world.api.fetch(API + "notes")
    await world.api.fetch(API + "notes", auth=False)
    assert ["apikey" in request.headers for request in world.server.requests] == [False, True, False]


async def test_headers_that_can_not_be_read_are_the_callers_error_and_nothing_is_sent(world: World) -> None:
    def headers() -> dict[str, str]:
        raise KeyError("csrf")

    world.api = world.make(headers=headers)
    await world.signed_in("token-2")
    assert isinstance(await outcome(world.api.fetch(API + "notes")), KeyError)
    assert world.server.requests == []
    assert (await world.api.fetch("https://else.test/x")).status == 401, "and no slot is lost"


async def test_another_client_gets_the_same_fields(world: World) -> None:
    world.api = world.make(headers=lambda: {"X-CSRFToken": "1"})
    await world.signed_in("token-2")
    asked = Request(API + "notes", headers=Headers({"Accept": "text/plain"}))
    attempts = world.api.attempts(asked)
    assert attempts is not None
    with attempts:
        attempt = await attempts.first()
        assert added(attempt, asked) == {"Authorization": "Bearer token-2", "X-CSRFToken": "1"}
        assert await attempts.after(Response(200)) is None


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, {"Authorization": "Bearer token-2"}),
        ({"scheme": "JWT"}, {"Authorization": "JWT token-2"}),
        ({"scheme": ""}, {"Authorization": "token-2"}),
        ({"header": "X-Auth-Token", "scheme": ""}, {"X-Auth-Token": "token-2"}),
        ({"header": "authorization"}, {"authorization": "Bearer token-2"}),
    ],
)
async def test_the_token_stands_where_the_api_wants_it(world: World, settings: Any, sent: dict[str, str]) -> None:
    requests: list[Request] = []

    async def transport(request: Request) -> Response:
        requests.append(request)
        return Response(200 if dict(request.headers) == sent else 401)

    world.api = world.make(transport=transport, **settings)
    await world.signed_in("token-1")
    assert (await world.api.fetch(API + "notes")).status == 200
    assert len(requests) == 2, "refused once, and replayed"


async def test_a_request_with_a_token_of_its_own_is_not_given_another(world: World) -> None:
    world.api = world.make(header="X-Auth-Token", scheme="")
    await world.signed_in("token-2")
    assert world.api.attempts(Request(API + "notes", headers=Headers({"x-auth-token": "mine"}))) is None
    assert isinstance(await outcome(world.api.fetch(API, headers={"X-Auth-Token": "mine"})), ValueError)
    response = await outcome(world.api.fetch(API, headers={"Authorization": "Basic gateway"}))
    assert response.status == 401, "another field is none of this client's"
    sent = world.server.requests[0].headers
    assert (sent["Authorization"], sent["X-Auth-Token"]) == ("Basic gateway", "token-2")


@pytest.mark.parametrize(("redirect", "sent"), [(None, "error"), ("manual", "manual")])
async def test_a_token_in_another_header_follows_no_redirect(world: World, redirect: str | None, sent: str) -> None:
    """X1: a browser drops Authorization on its way to another origin, and no other field (Fetch standard, 4.4)."""
    world.api = world.make(header="X-Auth-Token")
    await world.signed_in("token-2")
    options: dict[str, Any] = {} if redirect is None else {"redirect": redirect}
    await world.api.fetch(API + "notes", **options)
    assert world.server.requests[0].options["redirect"] == sent
    plain = world.make()
    await plain.adopt("token-2")
    await plain.fetch(API + "notes")
    assert "redirect" not in world.server.requests[-1].options


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"headers": {"Authorization": "x"}}, ValueError),
        ({"headers": {"x-auth-token": "x"}, "header": "X-Auth-Token"}, ValueError),
        ({"headers": {"X Y": "1"}}, ValueError),
        ({"headers": ["X"]}, TypeError),
        ({"header": "X Y"}, ValueError),
        ({"header": ""}, ValueError),
        ({"header": 7}, TypeError),
        ({"scheme": "two words"}, ValueError),
        ({"scheme": "line\nbreak"}, ValueError),
        ({"scheme": None}, TypeError),
    ],
)
def test_wrong_settings_are_refused_at_once(world: World, settings: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.make(**settings)


def test_a_bound_token_has_a_scheme_of_its_own(world: World) -> None:
    """RFC 9449 section 7.1"""
    for settings in ({"scheme": "JWT"}, {"header": "X-Auth-Token"}):
        with pytest.raises(ValueError, match="9449"):
            world.make(proofs=object(), **settings)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({}, "authorization"), ({"header": "X-Auth-Token", "scheme": ""}, "x-auth-token"), ({"proofs": object()}, "DPoP")],
)
async def test_no_function_replaces_the_token_or_its_proof(world: World, settings: dict[str, Any], name: str) -> None:
    """S3: the request would go out as another user's."""
    world.api = world.make(headers=lambda: {name: "another"}, **settings)
    await world.signed_in("token-2")
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, ValueError)
    assert "another" not in str(error)
    assert world.server.requests == []
    with pytest.raises(ValueError, match="carries the token"):
        world.make(headers={name: "another"}, **settings)


def test_a_coroutine_function_can_not_give_headers(world: World) -> None:
    async def headers() -> dict[str, str]:
        return {}

    class Headed:
        async def __call__(self) -> dict[str, str]:
            return {}

    for given in (headers, Headed()):
        with pytest.raises(TypeError, match="plain function"):
            world.make(headers=given)
        with pytest.raises(TypeError, match="plain function"):
            Endpoint("/auth", headers=given)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="plain function"):
            Route("refresh", headers=given)  # type: ignore[arg-type]


async def test_a_mapping_is_copied(world: World) -> None:
    headers = {"apikey": "anon"}
    world.api = world.make(headers=headers)
    headers["Authorization"] = "Bearer another"
    await world.signed_in("token-2")
    assert (await world.api.fetch(API + "notes")).status == 200
