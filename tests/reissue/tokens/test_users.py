"""Whose tokens are these? What tells one user's from another's, and what does not."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from reissue import (
    Credential,
    Endpoint,
    Interceptor,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionChanged,
    SessionEvent,
    SessionPhase,
    State,
)
from reissue.session.resource_token import exchange
from reissue.testing import settle
from reissue.tokens.users import UserMatch, Users

from tests.reissue.auth_server import AuthServer
from tests.reissue.bound import API as BOUND_API
from tests.reissue.bound import Bound
from tests.reissue.conftest import API, World, outcome

SAME, OTHER, UNKNOWN = UserMatch.SAME, UserMatch.OTHER, UserMatch.UNKNOWN
FILES = "https://files.test/"


def token(**claims: Any) -> str:
    """A JWT as a server makes it that does not look at what it puts in."""
    payload = json.dumps(claims).encode()
    return jwt.api_jws.encode(payload, "a key that is long enough for HS256", algorithm="HS256")


def held(access: str | dict[str, Any] = "opaque", id_token: dict[str, Any] | None = None) -> Credential:
    text = access if isinstance(access, str) else token(**access)
    return Credential(access_token=text, id_token=None if id_token is None else token(**id_token))


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        pytest.param({"sub": "ada"}, {"sub": "ada"}, SAME, id="one subject"),
        pytest.param({"sub": "ada"}, {"sub": "grace"}, OTHER, id="two subjects"),
        pytest.param({"sub": "ada"}, "opaque", UNKNOWN, id="one is opaque"),
        pytest.param("opaque", "other-opaque", UNKNOWN, id="both are opaque"),
        pytest.param({"scope": "notes"}, {"scope": "notes"}, UNKNOWN, id="neither names anybody"),
        pytest.param({"sub": 1}, {"sub": "1"}, SAME, id="a number and its text"),
        pytest.param({"sub": 1}, {"sub": "2"}, OTHER, id="a number and another's text"),
        pytest.param({"sub": 1e21}, {"sub": 10**21}, SAME, id="a number and its exponent"),
        pytest.param({"sub": 1.5}, {"sub": "1.5"}, SAME, id="a number that is not whole"),
        pytest.param({"sub": "ADA"}, {"sub": "ada"}, UNKNOWN, id="upper and lower case"),
        pytest.param({"sub": "ada", "aud": "a"}, {"sub": "grace", "aud": "b"}, UNKNOWN, id="two resources"),
        pytest.param({"sub": "ada", "aud": "a"}, {"sub": "ada", "aud": "b"}, UNKNOWN, id="two resources, one subject"),
        pytest.param({"sub": "ada", "aud": "a"}, {"sub": "grace"}, UNKNOWN, id="a resource, and none named"),
        pytest.param({"sub": "ada", "aud": "a"}, {"sub": "grace", "aud": ["a"]}, OTHER, id="one resource in a list"),
        pytest.param({"sub": "a", "aud": ["x", "y"]}, {"sub": "b", "aud": ["y", "x"]}, OTHER, id="in another order"),
        pytest.param({"sub": "ada", "aud": {}}, {"sub": "grace", "aud": [7]}, OTHER, id="what names no resource"),
        pytest.param({"sub": "ada", "iss": "a"}, {"sub": "grace", "iss": "b"}, UNKNOWN, id="two issuers"),
        pytest.param({"sub": "ada", "iss": []}, {"sub": "grace"}, OTHER, id="what is no issuer"),
        pytest.param({"user_id": 1}, {"user_id": "1"}, SAME, id="user_id"),
        pytest.param({"user_id": 1}, {"user_id": 2}, OTHER, id="another user_id"),
        pytest.param({"uid": "a"}, {"uid": "b"}, OTHER, id="another uid"),
        pytest.param({"username": "a"}, {"username": "b"}, OTHER, id="another username"),
        pytest.param({"email": "a@x"}, {"email": "b@x"}, OTHER, id="another email"),
        pytest.param({"sub": "a", "uid": 1}, {"sub": "a", "uid": 2}, SAME, id="the first in common counts"),
        pytest.param({"sub": "a", "uid": 1}, {"uid": 2}, OTHER, id="what only one has is passed over"),
        pytest.param({"user_id": 1}, {"email": "a@x"}, UNKNOWN, id="nothing in common"),
        pytest.param({"sub": True}, {"sub": False}, UNKNOWN, id="truth names nobody"),
        pytest.param({"sub": ["a"]}, {"sub": ["b"]}, UNKNOWN, id="a list names nobody"),
        pytest.param({"sub": {"a": 1}}, {"sub": {"b": 1}}, UNKNOWN, id="an object names nobody"),
        pytest.param({"sub": ""}, {"sub": "grace"}, UNKNOWN, id="nothing names nobody"),
    ],
)
def test_two_access_tokens_tell_whose_they_are_by_what_they_have_in_common(
    one: str | dict[str, Any], other: str | dict[str, Any], match: UserMatch
) -> None:
    """S3, S6"""
    assert Users().compare(held(one), held(other)) is match
    assert Users().compare(held(other), held(one)) is match


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        pytest.param(held("a", {"sub": 1, "iat": 1}), held("b", {"sub": 1, "iat": 2}), SAME, id="one user's"),
        pytest.param(held("a", {"sub": "ada"}), held("b", {"sub": "grace"}), OTHER, id="two users'"),
        pytest.param(held("a", {"sub": "a", "aud": "x"}), held("b", {"sub": "b", "aud": "y"}), UNKNOWN, id="clients'"),
        pytest.param(held("a", {"sub": "ada"}), held("b"), UNKNOWN, id="one has none"),
        pytest.param(held({"sub": "ada"}), held("b", {"sub": "grace"}), UNKNOWN, id="an access token with an ID token"),
        pytest.param(held({"sub": 1}, {"sub": "a"}), held({"sub": 1}, {"sub": "b"}), SAME, id="access tokens decide"),
        pytest.param(held({"sub": 1}, {"sub": "a"}), held({"sub": 2}, {"sub": "a"}), OTHER, id="in every case"),
        pytest.param(held({"sub": "ADA"}, {"sub": "1"}), held({"sub": "ada"}, {"sub": "1"}), UNKNOWN, id="inherited"),
        pytest.param(
            held({"sub": "ADA"}, {"sub": "1", "iat": 1}),
            held({"sub": "ada"}, {"sub": "1", "iat": 2}),
            SAME,
            id="where access tokens leave it open",
        ),
    ],
)
def test_an_id_token_is_compared_with_another_id_token_only(
    one: Credential, other: Credential, match: UserMatch
) -> None:
    """S6"""
    assert Users().compare(one, other) is match
    assert Users().compare(other, one) is match


def test_the_claim_that_is_set_overrules_every_other() -> None:
    """S7"""
    users = Users("oid")
    assert users.compare(held({"sub": "a", "oid": 1}), held({"sub": "b", "oid": 1})) is SAME
    assert users.compare(held({"sub": "a", "oid": 1}), held({"sub": "a", "oid": 2})) is OTHER
    assert users.compare(held({"sub": "a"}), held({"sub": "b"})) is UNKNOWN


@pytest.mark.parametrize(
    ("claim", "error"), [("", ValueError), ("  ", ValueError), (7, TypeError), (["sub"], TypeError)]
)
def test_a_claim_that_can_be_none_is_refused_at_once(claim: Any, error: type[Exception]) -> None:
    async def nothing(argument: Any) -> Any: ...

    with pytest.raises(error, match=r"^user_claim is the name of a claim"):
        Interceptor(nothing, audience=API, endpoint=nothing, user_claim=claim)


# Refreshes


async def signed_in(world: World, server: AuthServer, **options: Any) -> Interceptor:
    """A session whose first token the server has not granted, and refuses."""
    world.api = world.make(transport=server, endpoint=Endpoint(API + "auth"), **options)
    return await world.signed_in(server.token(), refresh_token=None)


def granting(*claims: dict[str, Any]) -> AuthServer:
    """A server whose tokens have these claims, in turn."""
    rest = iter(claims)
    return AuthServer(lambda: token(**next(rest)))


@pytest.mark.parametrize(
    ("claims", "options"),
    [
        pytest.param(lambda user: {"token_type": "access", "user_id": user}, {}, id="SimpleJWT"),
        pytest.param(lambda user: {"user_id": str(user), "iss": "x", "aud": ["y"]}, {}, id="as text"),
        pytest.param(lambda user: {"uid": user}, {}, id="uid"),
        pytest.param(lambda user: {"username": f"u{user}"}, {}, id="username"),
        pytest.param(lambda user: {"email": f"u{user}@x"}, {}, id="email"),
        pytest.param(lambda user: {"https://x/me": user}, {"user_claim": "https://x/me"}, id="a claim that is set"),
        pytest.param(lambda user: {"sub": "user", "id": user}, {"user_claim": "id"}, id="another than sub"),
    ],
)
async def test_a_token_that_names_its_user_by_another_claim_tells_that_the_cookie_was_replaced(
    world: World, claims: Callable[[int], dict[str, Any]], options: dict[str, Any]
) -> None:
    """S7: Where the cookie is another user's by now, waiting requests fail, by whatever claim tokens name their user.

    Seen in: SimpleJWT's own default, `user_id`
    """
    server = granting(claims(1), claims(2))
    await signed_in(world, server, **options)
    calls = [outcome(world.api.fetch(API + "notes", method="POST", json={"mine": n})) for n in range(3)]
    assert [type(error) for error in await asyncio.gather(*calls)] == [SessionChanged] * 3
    assert server.accepted == [], "nothing of the first user's was sent as the second"
    assert (await world.api.fetch(API + "notes")).status == 200, "the second one's session goes on"
    assert server.log.count("auth/refresh") == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"sub": 1}, {"sub": "1"}, id="a number that became text"),
        pytest.param({"sub": "ADA"}, {"sub": "ada"}, id="upper case that became lower case"),
        pytest.param({"user_id": 7}, {"user_id": "7"}, id="a user_id that became text"),
        pytest.param({"sub": "ada", "aud": "a"}, {"sub": "x7", "aud": "b"}, id="a subject of another resource"),
        pytest.param({"sub": "ada", "iss": "a"}, {"sub": "x7", "iss": "b"}, id="a subject of another issuer"),
        pytest.param({"email": "ada@x"}, {"sub": "x7"}, id="another claim than before"),
    ],
)
async def test_a_session_goes_on_though_its_user_is_called_otherwise(
    world: World, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """S6: after an upgrade of the server, say."""
    server = granting(before, after)
    await signed_in(world, server)
    calls = [world.api.fetch(API + "notes", method="POST", json={"mine": n}) for n in range(3)]
    assert [response.status for response in await asyncio.gather(*calls)] == [200] * 3
    assert [event.reason for event in world.events if isinstance(event, SessionEvent)] == [None], "it only began"
    assert server.log.count("auth/refresh") == 1


async def test_an_opaque_token_with_an_id_token_may_be_followed_by_a_jwt(world: World) -> None:
    """S6: the ID token, which the new credential inherits, names the user as the client knows him."""
    fresh = token(sub="pairwise-of-the-api", aud="https://api.test/")
    world.endpoint.answer = lambda n: Credential(access_token=fresh, refresh_token="rotated", expires_in=300)
    world.server.accepts = fresh
    await world.api._lifecycle.adopt(
        Credential(access_token="opaque", refresh_token="refresh-1", id_token=token(sub="ada", aud="app"))
    )
    assert (await world.api.fetch(API + "notes")).status == 200
    session = world.api._lifecycle.alive
    assert session is not None
    assert (session.number, session.holding.with_latest_refresh_token.refresh_token) == (1, "rotated")


async def test_an_answer_for_this_user_ends_the_doubt_about_the_cookie(world: World) -> None:
    """S3, S6: else what can't be compared later would be taken for another's for ever."""
    server = granting({"sub": "ada"}, {"sub": "ada"}, {"sub": "x7", "aud": "b"})
    await signed_in(world, server)
    session = world.api._lifecycle.alive
    assert session is not None
    session.holding.doubt_cookie()
    await world.api.renew()
    await world.api.renew()
    assert world.api._lifecycle.alive is session
    assert world.api.claims["sub"] == "x7"


async def test_another_resources_token_that_names_the_user_alike_ends_the_doubt_about_the_cookie(world: World) -> None:
    """S3, S6"""
    await signed_in(world, granting({"sub": "ada"}))
    session = world.api._lifecycle.alive
    assert session is not None
    session.holding.doubt_cookie()

    async def ask(wanted: object, *, on_late_result: object) -> Credential:
        return held({"sub": "ada", "scope": "files"})

    fresh = await exchange(session, ask, {"scope": "files"})
    assert fresh.access_token == token(sub="ada", scope="files")
    assert world.api._lifecycle.alive is session


async def test_while_the_cookie_is_in_doubt_what_can_not_be_compared_is_anothers(world: World) -> None:
    """S3"""
    server = granting({"sub": "ADA"}, {"sub": "ada"})
    await signed_in(world, server)
    session = world.api._lifecycle.alive
    assert session is not None
    session.holding.doubt_cookie()
    assert isinstance(await outcome(world.api.fetch(API + "notes", method="POST")), SessionChanged)
    assert server.accepted == []


# Further APIs


def pairwise(user: str, resource: str | None) -> dict[str, Any]:
    return {"sub": f"{user} at {resource}", "iss": "https://login.test/"}


def told(world: Bound) -> list[object]:
    return [e.phase for e in world.events if isinstance(e, (RefreshEvent, SessionEvent))]


async def bound(*, cookie: bool, **options: Any) -> tuple[Bound, Interceptor]:
    world = Bound(cookie=cookie, proofs=None, **options)
    world.server.bound = False
    world.server.resources.add(FILES)
    world.server.names = pairwise
    await world.signed_in()
    return world, world.api.for_resource(FILES, resource=FILES)


@pytest.mark.parametrize("cookie", [False, True], ids=["tokens", "cookie"])
async def test_a_user_who_has_another_subject_for_each_resource_is_one_user(cookie: bool) -> None:
    """S6: Only tokens of one resource are compared, as text, and ID tokens with ID tokens; unlike is not another user.

    Seen in: Azure/azuredatastudio#11514, better-auth/better-auth#8292, jpadilla/pyjwt#1017
    """
    world, files = await bound(cookie=cookie)
    for _ in range(3):
        assert (await files.fetch(FILES)).status == 200
        assert (await world.api.fetch(BOUND_API)).status == 200
        world.clock.advance(301)
    assert set(told(world)) == {SessionPhase.STARTED, *told(world)[1:3]}
    assert SessionPhase.ENDED not in told(world)
    presented = [fields["refresh_token"] for fields in world.server.fields if "refresh_token" in fields]
    assert len(set(presented)) == len(presented), "each was rotated, kept, and presented once"
    refreshes = [path for path, status, _ in world.server.asked if path == "/auth/refresh"]
    assert len(refreshes) == 5 + 2 * cookie, "whose a cookie is takes a refresh and an exchange more, once"
    assert world.api.state is State.SIGNED_IN
    await world.api.close()


@pytest.mark.parametrize("known", [False, True], ids=["its first token", "its next token"])
async def test_another_users_cookie_gives_no_token_for_another_resource(known: bool) -> None:
    """S3, S6: though subjects differ by resource."""
    world, files = await bound(cookie=True)
    if known:
        await files.fetch(FILES)
    other = world.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    sent = len([request for request in world.sent if request.url == FILES])
    world.clock.advance(301 if known else 1)
    assert isinstance(await outcome(files.fetch(FILES, method="POST")), SessionChanged)
    assert len([request for request in world.sent if request.url == FILES]) == sent
    await settle()
    assert world.api.claims["sub"] == "grace at None"
    assert (await files.fetch(FILES)).status == 200
    for api in world.made:
        await api.close()


async def test_whose_a_cookie_is_that_can_not_be_asked_is_a_matter_of_time() -> None:
    """F1, S6: and the token that it gave for another resource is not sent."""
    world, files = await bound(cookie=True)
    grants = world.api._lifecycle.sessions.calls.tokens._grants  # type: ignore[attr-defined]

    async def down(request: Request) -> Response:
        if "resource" not in json.loads(request.body or b"{}"):
            raise OSError("no route")
        answer: Response = await grants(request)
        return answer

    world.api._lifecycle.sessions.calls.tokens._grants = down  # type: ignore[attr-defined]
    assert isinstance(await outcome(files.fetch(FILES)), RefreshUnavailable)
    assert world.api.state is State.SIGNED_IN
    assert not [request for request in world.sent if request.url == FILES]
    await world.api.close()


async def test_a_client_for_another_resource_looks_at_the_claim_that_is_set() -> None:
    """S7"""
    world, files = await bound(cookie=True, user_claim="oid")
    world.server.names = lambda user, resource: {"sub": "one for all", "oid": user}
    await files.fetch(FILES)
    other = world.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    world.clock.advance(301)
    assert isinstance(await outcome(files.fetch(FILES, method="POST")), SessionChanged)
    assert files._lifecycle.sessions.settings.users == world.api._lifecycle.sessions.settings.users == Users("oid")
    for api in world.made:
        await api.close()


async def test_a_refresh_that_brings_another_users_token_replays_nothing_as_them(world: World) -> None:
    """S3: a sign-in that was given up, or another tab, has put grace's cookie in the place of ada's."""
    ada, grace = token(sub="ada"), token(sub="grace")
    world.endpoint.answer = lambda number: Credential(access_token=grace, expires_in=300)
    world.server.accepts = grace
    await world.signed_in(ada)
    errors = [await outcome(task) for task in world.fetches(3, method="POST", json={"mine": True})]
    assert [type(error) for error in errors] == [SessionChanged] * 3
    assert set(world.server.tokens) == {ada}
    told = [event.phase for event in world.events if isinstance(event, RefreshEvent)]
    assert told == [RefreshPhase.STARTED, RefreshPhase.DROPPED]
    assert world.api.claims["sub"] == "grace"
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_refresh_for_the_same_user_goes_on(world: World) -> None:
    """S3, the other side."""
    new = token(sub="ada", jti="2")
    world.endpoint.answer = lambda number: Credential(access_token=new, expires_in=300)
    world.server.accepts = new
    await world.signed_in(token(sub="ada", jti="1"))
    assert (await world.api.fetch(API + "notes")).status == 200
