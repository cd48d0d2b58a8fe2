"""The next refresh token of a session is kept, whatever else is wrong with the answer that brings it."""

import asyncio
import json
import pickle
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
import pytest_asyncio
from reissue import (
    Credential,
    Endpoint,
    EndpointEvent,
    EndpointPhase,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    State,
)
from reissue.errors import take_rotated
from reissue.tabs.protocol import Granted, Late, read, written
from reissue.testing import Clock, Gate, settle
from reissue.tokens.dpop import SignedProofs

from tests.reissue.bound import SoftKey
from tests.reissue.conftest import clean_console, outcome
from tests.reissue.origin import Shelf
from tests.reissue.pages import Pages

API, FILES = "https://api.test/v1/", "https://files.test/"
FAULTS: dict[str, dict[str, Any]] = {
    "no access token": {"access_token": ...},
    "an access token that is null": {"access_token": None},
    "an empty access token": {"access_token": ""},
    "an access token that is no text": {"access_token": {"value": "a"}},
    "an access token that can't be sent": {"access_token": "two\nlines"},
    "a type that can't be sent": {"token_type": "mac"},
    "a type of another kind": {"token_type": "DPoP"},
    "a type that is no text": {"token_type": ["Bearer"]},
}


class RotatingServer:
    """An endpoint that punishes a refresh token that is presented twice. `faults` are of its next answers."""

    def __init__(self) -> None:
        self.number = 1
        self.presented: list[str] = []
        self.told: list[str] = []
        self.faults: list[dict[str, Any]] = []
        self.gate: Gate | None = None
        self.names = {"access_token": "access_token", "refresh_token": "refresh_token"}

    async def __call__(self, request: Request) -> Response:
        await asyncio.sleep(0)
        if "/auth/" not in request.url:
            return Response(200)
        fields = json.loads(request.body or b"{}")
        refresh_token = fields.get(self.names["refresh_token"])
        if request.url.endswith("/logout"):
            self.told.append(refresh_token)
            return Response(204)
        if request.url.endswith("/refresh"):
            self.presented.append(refresh_token)
            if refresh_token != f"refresh-{self.number}":
                return Response(400, {}, b'{"error": "invalid_grant"}')
            self.number += 1
        answer = {
            self.names["access_token"]: f"access-{self.number}",
            self.names["refresh_token"]: f"refresh-{self.number}",
            "expires_in": 300,
            **(self.faults.pop(0) if self.faults else {}),
        }
        if self.gate is not None:
            await self.gate.passed()
        text = json.dumps({name: value for name, value in answer.items() if value is not ...})
        return Response(200, {"Content-Type": "application/json"}, text.encode())


class Page:
    def __init__(self, server: RotatingServer, pages: Pages, **options: Any) -> None:
        self.store = Shelf()
        settings: dict[str, Any] = {
            "endpoint": Endpoint("https://api.test/auth", cookie=False),
            "store": self.store,
            **options,
        }
        self.pages, self.clock = pages, Clock()
        self.events: list[Any] = []
        self.api = Interceptor(server, audience=API, clock=self.clock, peers=pages.page(), **settings)
        self.api.on(self.events.append)

    @property
    def held(self) -> str | None:
        session = self.api._lifecycle.alive
        return session.holding.with_latest_refresh_token.refresh_token if session else None

    @property
    def stored(self) -> str | None:
        message = read(self.store.text or "", now=0)
        return message.credential.refresh_token if isinstance(message, Granted) else None


@pytest.fixture
def server() -> RotatingServer:
    return RotatingServer()


@pytest_asyncio.fixture
async def two(server: RotatingServer) -> AsyncIterator[list[Page]]:
    """Two pages of one session."""
    pages = Pages()
    opened = [Page(server, pages) for _ in range(2)]
    async with clean_console([page.api for page in opened]):
        await opened[0].api.sign_in(username="ada", password="lovelace")
        await settle()
        yield opened


