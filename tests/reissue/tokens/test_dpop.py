"""X3: tokens bound to a key (DPoP, RFC 9449), against a server that checks each proof strictly."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import jwt
import pytest
import pytest_asyncio
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    MalformedToken,
    RefreshEvent,
    RefreshUnavailable,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionChanged,
    SessionEnded,
    WaitsFor,
    WouldBlock,
)
from reissue.adapters.answers import added
from reissue.testing import Gate, StreamedResponse, settle

from tests.reissue.bound import API, Bound
from tests.reissue.conftest import clean_console, outcome

NOTES = API + "notes"
NONCE, EXPIRED = (401, "use_dpop_nonce"), (401, "invalid_token")


@pytest_asyncio.fixture
async def bound() -> AsyncIterator[Bound]:
    bound = Bound()
    async with clean_console(bound.made):
        yield bound


def phases(bound: Bound) -> list[RequestPhase]:
    return [event.phase for event in bound.events if isinstance(event, RequestEvent)]


async def test_each_attempt_has_a_proof_of_its_own_and_a_nonce_is_asked_for_once(bound: Bound) -> None:
    """X3: Each attempt has a new proof. A 401 that asks for a nonce is no expired token: one repeat with the nonce, no
    refresh, and the replay after a real 401 is still to come.

    Seen in: auth0/auth0-spa-js#1445
    """
    api = await bound.signed_in()
    assert (await api.fetch(NOTES)).status == 200
    assert bound.server.outcomes("/api/notes") == [NONCE, (200, "")]
    bound.server.revoke()
    bound.server.api_proofs.rotate()
    bound.server.asked.clear()
    assert (await api.fetch(f"{NOTES}?page=2#top", method="post", json={"text": "hi"})).status == 200
    assert bound.server.outcomes("/api/notes") == [NONCE, EXPIRED, (200, "")]
    assert bound.refreshes() == 1
    proofs = [request.headers["DPoP"] for request in bound.sent]
    assert (
        len(set(proofs))
        == len(proofs)
        == len({jwt.decode(p, options={"verify_signature": False})["jti"] for p in proofs})
    )


async def test_a_proof_says_what_it_is_for_and_nothing_of_the_query(bound: Bound) -> None:
    """X3, RFC 9449 section 4.2"""
    api = await bound.signed_in()
    await api.fetch(f"{NOTES}/1?secret=x#y", method="PUT", body=b"z")
    claims = bound.server.api_proofs.taken[-1]
    assert (claims["htm"], claims["htu"], claims["iat"]) == ("PUT", f"{NOTES}/1", int(bound.clock()))
    assert bound.sent[-1].headers["Authorization"].startswith("DPoP ")
    assert len(claims["jti"]) == 22, "128 random bits"


async def test_the_last_nonce_of_any_answer_is_used_and_each_server_has_its_own(bound: Bound) -> None:
    """X3"""
    api = await bound.signed_in()
    for _ in range(3):
        assert (await api.fetch(NOTES)).status == 200
    assert bound.server.outcomes("/api/notes") == [NONCE, (200, ""), (200, ""), (200, "")]
    await api.renew()
    assert bound.server.outcomes("/auth/refresh") == [(200, "")], "the sign-in has brought it"
    assert bound.server.outcomes("/api/notes")[-1] == (200, "")
    bound.server.endpoint_proofs.rotate()
    await api.renew()
    assert bound.server.outcomes("/auth/refresh")[1:] == [(400, "use_dpop_nonce"), (200, "")]


async def test_a_server_that_wants_a_nonce_without_end_is_asked_twice(bound: Bound) -> None:
    """X3"""
    api = await bound.signed_in()
    bound.meanwhile = lambda request: bound.server.api_proofs.rotate()
    assert (await api.fetch(NOTES)).status == 401
    assert bound.server.outcomes("/api/notes") == [NONCE, NONCE]
    assert bound.refreshes() == 0
    assert phases(bound) == [RequestPhase.STARTED, RequestPhase.SENT, RequestPhase.SENT, RequestPhase.DONE]
    bound.server.endpoint_proofs.rotate()
    bound.meanwhile = lambda request: bound.server.endpoint_proofs.rotate()
    with pytest.raises(RefreshUnavailable, match="DPoP-Nonce"):
        await api.renew()
    assert bound.refreshes() == 2


async def test_a_401_that_asks_for_a_nonce_says_nothing_against_the_token(bound: Bound) -> None:
    """X3, Q22: as many are on the wire as before, and not the few of a token that was rejected."""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.server.api_proofs.rotate()
    repeat = bound.gates["/api/others"] = Gate()

    def hold_the_repeat(request: Request) -> None:
        if bound.server.outcomes("/api/first")[:1] == [NONCE] and len(bound.server.outcomes("/api/first")) == 2:
            bound.gates["/api/first"] = repeat

    bound.meanwhile = hold_the_repeat
    first = asyncio.create_task(api.fetch(f"{API}first"))
    await settle()
    others = [asyncio.create_task(api.fetch(f"{API}others")) for _ in range(20)]
    await settle()
    assert len(bound.server.outcomes("/api/first")) == 2
    assert len(bound.server.outcomes("/api/others")) == 20
    repeat.open()
    await asyncio.gather(first, *others)


async def test_a_nonce_that_is_wanted_again_after_the_refresh_is_given_again(bound: Bound) -> None:
    """X3"""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.server.revoke()
    bound.server.asked.clear()

    def rotate_after_refresh(request: Request) -> None:
        if request.url.endswith("/auth/refresh"):
            bound.server.api_proofs.rotate()

    bound.meanwhile = rotate_after_refresh
    assert (await api.fetch(NOTES)).status == 200
    assert bound.server.outcomes("/api/notes") == [EXPIRED, NONCE, (200, "")]
    assert phases(bound)[-4:] == [
        RequestPhase.REFUSED,
        RequestPhase.REPLAYED,
        RequestPhase.REPLAYED,
        RequestPhase.DONE,
    ]


class WithEvents(Bound):
    """Its `/api/events` gives streams in turn, and then says that they are over."""

    streams: ClassVar[list[list[str]]] = [["id: 1\ndata: a\nretry: 0\n\n"], ["id: 2\ndata: b\n\n"]]

    def __init__(self) -> None:
        self.left = iter(self.streams)
        super().__init__()

    async def transport(self, request: Request) -> Any:
        answer = await super().transport(request)
        if not request.url.endswith("/api/events") or answer.status != 200:
            return answer
        chunks = next(self.left, None)
        return (
            Response(204) if chunks is None else StreamedResponse(chunks, headers={"Content-Type": "text/event-stream"})
        )


async def test_each_connection_of_an_event_stream_has_a_proof_of_its_own() -> None:
    """X3, Q21: also over a token that is refused meanwhile."""
    bound = WithEvents()
    async with clean_console(bound.made):
        api = await bound.signed_in()
        data = []
        async for event in api.event_stream(f"{API}events"):
            data.append(event.data)
            if event.data == "a":
                bound.server.revoke()
        assert data == ["a", "b"]
        assert bound.server.outcomes("/api/events") == [NONCE, (200, ""), EXPIRED, (200, ""), (200, "")]
        sent = [request for request in bound.sent if request.url.endswith("/api/events")]
        assert {request.headers["Authorization"].partition(" ")[0] for request in sent} == {"DPoP"}
        assert len({request.headers["DPoP"] for request in sent}) == len(sent)
        assert bound.refreshes() == 1
        await api.close()


async def test_a_token_that_expired_while_a_nonce_was_asked_for_is_renewed_and_the_wait_is_told(bound: Bound) -> None:
    """X3"""
    api = await bound.signed_in()

    def expire(request: Request) -> None:
        bound.meanwhile = lambda request: None
        bound.clock.advance(301)

    bound.meanwhile = expire
    assert (await api.fetch(NOTES)).status == 200
    assert bound.server.outcomes("/api/notes") == [NONCE, (200, "")]
    told = [event for event in bound.events if isinstance(event, RequestEvent)]
    assert [event.waits_for for event in told] == [None, None, WaitsFor.REFRESH, None, None]


async def test_a_body_that_can_be_read_once_gets_its_401_back_and_nothing_is_refreshed(bound: Bound) -> None:
    """X3, Q8"""
    api = await bound.signed_in()
    async with bound.sent_once(api, NOTES) as (attempts, answer):
        assert await attempts.after(answer) is None
    assert bound.refreshes() == 0
    assert bound.server.outcomes("/api/notes") == [NONCE]


@pytest.mark.parametrize("withheld", [{"WWW-Authenticate"}, {"WWW-Authenticate", "DPoP-Nonce"}, {"DPoP-Nonce"}])
async def test_what_a_page_of_another_origin_may_not_read_is_made_the_best_of(bound: Bound, withheld: set[str]) -> None:
    """X3: a new nonce is enough to go by. Without it there is nothing to repeat with."""
    api = await bound.signed_in()
    bound.withheld = withheld
    readable = "DPoP-Nonce" not in withheld
    assert (await api.fetch(NOTES)).status == (200 if readable else 401)
    if readable:
        assert bound.server.outcomes("/api/notes") == [NONCE, (200, "")]
        bound.server.revoke()
        bound.server.asked.clear()
        assert (await api.fetch(NOTES)).status == 200
        assert bound.server.outcomes("/api/notes") == [EXPIRED, (200, "")], "it has no new nonce"
        bound.server.revoke()
        bound.server.api_proofs.rotate()
        bound.meanwhile = lambda request: bound.server.api_proofs.rotate()
        bound.server.asked.clear()
        assert (await api.fetch(NOTES)).status == 401
        assert len(bound.server.outcomes("/api/notes")) == 4, "one repeat for each of two tokens"
        assert bound.refreshes() == 1, "what can't be told apart is taken for an expired token in the end"
    else:
        asked = [NONCE, NONCE] if "WWW-Authenticate" in withheld else [NONCE]
        assert bound.server.outcomes("/api/notes") == asked


async def test_a_storm_over_a_revoked_token_refreshes_once_and_proves_each_attempt(bound: Bound) -> None:
    """X3, Q1"""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.server.revoke()
    bound.server.asked.clear()
    responses = await asyncio.gather(*(api.fetch(f"{NOTES}/{n}") for n in range(20)))
    assert {response.status for response in responses} == {200}
    assert bound.refreshes() == 1
    assert not [error for _, _, error in bound.server.asked if error == "invalid_dpop_proof"]


async def test_what_became_of_the_session_while_a_proof_was_signed_counts(bound: Bound) -> None:
    """S1, S3: the token is looked at again after that wait."""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    sent = len(bound.sent)
    bound.key.gate = Gate()
    fetching = asyncio.create_task(outcome(api.fetch(NOTES)))
    await bound.key.gate.reached()
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await settle()
    bound.key.gate.open()
    assert isinstance(await fetching, SessionEnded)
    await signing_out
    assert [r.url for r in bound.sent[sent:]] == ["https://api.test/auth/logout"]
    assert "DPoP" not in bound.sent[-1].headers, "a sign-out presents no proof"

    bound.key.gate = None
    await bound.signed_in()
    bound.key.gate = Gate()
    fetching = asyncio.create_task(outcome(api.fetch(NOTES)))
    await bound.key.gate.reached()
    await api.adopt("another-token", token_type="DPoP")
    bound.key.gate.open()
    assert isinstance(await fetching, SessionChanged)


async def test_a_token_that_was_replaced_while_its_proof_was_signed_is_not_sent(bound: Bound) -> None:
    """Q15"""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    before = bound.token
    bound.key.gate = Gate()
    fetching = asyncio.create_task(api.fetch(NOTES))
    await bound.key.gate.reached()
    gate, bound.key.gate = bound.key.gate, None
    await api.renew()
    bound.server.asked.clear()
    gate.open()
    assert (await fetching).status == 200
    assert bound.server.outcomes("/api/notes") == [(200, "")]
    assert bound.token != before


async def test_a_bearer_token_in_the_place_of_a_bound_one_is_sent_without_a_proof(bound: Bound) -> None:
    """What the app adopts is its own business."""
    bound.server.bound = False
    bound.api = bound.connect(proofs=None)
    await bound.api.sign_in(username="ada", password="lovelace")
    assert (await bound.api.fetch(NOTES)).status == 200
    other = bound.made[0]
    await other.adopt(bound.token)
    assert (await other.fetch(NOTES)).status == 200
    assert "DPoP" not in bound.sent[-1].headers


async def test_a_nonce_is_nothing_to_a_bearer_token(bound: Bound) -> None:
    sent: list[str] = []

    async def refuses(request: Request) -> Response:
        sent.append(request.headers["Authorization"])
        return Response(401, {"DPoP-Nonce": str(len(sent))})

    async def refresh(credential: Credential | None) -> Credential:
        return Credential(access_token="second")

    bound.transport = refuses  # type: ignore[method-assign]
    api = bound.connect(endpoint=refresh)
    await api.adopt("first")
    assert (await api.fetch(NOTES)).status == 401
    assert sent == ["Bearer first", "Bearer second"]


async def test_a_new_token_is_sent_once_however_short_its_life(bound: Bound) -> None:
    """T12: its proof takes time."""
    granted: list[Credential] = []

    async def refresh(credential: Credential | None) -> Credential:
        granted.append(Credential(access_token=f"token-{len(granted)}", expires_in=0, token_type="DPoP"))
        assert len(granted) == 1
        return granted[-1]

    async def answers(request: Request) -> Response:
        return Response(200)

    bound.transport = answers  # type: ignore[method-assign]
    api = bound.connect(endpoint=refresh)
    await api.adopt("old", expires_in=0, token_type="DPoP")
    assert (await api.fetch(NOTES)).status == 200


async def test_a_token_that_was_refused_while_a_proof_was_signed_is_waited_for_and_that_is_told(bound: Bound) -> None:
    """Q15"""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.events.clear()
    bound.key.gate = signing = Gate()
    slow = asyncio.create_task(api.fetch(NOTES))
    await signing.reached()
    bound.key.gate, held = None, Gate()
    bound.server.revoke()

    def hold(request: Request) -> None:
        bound.key.gate = held

    bound.meanwhile = hold
    other = asyncio.create_task(api.fetch(NOTES))
    await held.reached()
    signing.open()
    await settle()
    held.open()
    assert [(await task).status for task in (slow, other)] == [200, 200]
    told = [event for event in bound.events if isinstance(event, RequestEvent)]
    number = told[0].request
    steps = [(event.phase, event.waits_for) for event in told if event.request == number]
    waiting = (RequestPhase.WAITING, WaitsFor.REFRESH)
    assert steps == [(RequestPhase.STARTED, None), waiting, (RequestPhase.SENT, None), (RequestPhase.DONE, None)]


@pytest.mark.parametrize("asked", [True, False])
async def test_an_endpoint_that_gives_the_other_kind_of_token_is_told_so(bound: Bound, asked: bool) -> None:
    """RFC 9449 section 5: a page that asked for a bound token takes no other."""
    if asked:
        bound.server.bound = False
    else:
        bound.server.endpoint_proofs.check = lambda *_, **__: "a key"  # type: ignore[method-assign]
    api = bound.api if asked else bound.connect(proofs=None)
    with pytest.raises(MalformedToken, match="DPoP"):
        await api.sign_in(username="ada", password="lovelace")


async def test_a_bound_token_is_not_sent_without_its_key(bound: Bound) -> None:
    api = bound.connect(proofs=None)
    with pytest.raises(MalformedToken, match="key"):
        await api.adopt("bound-token", token_type="DPoP")
    with pytest.raises(SessionEnded):
        await api.fetch(NOTES)
    assert bound.sent == []


async def test_a_refused_password_is_asked_about_once(bound: Bound) -> None:
    """X3: only what lacks a nonce is repeated, whatever else is new."""
    with pytest.raises(GrantRefused):
        await bound.api.sign_in(username="ada", password="hopper")
    assert bound.server.outcomes("/auth/login") == [(400, "use_dpop_nonce"), (400, "invalid_grant")]
    bound.server.endpoint_proofs.nonce = None
    with pytest.raises(GrantRefused):
        await bound.api.sign_in(username="ada", password="hopper")
    assert len(bound.server.outcomes("/auth/login")) == 3


@pytest.mark.parametrize(
    ("status", "body", "repeated"),
    [
        (400, '{"error": "use_dpop_nonce"}', True),
        (401, '{"error": "use_dpop_nonce"}', True),
        (403, '{"error": "use_dpop_nonce"}', True),  # Glewlwyd
        (400, '{"error": "invalid_grant"}', False),
        (500, '{"error": "use_dpop_nonce"}', False),
        (400, "use_dpop_nonce", False),
        (400, "[" * 2000, False),
        (400, "[]", False),
    ],
)
async def test_an_answer_of_the_endpoint_asks_for_a_nonce_by_its_error(status: int, body: str, repeated: bool) -> None:
    """X3, RFC 9449 section 8"""
    bound = Bound()
    sent: list[Request] = []

    async def transport(request: Request) -> Response:
        sent.append(request)
        return Response(status, {"dpop-nonce": "n"}, body.encode())

    bound.transport = transport  # type: ignore[method-assign]
    api = bound.connect()
    assert isinstance(await outcome(api.sign_in(username="ada")), Exception)
    assert len(sent) == 1 + repeated
    await api.close()


async def test_an_answer_is_copied_before_its_error_is_read(bound: Bound) -> None:
    """A browser's response can be read once."""

    class Once(Response):
        __slots__ = ("read",)

        async def text(self) -> str:
            assert not hasattr(self, "read")
            object.__setattr__(self, "read", True)
            return await super().text()

        def clone(self) -> "Once":
            return Once(self.status, self.headers, self.body)

    api = bound.connect()
    transport = bound.transport

    async def once(request: Request) -> Once:
        answer = await transport(request)
        return Once(answer.status, answer.headers, answer.body)

    bound.transport = once  # type: ignore[method-assign]
    api = bound.connect()
    await api.sign_in(username="ada", password="lovelace")
    assert bound.server.outcomes("/auth/login") == [(400, "use_dpop_nonce"), (200, "")]


