"""What comes in by a channel, a store or an answer is not trusted: it ends no page, and locks no user out."""

import json
from itertools import accumulate
from typing import Any

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
    SessionEnded,
    State,
    StepUp,
    StepUpRequired,
    StoreEvent,
    StorePhase,
    unverified_claims,
)
from reissue.oauth2.id_token import Expected, validated
from reissue.tabs.pending_sign_out import Mark
from reissue.testing import Clock, settle
from reissue.tokens.jws import parse_token, to_base64url

from tests.reissue.bound import API as BOUND_API
from tests.reissue.bound import Bound
from tests.reissue.conftest import API, outcome
from tests.reissue.origin import TOKENS, Origin, Shelf
from tests.reissue.pages import Pages
from tests.reissue.provider import verify

DAY = 86_400.0


def deep(levels: int = 100_000) -> str:
    """A JWT whose payload is nested so deep."""
    payload = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
    return f"e30.{to_base64url(payload)}.AAAA"


def in_the_header(token: str) -> str:
    return f"{token.split('.')[1]}.e30.AAAA"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How deep everything lies that is given to Python's JSON parser: Pyodide ends where CPython raises."""
    depths: list[int] = []
    decode = json.JSONDecoder.decode

    def look_first(self: json.JSONDecoder, text: str, *rest: Any) -> Any:
        steps = [1 if sign in "[{" else -1 for sign in text if sign in "[]{}"]
        depths.append(max(accumulate(steps), default=0))
        return decode(self, text, *rest)

    monkeypatch.setattr(json.JSONDecoder, "decode", look_first)
    return depths


@pytest.mark.parametrize("token", [deep(), in_the_header(deep())], ids=["payload", "header"])
async def test_a_token_that_is_nested_too_deep_is_opaque_wherever_it_comes_from(
    origin: Origin, parsed: list[int], token: str
) -> None:
    """X8: A JWT that is nested some thousand deep is an opaque token: by an answer, the channel, the store or the app.

    Seen in: simplejson/simplejson#28, unslothai/unsloth#7392
    """
    with pytest.raises(MalformedToken):
        unverified_claims(token)
    assert parse_token(token).payload in (None, {})

    async def endpoint(request: Request) -> Response:
        fields = {"access_token": token, "id_token": token, "refresh_token": "r", "expires_in": 300}
        return Response(200, {}, json.dumps(fields).encode())

    shelf = Shelf()
    asked = Interceptor(endpoint, audience=API, endpoint=Endpoint(f"{API}auth"), clock=Clock(), store=shelf)
    await asked.sign_in(username="ada")
    await asked.renew()
    assert (asked.claims, asked.expires_in) == ({}, 300)
    later = Interceptor(endpoint, audience=API, endpoint=Endpoint(f"{API}auth"), clock=Clock(), store=shelf)
    assert await later.resume() is True
    assert later.claims == {}

    one, other = await origin.signed_in(2)
    for tab in (one, other):
        await tab.api.adopt(token, refresh_token="r")
        await settle()
    assert [tab.api.claims for tab in (one, other)] == [{}, {}]

    with pytest.raises(GrantRefused, match="invalid_id_token"):
        await validated(token, EXPECTED, fetch_keys=no_keys, verify=verify, now=0)
    assert max(parsed) < 100


EXPECTED = Expected(issuer="https://id.test", client_id="page", nonce="n")


async def no_keys(afresh: bool) -> object:
    return {}


async def test_a_token_that_is_too_long_is_opaque(parsed: list[int]) -> None:
    """X8: it is sent as it is; no byte of it is parsed."""
    claims = json.dumps({"sub": "ada", "more": "x" * 75_000}).encode()
    token = f"e30.{to_base64url(claims)}.AAAA"
    assert len(token) > 100_000
    with pytest.raises(MalformedToken):
        unverified_claims(token)
    assert parsed == []
    sent: list[str] = []

    async def transport(request: Request) -> Response:
        sent.append(request.headers["Authorization"])
        return Response(200)

    async def refresh(credential: Credential | None) -> Credential:
        raise OSError

    api = Interceptor(transport, audience=API, endpoint=refresh, clock=Clock())
    await api.adopt(token)
    await api.fetch(API)
    assert sent == [f"Bearer {token}"]
    shorter = json.dumps({"sub": "ada", "more": "x" * 74_900}).encode()
    assert unverified_claims(f"e30.{to_base64url(shorter)}.AAAA")["sub"] == "ada"


async def test_a_message_that_is_too_long_is_not_parsed(origin: Origin, parsed: list[int]) -> None:
    """X8: 60 MB of it stood in a channel."""
    one, other = await origin.signed_in(2)
    before = other.api.claims
    granted = json.loads(one.peers.posted[0])
    message = json.dumps({**granted, "edition": "1700000001000.a.1", "access_token": "x" * 3_000_000})
    parsed.clear()
    other.peers.on_message(message)
    assert parsed == []
    assert other.api.claims == before