@pytest.mark.parametrize("kind", [None, "", "Bearer", "bearer", ...], ids=repr)
async def test_a_token_type_that_is_null_or_empty_is_a_missing_one(
    two: list[Page], server: RotatingServer, kind: Any
) -> None:
    """F19"""
    server.faults = [{"token_type": kind}] * 2
    await two[0].api.renew()
    await two[0].api.sign_in(username="ada", password="lovelace")
    assert two[0].api.state is State.SIGNED_IN
    assert (await two[0].api.fetch(API)).status == 200


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_rotated_refresh_token_is_kept_whatever_else_is_wrong_with_the_answer(
    two: list[Page], server: RotatingServer, fault: str
) -> None:
    """F19: A rotated refresh token is kept and presented next, whatever else is wrong with the answer that brings it.

    Seen in: servers that answer with `"token_type": null`
    """
    server.faults = [FAULTS[fault]] * 2
    for number in (2, 3):
        error = await outcome(two[0].api.renew())
        assert isinstance(error, RefreshUnavailable), "the fault is told"
        assert isinstance(error.__cause__, MalformedToken)
        text = "".join(traceback.format_exception(error)) + repr(vars(error.__cause__)) + repr(error.__cause__)
        assert "refresh-" not in text
        await settle()
        assert [page.held for page in two] == [f"refresh-{number}"] * 2, "here, and in the other tabs"
        assert two[0].stored == f"refresh-{number}"
        two[0].api._lifecycle.wake()
    await two[1].api.renew()
    await two[0].api.renew()
    assert server.presented == ["refresh-1", "refresh-2", "refresh-3", "refresh-4"]
    assert [page.api.state for page in two] == [State.SIGNED_IN] * 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_refresh_token_that_an_exchange_has_rotated_is_kept_whatever_else_is_wrong(
    two: list[Page], server: RotatingServer, fault: str
) -> None:
    """F19"""
    files = two[0].api.for_resource(FILES, resource=FILES)
    server.faults = [FAULTS[fault]]
    error = await outcome(files.fetch(FILES))
    assert isinstance(error, RefreshUnavailable)
    assert isinstance(error.__cause__, MalformedToken)
    await settle()
    assert [page.held for page in two] == ["refresh-2"] * 2
    files._lifecycle.wake()
    assert (await files.fetch(FILES)).status == 200
    assert (await two[1].api.fetch(API)).status == 200
    await two[1].api.renew()
    assert server.presented == ["refresh-1", "refresh-2", "refresh-3"]


async def test_what_comes_by_another_name_is_kept_as_well(server: RotatingServer) -> None:
    """F19"""
    server.names = {"access_token": "access", "refresh_token": "refresh"}
    endpoint = Endpoint("https://api.test/auth", names=server.names, cookie=False)
    page = Page(server, Pages(), endpoint=endpoint)
    await page.api.sign_in(username="ada", password="lovelace")
    server.faults = [{"access": ...}]
    assert isinstance(await outcome(page.api.renew()), RefreshUnavailable)
    assert page.held == "refresh-2"
    await page.api.close()


async def test_what_an_apps_own_function_can_not_make_a_credential_of_is_kept(server: RotatingServer) -> None:
    """F19: it makes a Credential of all that came, which is refused, with the refresh token in it."""
    answers: list[dict[str, Any]] = [
        {"access_token": None},
        {"access_token": "b", "expires_in": "soon"},
        {"access_token": "c"},
    ]
    asked: list[str | None] = []

    async def refresh(credential: Credential | None) -> Credential:
        assert credential is not None
        asked.append(credential.refresh_token)
        return Credential(refresh_token=f"refresh-{len(asked) + 1}", **answers.pop(0))

    page = Page(server, Pages(), endpoint=refresh)
    await page.api.adopt("a", refresh_token="refresh-1")
    for _ in range(2):
        assert isinstance(await outcome(page.api.renew()), RefreshUnavailable)
        page.api._lifecycle.wake()
    await page.api.renew()
    assert asked == ["refresh-1", "refresh-2", "refresh-3"]
    assert page.held == "refresh-4"
    await page.api.close()


async def test_a_bearer_in_place_of_a_bound_token_brings_the_next_refresh_token_all_the_same(
    server: RotatingServer,
) -> None:
    """F19"""
    server.faults = [{"token_type": "DPoP"}, {}, {"token_type": "DPoP"}]
    page = Page(server, Pages(), proofs=SignedProofs(SoftKey()))
    await page.api.sign_in(username="ada", password="lovelace")
    error = await outcome(page.api.renew())
    assert isinstance(error, RefreshUnavailable)
    assert "not bound to the key" in str(error)
    assert page.held == "refresh-2"
    page.api._lifecycle.wake()
    await page.api.renew()
    assert server.presented == ["refresh-1", "refresh-2"]
    await page.api.close()


@pytest.mark.parametrize(
    "value", [7, "", None, ["refresh-2"], "two\nlines"], ids=["number", "empty", "null", "list", "two lines"]
)
async def test_what_can_not_be_presented_takes_no_refresh_tokens_place(
    two: list[Page], server: RotatingServer, value: Any
) -> None:
    server.faults = [{"access_token": ..., "refresh_token": value}]
    error = await outcome(two[0].api.renew())
    assert "without an access_token" in str(error)
    assert [page.held for page in two] == ["refresh-1"] * 2


