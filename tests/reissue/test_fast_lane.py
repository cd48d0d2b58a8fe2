"""What code that sends requests by itself, such as the page's fast lane, asks of the core."""

import asyncio
from math import inf
from typing import Any

import pytest
from reissue import (
    Event,
    Interceptor,
    RefreshEvent,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionChanged,
    SessionEnded,
    StoreEvent,
)
from reissue.concurrency.admission import Admission, NoAdmission
from reissue.session.listeners import Listeners
from reissue.storage import Memory
from reissue.tokens.credentials import Credential, fresh_for
from reissue.tokens.header_fields import HeaderFields

from tests.reissue.conftest import API, World, outcome

NOTES = Request(f"{API}notes")


async def test_it_hears_in_the_same_step_that_a_credential_must_not_be_sent_any_more(world: World) -> None:
    """S1, S3, T8: at a renewal here or in another tab, a rejection, a sign-in and a sign-out."""
    await world.signed_in()
    heard: list[str] = []

    def watch(name: str) -> Any:
        session = world.api._lifecycle.sessions.latest
        assert session is not None
        session.holding.on_change = lambda: heard.append(name)
        return session

    watch("renewal")
    await world.api.renew()
    session = watch("other tab")
    session.take_over(Credential(access_token="theirs", received_at=world.clock()))
    assert session.holding.fresh_for == inf
    assert heard == ["renewal", "other tab"]
    session.take_over(Credential(access_token="theirs", received_at=world.clock(), refresh_token="next"))
    assert heard == ["renewal", "other tab"], "the access token is the same"
    watch("rejection").holding.retire()
    watch("sign-in")
    await world.signed_in()
    assert set(heard[2:]) == {"rejection", "sign-in"}
    watch("sign-out")
    await world.api.sign_out()
    assert heard[-1] == "sign-out"


async def test_a_session_that_is_replaced_is_not_sent_any_more_when_a_listener_first_hears_of_it(world: World) -> None:
    """S3: the store may fail before the old session has ended, and a listener of that may send a request."""

    class Store(Memory):
        full = False

        def write(self, text: str | None) -> None:
            if self.full:
                raise OSError("full")
            super().write(text)

    store, seen = Store(), []
    api = world.api = world.make(store=store)
    await world.signed_in()
    old = api._lifecycle.alive
    assert old is not None

    def listener(event: Event) -> None:
        if isinstance(event, StoreEvent):
            seen.append((old.alive, old.holding.current.retired))

    api.on(listener)
    store.full = True
    await world.signed_in()
    assert seen == [(True, True)]


@pytest.mark.parametrize(
    ("expires_in", "age", "expected"), [(None, 1000, inf), (300, 100, 170), (300, 290, -20), (40, 0, 30), (40, 35, -5)]
)
def test_a_token_is_fresh_for_its_life_without_the_leeway(
    expires_in: float | None, age: float, expected: float
) -> None:
    assert fresh_for(Credential(access_token="opaque", expires_in=expires_in), 1000, leeway=30) == inf, "unknown when"
    credential = Credential(access_token="opaque", expires_in=expires_in, received_at=1000)
    assert fresh_for(credential, 1000 + age, leeway=30) == expected
    assert (credential.freshness(1000 + age, leeway=30).value == "fresh") is (expected > 0)


async def test_half_of_the_slots_are_lent_while_a_sign_counts_that_the_token_is_accepted() -> None:
    """Q22: and they are asked back before a request would wait."""
    admission, asked_back = Admission(6, unproven=2, patience=0), list[str]()

    def take_back() -> None:
        asked_back.append("now")
        admission.end_loan()
        admission.leave(slots.pop())
        for slot in slots:
            admission.sent(slot)

    assert admission.lend(take_back) == ([], 0), "nothing is known of the token"
    admission.token_accepted()
    slots, seconds = admission.lend(take_back)
    assert (len(slots), 29 < seconds <= 30) == (3, True)
    mine = [await admission.enter() for _ in range(3)]
    assert (asked_back, admission.lend(take_back)) == ([], ([], 0)), "no room for so many"
    mine.append(await admission.enter())
    assert asked_back == ["now"]
    mine.append(await admission.enter())
    assert (asked_back, len(admission._held)) == (["now"], 6 - 1), "those in use may be parked"
    for slot in mine:
        admission.leave(slot)
    slots, _ = admission.lend(take_back)
    admission.token_rejected()
    await admission.enter()
    assert asked_back == ["now"] * 2


async def test_a_sign_that_is_told_late_counts_for_less_long() -> None:
    admission = Admission(2, unproven=1)
    for ago, seconds in [(inf, 0), (20, 10), (25, 10), (0, 30), (inf, 30)]:
        admission.token_accepted(ago=ago)
        slots, counts = admission.lend(lambda: None)
        assert seconds - 1 < counts <= seconds
        for slot in slots:
            admission.leave(slot)


async def test_a_sign_counts_to_its_last_moment_and_half_of_the_slots_may_just_fit() -> None:
    await asyncio.sleep(100)
    admission = Admission(6, unproven=3)
    admission.token_accepted()
    for _ in range(3):
        await admission.enter()
    await asyncio.sleep(29.5)
    slots, seconds = admission.lend(lambda: None)
    assert (len(slots), seconds) == (3, 0.5)
    for slot in slots:
        admission.leave(slot)
    await asyncio.sleep(0.5)
    assert admission.lend(lambda: None) == ([], 0)


async def test_a_request_that_is_not_counted_never_waits() -> None:
    uncounted = NoAdmission()
    assert [uncounted.full(), uncounted.full(ahead=True), await uncounted.enter()] == [False, False, 0]