# When a session began


@pytest.mark.parametrize("began", ["9" * 86, "9" * 15, str(int(1_700_000_000_000 + 2 * DAY * 1000))])
@pytest.mark.parametrize("way", ["message", "lock", "store"])
async def test_a_session_that_began_in_the_far_future_makes_no_later_one_unreadable(
    origin: Origin, began: str, way: str
) -> None:
    """X9: What says that it began more than a day from now is newer than nothing, by message, lock or store.

    Seen in: vscarpenter/gsd-task-manager#446, n0-computer/iroh-docs#120
    """
    shelf = Shelf()
    one, other = await origin.signed_in(2, store=shelf)
    hostile = json.loads(one.peers.posted[0]) | {"edition": f"{began}.a.1", "access_token": "hostile"}
    third = origin.open(store=shelf)
    if way == "message":
        for tab in (one, other, third):
            tab.peers.on_message(json.dumps(hostile))
    elif way == "store":
        shelf.text = json.dumps(hostile)
    else:
        origin.pages.page().advertise(f"{began}.a.1")
    await origin.sign_in(one, user="grace")
    await settle()
    assert await third.api.resume() is True
    assert [tab.api.claims.get("sub") for tab in (one, other, third)] == ["grace"] * 3
    await one.api.sign_out()
    await settle()
    assert origin.open(store=shelf).api.claims == {}


async def test_a_sign_out_that_could_not_be_told_is_not_undone_by_a_far_future_session(origin: Origin) -> None:
    """X9: its mark stays one that can be read."""
    shelf, untold = Shelf(), Shelf()
    (tab,) = await origin.signed_in(1, store=shelf, pending_sign_out=untold)
    hostile = json.loads(tab.peers.posted[0]) | {"edition": f"{'9' * 86}.a.1"}
    tab.peers.on_message(json.dumps(hostile))
    tab.api._lifecycle.sessions.shared.sign_out(in_body=origin.server.mode == TOKENS)
    mark = Mark.parse(untold.text)
    assert mark is not None
    assert mark.until <= (origin.clock() + DAY) * 1000
    later = origin.open(store=shelf, pending_sign_out=untold)
    shelf.text = json.dumps(hostile)
    assert await later.api.resume() is False


async def test_the_end_of_a_token_that_stays_in_its_page_is_no_other_pages_end(bound: Bound) -> None:
    """X10: a client whose tokens are bound to a key does not share a bearer token that the app has adopted."""
    pages = Pages()
    peers = pages.page()
    api, other = bound.connect(peers=peers), bound.connect(peers=pages.page())
    await api.sign_in(username="ada", password="lovelace")
    await settle()
    await api.adopt("a-bearer")
    assert isinstance(await outcome(api.fetch(f"{BOUND_API}notes")), SessionEnded)
    await settle()
    assert other.state is State.SIGNED_IN
    assert peers.shown is None


async def test_who_signs_out_where_a_token_stays_in_its_page_is_signed_out_in_all(bound: Bound) -> None:
    """T8, X10"""
    pages = Pages()
    api, other = bound.connect(peers=pages.page()), bound.connect(peers=pages.page())
    await api.sign_in(username="ada", password="lovelace")
    await settle()
    await api.adopt("a-bearer")
    await api.sign_out()
    await settle()
    assert other.state is State.SIGNED_OUT


async def test_a_session_goes_on_after_the_clock_was_put_back_by_days(origin: Origin) -> None:
    """X9, T12: what a page wrote while its clock was ahead locks nobody out: not itself, and no later page."""
    shelf = Shelf()
    origin.server.mode = TOKENS
    origin.clock.advance(2 * DAY)
    one, other = await origin.signed_in(2, store=shelf)
    origin.clock.advance(-2 * DAY)
    await one.api.renew()
    await settle()
    assert other.api.claims == one.api.claims
    later = origin.open(store=shelf)
    assert await later.api.resume() is True
    assert later.api.claims == one.api.claims
    await other.api.renew()
    await settle()
    assert one.api.claims == other.api.claims == later.api.claims
    assert origin.server.reused == 0
    await origin.sign_in(later, user="grace")
    await settle()
    assert [tab.api.claims["sub"] for tab in (one, other, later)] == ["grace"] * 3
    origin.clock.advance(2 * DAY)
    await one.api.renew()
    await settle()
    assert one.api.claims == other.api.claims == later.api.claims
    assert [tab.ends() for tab in (one, other)] == [["replaced"]] * 2


