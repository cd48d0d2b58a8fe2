"""Three coroutine functions in an endpoint's place."""

import asyncio
import json
from typing import Any
from urllib.parse import urljoin

import pytest
from reissue import (
    Credential,
    CustomEndpoint,
    GrantRefused,
    Interceptor,
    RefreshUnavailable,
    Request,
    Response,
    SessionChanged,
    SessionEnded,
    SignOutEvent,
    SignOutPhase,
    SignOutRefused,
    State,
)
from reissue.http.urls import Url, parse_url
from reissue.storage import Memory
from reissue.testing import Clock, Gate, settle

from tests.reissue.conftest import API, World, outcome


class Strange:
    """A server with a wire format of its own: tickets, in an array, by PATCH."""

    def __init__(self) -> None:
        self.ticket = 0
        self.sent: list[Request] = []
        self.gate: Gate | None = None
        self.refuses = 0
        self.down = False

    async def __call__(self, request: Request) -> Response:
        if not request.url.startswith(f"{API}door"):
            known = request.headers.get("Authorization") == f"Bearer jwt-{self.ticket}"
            return Response(200 if known else 401)
        self.sent.append(request)
        if self.gate is not None:
            await self.gate.passed()
        if self.down:
            raise OSError("offline")
        if self.refuses:
            return Response(self.refuses)
        self.ticket += 1
        return Response(200, {}, json.dumps([f"jwt-{self.ticket}", f"ticket-{self.ticket}"]).encode())


async def granted(response: Any) -> Credential:
    if response.status == 410:
        raise GrantRefused("ticket_gone", status=410)
    if response.status != 200:
        raise RefreshUnavailable("try later", status=response.status)
    jwt, ticket = await response.json()
    return Credential(access_token=jwt, refresh_token=ticket)


async def sign_in(call: Any, **fields: Any) -> Credential:
    return await granted(await call("enter", method="POST", json=fields))


async def refresh(call: Any, credential: Credential | None) -> Credential:
    ticket = credential.refresh_token if credential else "cookie"
    return await granted(await call("again", method="PATCH", headers={"X-Ticket": ticket}))


async def sign_out(call: Any, credential: Credential | None) -> None:
    ticket = credential.refresh_token if credential else "cookie"
    await granted(await call("leave", method="DELETE", headers={"X-Ticket": ticket}))


def connect(world: World, **settings: Any) -> tuple[Strange, Interceptor]:
    server = Strange()
    functions = {"sign_in": sign_in, "refresh": refresh, "sign_out": sign_out, **settings}
    world.api = world.make(transport=server, endpoint=CustomEndpoint(f"{API}door", **functions))
    return server, world.api


async def test_it_signs_in_refreshes_once_for_all_and_signs_out(world: World) -> None:
    server, api = connect(world)
    await api.sign_in(name="ada")
    server.ticket += 1  # what the API accepts is newer now
    assert [(await task).status for task in world.fetches(10)] == [200] * 10
    await api.sign_out()
    assert [(request.method, request.url.removeprefix(API)) for request in server.sent] == [
        ("POST", "door/enter"),
        ("PATCH", "door/again"),
        ("DELETE", "door/leave"),
    ]
    assert json.loads(server.sent[0].body) == {"name": "ada"}
    assert [request.headers["X-Ticket"] for request in server.sent[1:]] == ["ticket-1", "ticket-3"]
    phases = [event.phase for event in world.events if isinstance(event, SignOutEvent)]
    assert phases == [SignOutPhase.CONFIRMED]


async def test_its_calls_follow_no_redirect_and_outlive_the_page(world: World) -> None:
    """X1, T7"""
    server, api = connect(world)
    await api.sign_in(name="ada")
    options = server.sent[0].options
    assert (options["redirect"], options["cache"], options["keepalive"]) == ("error", "no-store", True)


async def test_its_calls_are_relative_to_its_own_url(world: World) -> None:
    """X12: not to a page whose base a script has moved; the URL is resolved when the client is made."""
    urls: list[str] = []

    async def transport(request: Request) -> Response:
        urls.append(request.url)
        return Response(200)

    async def sends_three(call: Any, credential: Credential | None) -> Credential:
        for url in ("again", "/other?x=1", "https://else.test/z"):
            await call(url)
        return Credential(access_token="jwt")

    world.api = world.make(transport=transport, endpoint=CustomEndpoint(f"{API}door/", refresh=sends_three))
    await world.api.adopt("jwt-0")
    await world.api.renew()
    origin = API.split("/v1")[0].rstrip("/")
    assert urls == [f"{API}door/again", f"{origin}/other?x=1", "https://else.test/z"]