async def test_by_a_cookie_no_refresh_token_of_an_answer_without_a_user_is_kept(server: RotatingServer) -> None:
    """S3: it may be another user's, whose cookie there is by now; and the cookie itself is rotated in any case."""
    page = Page(server, Pages(), endpoint=Endpoint("https://api.test/auth"))
    server.faults = [{"refresh_token": ...}]
    await page.api.sign_in(username="ada", password="lovelace")

    async def answers(request: Request) -> Response:
        return Response(200, {}, b'{"refresh_token": "of grace"}')

    page.api._lifecycle.sessions.calls.tokens._grants = answers  # type: ignore[attr-defined]
    for client in (page.api, page.api.for_resource(FILES, resource=FILES)):
        assert isinstance(await outcome(client.renew()), RefreshUnavailable)
        page.api._lifecycle.wake()
        assert page.held is None
    await page.api.close()


async def test_by_a_cookie_an_exchange_brings_a_refresh_token_only_if_it_is_this_users(server: RotatingServer) -> None:
    """S3: opaque tokens don't tell."""
    page = Page(server, Pages(), endpoint=Endpoint("https://api.test/auth"))
    server.faults = [{"refresh_token": ...}]
    await page.api.sign_in(username="ada", password="lovelace")
    server.presented, server.number = [], 1

    async def answers(request: Request) -> Response:
        return Response(200, {}, b'{"access_token": "opaque", "refresh_token": "of grace"}')

    page.api._lifecycle.sessions.calls.tokens._grants = answers  # type: ignore[attr-defined]
    assert (await page.api.for_resource(FILES, resource=FILES).fetch(FILES)).status == 200
    assert page.held is None
    await page.api.close()


async def test_a_refresh_token_may_have_spaces(two: list[Page], server: RotatingServer) -> None:
    """F19: RFC 6749 appendix A.17 allows them, and they never stand in a header field."""
    server.faults = [{"refresh_token": "two words"}]
    await two[0].api.renew()
    await settle()
    assert [page.held for page in two] == ["two words"] * 2
    assert two[0].stored == "two words"


async def test_a_refresh_token_is_kept_though_the_access_token_lives_for_longer_than_numbers_go(
    two: list[Page], server: RotatingServer
) -> None:
    """F19: a life that can't be reckoned with is unknown, and a 401 will tell."""
    forever = jwt.encode({"exp": 1.5e308, "iat": -1.5e308}, "a key that is long enough for HS256")
    server.faults = [{"access_token": forever, "expires_in": None}]
    await two[0].api.renew()
    assert (two[0].held, two[0].api.expires_in) == ("refresh-2", None)


# What comes late


async def rotating(server: RotatingServer, client: Interceptor) -> tuple[Gate, asyncio.Task[Any]]:
    """A renewal whose answer, with a refresh token and no access token, waits at the gate."""
    gate = server.gate = Gate()
    server.faults = [{"access_token": ...}]
    waiting = asyncio.create_task(outcome(client.renew()))
    await gate.reached()
    return gate, waiting


@pytest.mark.parametrize("what", ["refresh", "exchange"])
async def test_the_server_is_told_of_a_rotated_refresh_token_that_came_after_the_sign_out(
    two: list[Page], server: RotatingServer, what: str
) -> None:
    """S1, F19: nobody is signed in again by it."""
    api = two[0].api
    gate, waiting = await rotating(server, api if what == "refresh" else api.for_resource(FILES, resource=FILES))
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    gate.open()
    await signing_out
    assert isinstance(await waiting, SessionEnded)
    assert server.told == ["refresh-2"]
    assert [page.api.state for page in two] == [State.SIGNED_OUT] * 2
    assert [page.stored for page in two] == [None] * 2


@pytest.mark.parametrize("what", ["refresh", "exchange"])
async def test_a_sign_out_presents_what_another_tab_is_granted_meanwhile(
    two: list[Page], server: RotatingServer, what: str
) -> None:
    """S1, S2: the refresh token of the tab that signs out is spent by then, and would end nothing."""
    api = two[1].api
    gate, waiting = await rotating(server, api if what == "refresh" else api.for_resource(FILES, resource=FILES))
    began = asyncio.get_running_loop().time()
    signing_out = asyncio.create_task(two[0].api.sign_out())
    await settle()
    gate.open()
    await signing_out
    assert isinstance(await waiting, SessionEnded)
    assert server.told == ["refresh-2"]
    assert asyncio.get_running_loop().time() == began, "there is nothing else to wait for"
    await settle()
    assert [page.api.state for page in two] == [State.SIGNED_OUT] * 2
    assert [page.stored for page in two] == [None] * 2


async def test_a_sign_out_presents_the_latest_of_what_is_granted_meanwhile(
    two: list[Page], server: RotatingServer
) -> None:
    """S1: also if the user signs out twice."""
    pages = two[0].pages
    granted = two[0].api._lifecycle.sessions.shared.versions.mine
    assert granted is not None
    async with pages.page().lock():
        signing_out = []
        for number in (2, 3, 2):
            signing_out.append(asyncio.create_task(two[0].api.sign_out()))
            await settle()
            version = replace(granted.version, number=granted.version.number + number)
            late = replace(granted.credential, refresh_token=f"refresh-{number}")
            pages.open[0].on_message(written(Late(Granted(version, late))))
    await asyncio.gather(*signing_out)
    assert set(server.told) == {"refresh-3"}