async def test_no_slot_is_lent_while_a_request_waits_for_one() -> None:
    admission = Admission(1)
    admission.token_accepted()
    slot = await admission.enter()
    waiting = asyncio.ensure_future(admission.enter())
    await asyncio.sleep(0)
    assert admission.lend(lambda: None) == ([], 0)
    admission.leave(slot)
    admission.leave(await waiting)
    assert admission.lend(lambda: None)[0] == [], "half of one"


def test_a_listener_gets_first_what_is_told_late() -> None:
    listeners, heard = Listeners(), list[Any]()
    early: Any = RefreshEvent(at=1, session=1, phase="early")  # type: ignore[arg-type]
    late: Any = RefreshEvent(at=0, session=1, phase="late")  # type: ignore[arg-type]
    pending = [late]

    def catch_up() -> None:
        for event in [pending.pop() for _ in pending]:
            listeners.emit(event)

    listeners.add(heard.append)
    listeners.catch_up = catch_up
    listeners.emit(early)
    assert heard == [late, early]
    pending.append(late)
    listeners.stream()
    assert heard == [late, early, late]


REJECTED = Response(401)


async def test_a_request_that_was_sent_elsewhere_goes_on_where_it_is(world: World) -> None:
    """Q1, Q4: one refresh, one replay; its number in the events stays."""
    api = await world.signed_in()
    session = api._lifecycle.alive
    assert session is not None
    sent_in = session, session.credential
    world.events.clear()
    responses = await asyncio.gather(*(api._sender.go_on(NOTES, REJECTED, sent_in=sent_in, number=7) for _ in range(2)))
    assert [response.status for response in responses] == [200, 200]
    assert (world.endpoint.calls, world.server.tokens) == (1, ["token-2"] * 2)
    told = [event for event in world.events if isinstance(event, RequestEvent)]
    assert {event.request for event in told} == {7}
    assert {event.phase for event in told} == {RequestPhase.REFUSED, RequestPhase.REPLAYED, RequestPhase.DONE}
    late = await api._sender.go_on(NOTES, REJECTED, sent_in=sent_in)
    assert (late.status, world.endpoint.calls) == (200, 1), "Q2: a late 401 starts no second refresh"
    assert await api._sender.go_on(NOTES, taken := Response(204), sent_in=sent_in) is taken
    world.server.accepts = "none"
    sent_in = session, session.credential
    assert (await api._sender.go_on(NOTES, REJECTED, sent_in=sent_in)).status == 401


async def test_a_request_that_was_sent_elsewhere_gets_the_401_that_asks_for_a_step_up(world: World) -> None:
    """As code that knows nothing of sessions does, unless the app has a handler for step-ups."""
    api = await world.signed_in()
    session = api._lifecycle.alive
    assert session is not None
    asks = Response(401, {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="5"'})
    assert await api._sender.go_on(NOTES, asks, sent_in=(session, session.credential)) is asks


async def test_a_request_that_was_sent_elsewhere_stays_in_its_session(world: World) -> None:
    """S1, S3."""
    api = await world.signed_in()
    session = api._lifecycle.alive
    assert session is not None
    sent_in = session, session.credential
    await world.signed_in("token-2")
    assert isinstance(await outcome(api._sender.go_on(NOTES, REJECTED, sent_in=sent_in)), SessionChanged)
    session = api._lifecycle.alive
    assert session is not None
    sent_in = session, session.credential
    await api.sign_out()
    assert isinstance(await outcome(api._sender.go_on(NOTES, REJECTED, sent_in=sent_in)), SessionEnded)
    assert world.server.requests == []


async def test_what_is_told_late_has_the_time_at_which_it_was(world: World) -> None:
    sender = world.api._sender
    sender.emit(None, NOTES, RequestPhase.DONE, at=5, status=200)
    assert world.events == []
    assert [(request.at, request.status) for request in sender.recent] == [(5, 200)]
    sender.emit(3, NOTES, RequestPhase.SENT, at=6)
    (event,) = world.events
    assert isinstance(event, RequestEvent)
    assert (event.request, event.at) == (3, 6)


async def test_the_last_requests_are_caught_up_with_before_they_are_shown(world: World) -> None:
    await world.signed_in("token-2")
    await world.api.fetch(API)
    assert len(world.api._sender.recent) == 1
    world.api._listeners.catch_up = lambda: world.api._sender._recent.clear()
    assert list(world.api._sender.recent) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, True), ({"scheme": "JWT"}, True), ({"header": "X-Token"}, False), ({"headers": {"X-One": "1"}}, False)],
)
def test_a_client_knows_whether_it_attaches_only_the_token(world: World, settings: Any, expected: bool) -> None:
    api = Interceptor(world.server, audience=API, endpoint=world.endpoint, **settings)
    fields = api._sender.rules.fields
    assert fields.only_the_token is expected


def test_each_origin_has_slots_of_its_own(world: World) -> None:
    """Q22"""
    slots = world.api._sender.admission_to
    assert isinstance(slots("https://a.test"), Admission)
    assert slots("https://a.test") is slots("https://a.test")
    assert slots("https://a.test") is not slots("https://b.test")


def test_the_value_of_the_field_is_the_token_after_its_scheme() -> None:
    bearer = Credential(access_token="opaque")
    assert HeaderFields().value_for(bearer) == "Bearer opaque"
    assert HeaderFields(scheme="").value_for(bearer) == "opaque"
    assert HeaderFields().value_for(Credential(access_token="opaque", token_type="DPoP")) == "DPoP opaque"