async def test_a_refusal_ends_the_session_and_anything_else_keeps_it(world: World) -> None:
    """F1, F13"""
    server, api = connect(world)
    await api.sign_in(name="ada")
    server.ticket, server.refuses = 7, 503
    assert isinstance(await outcome(api.fetch(API + "notes")), RefreshUnavailable)
    assert api.state is State.SIGNED_IN
    world.clock.advance(3600)
    server.refuses = 410
    ended = await outcome(api.fetch(API + "notes"))
    assert isinstance(ended, SessionEnded)
    assert isinstance(ended.__cause__, GrantRefused)
    assert ended.__cause__.error == "ticket_gone"


async def test_a_wrong_password_is_told_in_the_functions_words(world: World) -> None:
    server, api = connect(world)
    server.refuses = 410
    with pytest.raises(GrantRefused, match="ticket_gone"):
        await api.sign_in(name="ada")


async def test_a_sign_out_that_was_not_told_is_told_after_a_reload() -> None:
    """S5, F17: as with `Endpoint`, by the browser's cookie."""
    server, clock, mark = Strange(), Clock(), Memory()

    async def by_cookie(call: Any, credential: Credential | None) -> None:
        assert credential is None or credential.refresh_token is None
        await granted(await call("leave", method="DELETE"))

    async def no_body(call: Any, credential: Credential | None = None, **fields: Any) -> Credential:
        whole = await granted(await call("enter", method="POST", json=fields))
        return Credential(access_token=whole.access_token)

    def page() -> Interceptor:
        endpoint = CustomEndpoint(f"{API}door", sign_in=no_body, refresh=no_body, sign_out=by_cookie)
        return Interceptor(server, audience=API, endpoint=endpoint, clock=clock, pending_sign_out=mark)

    api = page()
    await api.sign_in(name="ada")
    server.down = True
    with pytest.raises(OSError, match="offline"):
        await api.sign_out()
    await api.close()
    server.down = False
    reloaded = page()
    assert await reloaded.resume() is False, "it tells the endpoint, and finds no session"
    assert server.sent[-1].url.endswith("/leave")
    assert await reloaded.resume() is True, "the cookie's"
    await reloaded.close()


async def test_a_refused_sign_out_is_final(world: World) -> None:
    """F17"""
    server, api = connect(world)
    await api.sign_in(name="ada")
    server.refuses = 410
    with pytest.raises(SignOutRefused) as refused:
        await api.sign_out()
    assert (refused.value.status, refused.value.url) == (410, f"{API}door")
    assert [event.phase for event in world.events if isinstance(event, SignOutEvent)] == [SignOutPhase.REFUSED]


async def test_without_a_sign_out_or_if_it_gives_false_an_event_says_so(world: World) -> None:
    """F16"""

    async def nothing(call: Any, credential: Credential | None) -> bool:
        return False

    for function in (None, nothing):
        world.events.clear()
        _, api = connect(world, sign_out=function)
        await api.sign_in(name="ada")
        await api.sign_out()
        assert [event.phase for event in world.events if isinstance(event, SignOutEvent)] == [SignOutPhase.NOT_TOLD]


async def test_without_a_cookie_no_function_is_called_without_a_credential(world: World) -> None:
    server, api = connect(world, cookie=False)
    assert await api.resume() is False
    await api.sign_out()
    assert server.sent == []


async def test_what_a_function_gives_must_be_a_credential(world: World) -> None:
    async def text(call: Any, credential: Any = None, **fields: Any) -> Any:
        return "jwt"

    _, api = connect(world, sign_in=text, refresh=text)
    with pytest.raises(TypeError, match="Credential"):
        await api.sign_in(name="ada")
    await api.adopt("jwt-0")
    error = await outcome(api.renew())
    assert isinstance(error, RefreshUnavailable)
    assert isinstance(error.__cause__, TypeError)
    _, api = connect(world, sign_in=None)
    with pytest.raises(TypeError, match="no sign_in"):
        await api.sign_in(name="ada")


async def test_a_sign_out_overtakes_its_sign_in(world: World) -> None:
    """S1: and the tokens are revoked."""
    server, api = connect(world)
    server.gate = Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(name="ada")))
    await server.gate.reached()
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await settle()
    server.gate.open()
    assert isinstance(await signing_in, SessionEnded)
    assert await signing_out is None
    revoked = next(request for request in server.sent if request.method == "DELETE")
    assert revoked.headers["X-Ticket"] == "ticket-1"
    assert api.state is State.SIGNED_OUT