async def test_what_is_granted_late_for_a_session_that_was_refused_is_not_taken_for_the_signed_out_one(
    two: list[Page], server: RotatingServer
) -> None:
    """S1, F9"""
    shared = two[0].api._lifecycle.sessions.shared
    granted = shared.versions.mine
    assert granted is not None
    server.number = 7
    two[0].clock.advance(301)
    assert isinstance(await outcome(two[0].api.fetch(API)), SessionEnded)
    version = replace(granted.version, number=granted.version.number + 1)
    heard: list[Credential] = []
    shared._client.on_late_grant = heard.append  # type: ignore[method-assign, assignment]
    shared._on_message(written(Late(Granted(version, granted.credential))))
    assert heard == []


@pytest.mark.parametrize("by", ["a message", "the store"])
async def test_a_sign_out_presents_what_another_tab_was_granted_before_it_heard_of_it(
    server: RotatingServer, by: str
) -> None:
    """S1, S2"""
    pages, store = Pages(), Shelf()
    one, other = (Page(server, pages, store=store if by == "the store" else Shelf()) for _ in range(2))
    await one.api.sign_in(username="ada", password="lovelace")
    await settle()
    peers = pages.open[0]
    peers.frozen = True
    await other.api.renew()
    signing_out = asyncio.create_task(one.api.sign_out())
    await asyncio.sleep(0)
    if by == "the store":
        peers.inbox.clear()
        pages.open[1].frozen, text = True, store.text
        assert text is None
        mine = other.api._lifecycle.sessions.shared.versions.mine
        assert mine is not None
        store.text = written(mine)
    peers.thaw()
    await signing_out
    assert server.told == ["refresh-2"]
    await settle()
    pages.open[1].thaw()
    assert [page.api.state for page in (one, other)] == [State.SIGNED_OUT] * 2
    assert store.text is None
    for page in (one, other):
        await page.api.close()


async def test_what_comes_after_a_sign_out_signs_in_no_tab_that_has_not_heard_of_it(
    two: list[Page], server: RotatingServer
) -> None:
    """S1"""
    granted = two[0].api._lifecycle.sessions.shared.versions.mine
    assert granted is not None
    later = Page(server, Pages())
    late = written(Late(granted))
    assert isinstance(read(late, now=Clock()()), Late)
    later.api._lifecycle.sessions.shared._on_message(late)
    assert later.api.state is State.SIGNED_OUT
    await later.api.close()


@pytest.mark.parametrize("what", ["refresh", "exchange"])
async def test_the_other_tabs_get_a_rotated_refresh_token_that_came_after_the_close(
    two: list[Page], server: RotatingServer, what: str
) -> None:
    """T1, F19"""
    api = two[0].api
    gate, waiting = await rotating(server, api if what == "refresh" else api.for_resource(FILES, resource=FILES))
    closing = asyncio.create_task(api.close())
    await settle()
    gate.open()
    await closing
    assert isinstance(await waiting, SessionEnded)
    await settle()
    assert two[1].held == "refresh-2"
    await two[1].api.renew()
    assert server.presented == ["refresh-1", "refresh-2"]


async def test_a_late_failure_without_a_refresh_token_changes_nothing(two: list[Page], server: RotatingServer) -> None:
    """S1"""
    server.faults, server.gate = [{"access_token": ..., "refresh_token": ...}], Gate()
    waiting = asyncio.create_task(outcome(two[0].api.renew()))
    await server.gate.reached()
    signing_out = asyncio.create_task(two[0].api.sign_out())
    await settle()
    server.gate.open()
    await signing_out
    assert isinstance(await waiting, SessionEnded)
    assert server.told == ["refresh-1"]
    told = [e.phase for e in two[0].events if isinstance(e, EndpointEvent) and e.call == "refresh"]
    assert told == [EndpointPhase.ASKED, EndpointPhase.FAILED]


def test_an_error_holds_a_refresh_token_out_of_sight_and_gives_it_once() -> None:
    """X7, F19"""
    secret = "".join(("s3", "cret"))  # in no line of the traceback
    with pytest.raises(MalformedToken) as malformed:
        Credential(access_token="two words", refresh_token=secret)
    error = malformed.value
    pickled = pickle.dumps(error)
    assert secret.encode() not in pickled
    assert str(pickle.loads(pickled)) == str(error)
    assert secret not in f"{error!r}{error}{vars(error)}{''.join(traceback.format_exception(error))}"
    assert take_rotated(error) == secret
    assert take_rotated(error) is None
    assert take_rotated(OSError("reset")) is None