async def test_a_page_whose_clock_is_years_behind_finds_its_session(origin: Origin) -> None:
    """X9, T12: a battery that is empty signs nobody out."""
    shelf = Shelf()
    origin.server.mode = TOKENS
    await origin.signed_in(1, store=shelf)
    behind = origin.open(store=shelf, clock=Clock(1000.0))
    assert await behind.api.resume() is True
    await behind.api.renew()
    await settle()
    assert origin.tabs[0].api.claims == behind.api.claims


async def test_a_session_of_which_somebody_counts_too_far_begins_anew(origin: Origin) -> None:
    """X9: by a number, too, no later issue becomes unreadable."""
    one, other = await origin.signed_in(2)
    mine = json.loads(one.peers.posted[0])
    began, session, _ = mine["edition"].split(".")
    for tab in (one, other):
        tab.peers.on_message(json.dumps({**mine, "edition": f"{began}.{session}.{2**53 - 1}"}))
    await one.api.renew()
    await settle()
    assert other.api.claims == one.api.claims != unverified_claims(mine["access_token"])


async def test_many_sessions_that_others_say_are_over_push_out_none_that_was_held_here(origin: Origin) -> None:
    """X9, T8: what is remembered is bounded, and an old message signs nobody in again."""
    one, other = await origin.signed_in(2)
    granted = one.peers.posted[0]
    await one.api.sign_out()
    await settle()
    for n in range(3000):
        ended = {"type": "ended", "edition": f"1.s{n}.1", "reason": "signed_out"}
        other.peers.on_message(json.dumps(ended))
    over = other.api._lifecycle.sessions.shared.versions._over
    assert len(over._reported) == 1000
    assert (over.up_to("s0"), over.up_to("s2999")) == (0, 2**53)
    other.peers.on_message(granted)
    await settle()
    assert isinstance(await outcome(other.api.fetch(API)), SessionEnded)


# Which kind a credential is of


@pytest.fixture
async def bound() -> Bound:
    return Bound()


@pytest.mark.parametrize("kind", ["DPoP", "Bearer"])
async def test_a_shared_credential_of_a_kind_that_this_client_is_not_granted_is_ignored(
    bound: Bound, origin: Origin, kind: str
) -> None:
    """X10: A credential that a store or another page offers, and the endpoint would not, is no credential.

    Seen in: this library, tried with hostile contents of a store
    """
    shelf = Shelf()
    entry = {
        "type": "granted",
        "edition": "1700000000000.a.1",
        "access_token": "of-the-other-kind",
        "refresh_token": None,
        "expires_in": 300,
        "token_type": kind,
        "received_at": 1_700_000_000.0,
    }
    peers = origin.pages.page()
    settings: dict[str, Any] = {"store": shelf, "peers": peers}
    for _ in range(2):  # a reload, and it is as it was
        shelf.text = json.dumps(entry)
        api = bound.connect(**settings) if kind == "Bearer" else bound.connect(proofs=None, **settings)
        events: list[Any] = []
        api.on(events.append)
        assert await api.resume() is False
        assert [event.phase for event in events if isinstance(event, StoreEvent)] == [StorePhase.CORRUPTED]
        assert shelf.text is None
        peers.on_message(json.dumps(entry))
        assert api.claims == {}
        assert isinstance(await outcome(api.fetch(BOUND_API)), SessionEnded)


async def test_a_bearer_that_the_app_adopts_beside_bound_tokens_stays_in_its_page(bound: Bound, origin: Origin) -> None:
    """X10: it is the app's own business, and neither kept nor shown to whom would ignore it."""
    shelf, peers, others = Shelf(), origin.pages.page(), origin.pages.page()
    api = bound.connect(store=shelf, peers=peers)
    other = bound.connect(store=Shelf(own=True), peers=others)
    await api.sign_in(username="ada", password="lovelace")
    await settle()
    assert other.claims == api.claims
    assert shelf.text is not None
    posted = len(peers.posted)
    await api.adopt("a-bearer")
    others.post(json.dumps({"type": "asked"}))
    await settle()
    assert len(peers.posted) == posted
    assert [peers.shown, shelf.text] == [None, None]


async def test_a_step_up_and_an_endpoint_that_is_a_function_bring_no_token_that_can_not_be_sent() -> None:
    """X10: whatever the app's own code gives."""

    async def refresh(credential: Credential | None) -> Credential:
        return Credential(access_token="a", token_type="DPoP")

    async def transport(request: Request) -> Response:
        return Response(401, {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication"'})

    async def step_up(wanted: StepUp) -> Credential:
        return Credential(access_token="b", token_type="DPoP")

    api = Interceptor(transport, audience=API, endpoint=refresh, clock=Clock(), step_up=step_up)
    await api.adopt("bearer")
    with pytest.raises(RefreshUnavailable, match="bound to a key"):
        await api.renew()
    with pytest.raises(StepUpRequired) as required:
        await api.fetch(API)
    assert isinstance(required.value.__cause__, MalformedToken)