def test_what_can_not_work_is_told_when_it_is_made(world: World) -> None:
    for settings in ({"refresh": None}, {"refresh": 7}, {"refresh": refresh, "sign_in": "x"}):
        with pytest.raises(TypeError, match="coroutine function"):
            CustomEndpoint("/auth", **settings)
    with pytest.raises(ValueError, match="URL"):
        CustomEndpoint("/auth?x", refresh=refresh)
    assert CustomEndpoint("/auth/", refresh=refresh).refresh_url == "/auth/"
    assert CustomEndpoint("/", refresh=refresh).refresh_url == "/", "and not the page's own URL"
    with pytest.raises(TypeError, match="another resource"):
        world.make(endpoint=CustomEndpoint(f"{API}auth", refresh=refresh)).for_resource(API, scope="x")


async def test_a_sign_out_function_that_fails_after_a_reload_locks_no_user_out() -> None:
    """S5: it did not expect to get no credential. The event says that the endpoint was not told."""
    server, clock, mark = Strange(), Clock(), Memory()

    async def by_credential(call: Any, credential: Any) -> None:
        await granted(await call("leave", headers={"X-Ticket": credential.access_token}))

    def page() -> Interceptor:
        endpoint = CustomEndpoint(f"{API}door", sign_in=sign_in, refresh=refresh, sign_out=by_credential)
        return Interceptor(server, audience=API, endpoint=endpoint, clock=clock, pending_sign_out=mark)

    api = page()
    await api.adopt("jwt-0")
    server.down = True
    with pytest.raises(OSError, match="offline"):
        await api.sign_out()
    await api.close()
    server.down = False
    reloaded = page()
    events: list[Any] = []
    reloaded.on(events.append)
    assert await reloaded.resume() is False
    assert [event.phase for event in events if isinstance(event, SignOutEvent)] == [SignOutPhase.UNAVAILABLE]
    await reloaded.sign_in(name="ada")
    assert reloaded.state is State.SIGNED_IN
    await reloaded.close()


async def test_a_sign_in_function_that_fails_may_have_set_another_users_cookie(world: World) -> None:
    """S3: opaque tokens don't name their user, so the next one is taken for another's."""

    async def fails_late(call: Any, **fields: Any) -> Credential:
        answer = await (await call("enter", method="POST", json=fields)).json()
        return Credential(access_token=answer["jwt"])

    async def by_cookie(call: Any, credential: Credential | None) -> Credential:
        return Credential(access_token="jwt-of-bob")

    _, api = connect(world, sign_in=fails_late, refresh=by_cookie)
    await api.adopt("jwt-of-ada")
    with pytest.raises(TypeError):
        await api.sign_in(name="bob")
    assert isinstance(await outcome(api.fetch(API + "notes")), SessionChanged)


@pytest.mark.parametrize("option", ["auth", "signal", "timeout"])
async def test_a_call_takes_nothing_that_it_can_not_do(world: World, option: str) -> None:
    async def with_option(call: Any, credential: Credential | None) -> Credential:
        with pytest.raises(TypeError, match=f"no {option}="):
            await call("again", **{option: 1})
        return Credential(access_token="jwt")

    _, api = connect(world, refresh=with_option)
    await api.adopt("jwt-0")
    await api.renew()


async def test_its_url_may_be_the_root_of_the_pages_origin(world: World) -> None:
    urls: list[str] = []

    async def transport(request: Request) -> Response:
        urls.append(request.url)
        return Response(200)

    async def one_call(call: Any, credential: Credential | None) -> Credential:
        await call("session")
        return Credential(access_token="jwt")

    def in_a_page(text: str) -> Url:
        return parse_url(urljoin("https://app.test/some/page.html?x=1", text))

    endpoint = CustomEndpoint("/", refresh=one_call)
    world.api = world.make(transport=transport, endpoint=endpoint, parse_url=in_a_page)
    await world.api.adopt("jwt-0")
    await world.api.renew()
    assert urls == ["https://app.test/session"]
    assert endpoint.refresh_url == "/", "the same for each page of the origin"


async def test_the_refresh_token_beside_a_token_that_can_not_be_sent_is_kept(world: World) -> None:
    """F19"""
    presented: list[str | None] = []

    async def bound(call: Any, credential: Credential) -> Credential:
        presented.append(credential.refresh_token)
        return Credential(access_token="jwt", refresh_token=f"next-{len(presented)}", token_type="DPoP")

    _, api = connect(world, refresh=bound)
    await api.adopt("jwt-0", refresh_token="first")
    for _ in range(2):
        assert isinstance(await outcome(api.renew()), RefreshUnavailable)
        api._lifecycle.wake()
    assert presented == ["first", "next-1"]


def test_a_url_that_can_not_be_used_is_told_when_the_client_is_made(world: World) -> None:
    with pytest.raises(ValueError, match="can't be used"):
        world.make(endpoint=CustomEndpoint("https://else.test:no-port/auth", refresh=refresh))