async def test_another_client_is_given_what_to_attach(bound: Bound) -> None:
    """X3"""
    api = await bound.signed_in()
    attempts = api.attempts(Request(NOTES))
    assert attempts is not None
    with attempts:
        attempt: Request | None = await attempts.first()
        sent = []
        while attempt is not None:
            sent.append(added(attempt, Request(NOTES)))
            answer = await bound.transport(Request(NOTES, "GET", attempt.headers))
            attempt = await attempts.after(answer)
    assert [set(fields) for fields in sent] == [{"Authorization", "DPoP"}] * 2
    assert bound.server.outcomes("/api/notes") == [NONCE, (200, "")]


async def test_a_client_that_can_not_wait_is_told_at_once(bound: Bound) -> None:
    """A proof is signed by the browser, which takes a turn of its loop."""
    api = await bound.signed_in()
    attempts = api.attempts(Request(NOTES), start_eagerly=asyncio.create_task)
    assert attempts is not None
    with attempts, pytest.raises(WouldBlock, match="DPoP"):
        await attempts.first()
    assert bound.server.asked == []


async def test_a_bound_token_goes_from_page_to_page_as_what_it_is(bound: Bound) -> None:
    """T1: with it, an older entry of a store is still read."""
    from tests.reissue.origin import Shelf

    shelf = Shelf()
    api = bound.connect(store=shelf)
    await api.sign_in(username="ada", password="lovelace")
    kept = json.loads(shelf.text or "")
    assert kept["token_type"] == "DPoP"
    later = bound.connect(store=shelf)
    assert await later.resume() is True
    assert (await later.fetch(NOTES)).status == 200
    del kept["token_type"]
    shelf.text = json.dumps({**kept, "access_token": "of-an-older-version"})
    older = bound.connect(store=shelf, proofs=None)
    assert await older.resume() is True
    await outcome(older.fetch(NOTES))
    assert "Bearer of-an-older-version" in [r.headers.get("Authorization") for r in bound.sent]


def test_a_token_is_sent_in_one_of_two_ways() -> None:
    with pytest.raises(MalformedToken, match="Bearer"):
        Credential(access_token="a", token_type="MAC")  # type: ignore[arg-type]


async def test_no_proof_and_no_nonce_is_in_an_event_or_a_repr(bound: Bound) -> None:
    """X7"""
    api = await bound.signed_in()
    await api.fetch(NOTES)
    await api.renew()
    assert any(isinstance(event, RefreshEvent) for event in bound.events)
    told = f"{bound.events} {bound.sent} {bound.sent[-1].headers}"
    assert bound.sent[-1].headers["DPoP"] not in told
    assert Endpoint("/auth")._requests.urls  # the endpoint itself holds no proof


async def test_a_token_that_ran_out_while_its_proof_was_signed_is_not_sent() -> None:
    """T9, X3: it would meet a 401 and be sent again, for nothing."""
    bound = Bound()
    bound.server.life = 10
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.server.asked.clear()
    bound.key.gate = Gate()
    fetching = asyncio.create_task(api.fetch(NOTES))
    await bound.key.gate.reached()
    bound.clock.advance(11)
    bound.key.gate.open()
    assert (await fetching).status == 200
    assert bound.server.outcomes("/auth/refresh") == bound.server.outcomes("/api/notes") == [(200, "")]
    await api.close()


async def test_a_token_that_lives_shorter_than_a_proof_is_signed_is_sent_once() -> None:
    """T12, X3: nothing goes round for ever."""
    bound = Bound()
    bound.server.endpoint_proofs.nonce = bound.server.api_proofs.nonce = None
    api = await bound.signed_in()
    sign = bound.key.sign

    async def slowly(message: bytes) -> bytes:
        bound.clock.advance(20)
        return await sign(message)

    bound.server.life = 10
    bound.key.sign = slowly  # type: ignore[method-assign]
    bound.clock.advance(300)
    assert (await api.fetch(NOTES)).status == 401
    assert bound.server.outcomes("/api/notes") == [(401, "invalid_token")] * 2
    assert len(bound.server.outcomes("/auth/refresh")) == 2
    await api.close()


class Slow(Bound):
    """Answers to the paths that `gates` names stay on the wire until their gate opens. They are as old as they are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gates: dict[str, Gate] = {}

    async def transport(self, request: Request) -> Response:
        answer = await super().transport(request)
        if gate := self.gates.get(request.url.removeprefix(API)):
            await gate.passed()
        return answer


async def test_a_request_is_repeated_with_the_nonce_that_it_was_asked_for_and_no_older_one() -> None:
    """X3, RFC 9449 section 9: an answer that was long on its way brings a nonce that is good no more."""
    bound = Slow(in_flight=2)
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.gates = {name: Gate() for name in ("slow", "asked", "next")}
    slow = asyncio.create_task(api.fetch(API + "slow"))
    await bound.gates["slow"].reached()
    bound.server.api_proofs.rotate()
    asked = asyncio.create_task(api.fetch(API + "asked"))
    await bound.gates["asked"].reached()
    following = asyncio.create_task(api.fetch(API + "next"))
    await settle()
    bound.gates["asked"].open()
    await bound.gates["next"].reached()
    bound.gates["slow"].open()
    assert [(await slow).status, (await asked).status] == [200, 200]
    bound.gates["next"].open()
    assert (await following).status == 200
    assert bound.server.outcomes("/api/asked") == [(401, "use_dpop_nonce"), (200, "")]
    await api.close()


async def test_a_refused_token_is_not_sent_again_for_a_nonce_that_another_answer_brought() -> None:
    """X3: where WWW-Authenticate can't be read, only an answer that brings a new nonce itself may ask for it."""
    bound = Slow()
    bound.withheld = {"WWW-Authenticate"}
    bound.server.api_proofs.nonce = None
    api = await bound.signed_in()
    bound.gates["refused"] = Gate()
    bound.server.revoke()
    refused = asyncio.create_task(api.fetch(API + "refused"))
    await bound.gates["refused"].reached()
    bound.server.revoked.clear()
    bound.server.api_proofs.rotate()
    assert (await api.fetch(NOTES)).status == 200
    bound.server.revoke()
    bound.gates["refused"].open()
    assert (await refused).status == 200
    assert bound.server.outcomes("/api/refused") == [(401, "invalid_token"), (200, "")]
    await api.close()
