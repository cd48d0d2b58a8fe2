"""Responses and their bodies: which are let go of, which are looked at, and which say nothing of the token."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from reissue import (
    Credential,
    GrantRefused,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionEnded,
    StepUp,
    StepUpRequired,
)
from reissue.http.outcomes import field_of
from reissue.oauth2.dpop_calls import with_proofs
from reissue.testing import Gate, settle

from tests.reissue.bound import API as BOUND_API
from tests.reissue.bound import Bound
from tests.reissue.conftest import API, World, outcome

OK, EXPIRED = (200, ""), (401, "invalid_token")


class Answer:
    """A response whose body stays on the wire until it is read or discarded."""

    def __init__(
        self,
        status: int,
        log: list[str],
        *,
        name: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        text: str = "",
        ends: Gate | None = None,
        redirected_to: str | None = None,
    ) -> None:
        self.status = status
        self.log = log
        self.name = name or str(status)
        self.headers = headers
        self.body = text
        self.ends = ends
        self.redirected = redirected_to is not None
        self.url = redirected_to

    def clone(self) -> "Answer":
        self.log.append(f"clone {self.name}")
        copy = Answer(self.status, self.log, name="copy", headers=self.headers, text=self.body, ends=self.ends)
        copy.redirected, copy.url = self.redirected, self.url
        return copy

    async def text(self) -> str:
        self.log.append(f"read {self.name}")
        if self.ends is not None:
            await self.ends.passed()
        return self.body

    def discard_body(self) -> None:
        self.log.append(f"discard {self.name}")


class Wire:
    """A transport that answers in turn, and the log of all that happens on it and at the endpoint."""

    def __init__(self, world: World, *answers: Answer) -> None:
        self.world = world
        self.log: list[str] = []
        self.answers = list(answers)
        self.gate: Gate | None = None
        for answer in answers:
            answer.log = self.log

    async def __call__(self, request: Request) -> Any:
        self.log.append(f"send {request.headers['Authorization'].removeprefix('Bearer ')}")
        await (asyncio.sleep(0) if self.gate is None else self.gate.passed())
        return self.answers.pop(0)

    def connect(self, **options: Any) -> None:
        granted = self.world.endpoint.answer

        def answer(number: int) -> Any:
            self.log.append("refresh")
            return granted(number)

        self.world.endpoint.answer = answer
        self.world.api = self.world.make(transport=self, **options)


def refused(**fields: Any) -> Answer:
    return Answer(401, [], **fields)


def accepted(**fields: Any) -> Answer:
    return Answer(200, [], **fields)


# Bodies that the caller will not get


async def test_a_refused_body_is_discarded_before_the_refresh_and_the_replay(world: World) -> None:
    """Q23"""
    wire = Wire(world, refused(), accepted())
    wire.connect()
    await world.signed_in()
    assert (await world.api.fetch(API)).status == 200
    assert wire.log == ["send token-1", "discard 401", "refresh", "send token-2"]


async def test_the_body_of_a_second_401_is_the_callers(world: World) -> None:
    """Q23, Q4"""
    wire = Wire(world, refused(name="first"), refused(name="second"))
    wire.connect()
    await world.signed_in()
    assert (await world.api.fetch(API)).name == "second"
    assert wire.log == ["send token-1", "discard first", "refresh", "send token-2"]


async def test_a_401_whose_request_cant_be_sent_again_keeps_its_body_unless_an_error_takes_its_place(
    world: World,
) -> None:
    """Q23, Q8"""
    wire = Wire(world, refused(name="first"), refused(name="second"))
    wire.connect()
    await world.signed_in()
    assert (await world.api.fetch(API, method="POST", body=iter([b"a"]))).status == 401
    world.endpoint.failure = GrantRefused("invalid_grant")
    assert isinstance(await outcome(world.api.fetch(API, method="POST", body=iter([b"a"]))), SessionEnded)
    assert wire.log == ["send token-1", "refresh", "send token-2", "discard second"]


async def test_a_body_is_discarded_once_whatever_ends_the_request(world: World) -> None:
    """Q23: the refresh is refused, or the caller is cancelled while it runs."""
    wire = Wire(world, refused(), refused())
    wire.connect()
    await world.signed_in()
    world.endpoint.gate = Gate()
    fetch = world.fetches(1)[0]
    await world.endpoint.gate.reached()
    assert wire.log == ["send token-1", "discard 401"]
    fetch.cancel()
    world.endpoint.failure = GrantRefused("invalid_grant")
    waiting = asyncio.create_task(outcome(world.api.fetch(API)))
    world.endpoint.gate.open()
    assert isinstance(await waiting, SessionEnded)
    assert wire.log == ["send token-1", "discard 401"]


async def test_a_body_that_cant_be_discarded_stops_nothing(world: World) -> None:
    """Q23"""

    class Stubborn(Answer):
        def discard_body(self) -> None:
            raise RuntimeError("locked")

    wire = Wire(world, Stubborn(401, []), accepted())
    wire.connect()
    await world.signed_in()
    assert (await world.api.fetch(API)).status == 200


CHALLENGE = {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication"'}


async def test_a_body_is_discarded_before_the_user_is_asked_for_a_step_up(world: World) -> None:
    """Q23: whether the step is taken or not."""
    wire = Wire(world, *(refused(name=f"{n}", headers=CHALLENGE) for n in range(2)), accepted())
    answers: list[Any] = [None, Credential(access_token="gold", expires_in=300)]

    async def step_up(wanted: StepUp) -> Any:
        wire.log.append("ask")
        return answers.pop(0)

    wire.connect(step_up=step_up)
    await world.signed_in()
    assert isinstance(await outcome(world.api.fetch(API)), StepUpRequired)
    assert (await world.api.fetch(API)).status == 200
    assert wire.log == ["send token-1", "discard 0", "ask", "send token-1", "discard 1", "ask", "send gold"]


async def test_a_body_is_discarded_before_the_replay_with_a_token_that_came_meanwhile(world: World) -> None:
    """Q23: the newer token may come from another page's step-up."""
    wire = Wire(world, refused(headers=CHALLENGE), accepted())

    async def step_up(wanted: StepUp) -> Any:
        raise AssertionError("nobody need be asked")

    wire.connect(step_up=step_up)
    await world.signed_in()
    wire.gate = Gate()
    sending = asyncio.create_task(world.api.fetch(API))
    await wire.gate.reached()
    await world.api.renew()
    wire.gate.open()
    assert (await sending).status == 200
    assert wire.log == ["send token-1", "refresh", "discard 401", "send token-2"]


async def test_a_step_up_that_nobody_can_take_discards_the_body(world: World) -> None:
    """Q23"""
    wire = Wire(world, refused(headers=CHALLENGE))
    wire.connect()
    await world.signed_in()
    assert isinstance(await outcome(world.api.fetch(API)), StepUpRequired)
    assert wire.log == ["send token-1", "discard 401"]


async def test_a_body_is_discarded_before_a_request_is_repeated_with_a_nonce() -> None:
    """Q23, X3"""
    bound = Bound()
    log: list[str] = []

    async def transport(request: Request) -> Any:
        plain = await bound.transport(request)
        where = "endpoint" if "/auth/" in request.url else "api"
        log.append(f"send {where}")
        text = plain.body.decode()
        return Answer(plain.status, log, name=where, headers=plain.headers, text=text)

    api = bound.connect()
    api._sender.transport = transport
    await api.sign_in(username="ada", password="lovelace")
    assert (await api.fetch(f"{BOUND_API}notes")).status == 200
    assert log == ["send api", "discard api", "send api"]
    for made in bound.made:
        await made.close()


async def test_a_refused_body_of_the_endpoint_is_discarded_before_its_repeat_with_a_nonce() -> None:
    """Q23, X3"""
    log: list[str] = []
    answers = [
        Answer(400, log, name="400", headers={"DPoP-Nonce": "n"}, text='{"error": "use_dpop_nonce"}'),
        Answer(200, log),
    ]

    class Prover:
        async def proof(self, request: Request, credential: Any = None, *, nonce: str | None = None) -> Any:
            return "proof", nonce

        def learn(self, request: Request, answer: Answer) -> str | None:
            return answer.headers.get("DPoP-Nonce")

    async def transport(request: Request) -> Answer:
        log.append("send")
        return answers.pop(0)

    assert (await with_proofs(transport, Prover())(Request(API))).status == 200  # type: ignore[arg-type]
    assert log == ["send", "clone 400", "read copy", "discard 400", "send"]


# A caller's own test


async def test_a_response_is_cloned_only_when_its_test_reads_it_and_the_copy_is_discarded_after_it(
    world: World,
) -> None:
    """Q24"""
    wire = Wire(world, *(accepted(text="whole") for _ in range(3)))

    async def reads(response: Answer) -> bool:
        return response.name == "copy" and (await response.text()) == "expired"

    wire.connect(should_renew=lambda response: response.status == 419)
    await world.signed_in("token-2")
    await world.api.fetch(API)
    assert wire.log == ["send token-2"]
    del wire.log[:]
    wire.connect(should_renew=reads)
    await world.signed_in("token-2")
    response = await world.api.fetch(API)
    assert wire.log == ["send token-2", "clone 200", "read copy", "discard copy"]
    assert await response.text() == "whole"


@pytest.mark.parametrize("ending", ["raises", "is cancelled"])
async def test_a_copy_is_discarded_also_when_its_test_gives_no_verdict(world: World, ending: str) -> None:
    """Q24: and so is the response, which nobody gets."""
    wire = Wire(world, accepted(text="odd", ends=None if ending == "raises" else Gate()))

    async def reads(response: Answer) -> bool:
        if ending == "raises":
            raise ValueError(await response.clone().text())
        return bool(await response.text())

    wire.connect(should_renew=reads)
    await world.signed_in("token-2")
    fetch = asyncio.create_task(outcome(world.api.fetch(API)))
    await settle()
    fetch.cancel()
    await asyncio.gather(fetch, return_exceptions=True)
    assert wire.log[-2:] == ["discard copy", "discard 200"]


async def test_a_test_sees_the_transports_own_response_and_may_not_read_it_after_the_verdict(world: World) -> None:
    """Q24"""
    wire = Wire(world, accepted(text="whole"))
    seen: list[Any] = []

    def judge(response: Any) -> bool:
        seen.append(response)
        return not isinstance(response, Answer)

    wire.connect(should_renew=judge)
    await world.signed_in("token-2")
    response = await world.api.fetch(API)
    assert repr(seen[0]) == repr(response)
    assert (seen[0].status, seen[0].headers, seen[0].redirected) == (200, {}, False)
    with pytest.raises(RuntimeError, match="has answered"):
        seen[0].text()  # noqa: RUF100
    assert wire.log == ["send token-2"]


async def test_a_transport_may_make_the_copies_for_tests_itself(world: World) -> None:
    """Q24"""

    class Page(Answer):
        def copy_for_judging(self) -> Answer:
            return Answer(self.status, self.log, name="own copy", text="text")

    wire = Wire(world, Page(200, []))

    async def reads(response: Answer) -> bool:
        return (await response.text()) != "text"

    wire.connect(should_renew=reads)
    await world.signed_in("token-2")
    await world.api.fetch(API)
    assert wire.log == ["send token-2", "read own copy", "discard own copy"]


async def test_a_test_that_looks_at_the_head_lets_a_stream_pass_at_once(world: World) -> None:
    """Q28: A caller's test is given the head first, and says by it whether it wants the body: a stream that it does
    not read is the caller's at once.

    Seen in: this library
    """
    wire = Wire(world, accepted(headers={"content-type": "text/event-stream"}, ends=Gate()))

    async def expired(response: Answer) -> bool:
        return "json" in response.headers["content-type"] and "expired" in await response.text()

    wire.connect(should_renew=expired)
    await world.signed_in("token-2")
    assert (await world.api.fetch(API)).status == 200
    assert wire.log == ["send token-2"]


# No storm


class Refusing:
    """A server that refuses every token, each in its own way."""

    def __init__(self, answer: "Response | OSError") -> None:
        self.answer = answer

    async def __call__(self, request: Request) -> Response:
        await asyncio.sleep(0)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


async def refreshes_of_twelve_calls(world: World, send: Callable[[], Awaitable[Any]]) -> list[float]:
    """When the endpoint was asked, in seconds, while twelve calls were made one after the other. Pauses are as long as
    they may be.
    """
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    session.backoff._fraction = lambda: 1.0
    loop, granted, asked = asyncio.get_running_loop(), world.endpoint.answer, list[float]()

    def answer(number: int) -> Any:
        asked.append(loop.time())
        return granted(number)

    world.endpoint.answer = answer
    for _ in range(12):
        await send()
    return asked


@pytest.mark.parametrize(
    ("answer", "should_renew"),
    [
        (Response(401), None),
        (Response(419), lambda outcome: outcome.status == 419),
        (Response(498), lambda outcome: outcome.status == 498),
        (Response(200, {}, b"expired"), lambda outcome: outcome.body == b"expired"),
        (OSError("a 401 without CORS"), lambda outcome: isinstance(outcome, OSError)),
    ],
    ids=["401", "419", "498", "an error inside a 200", "no answer"],
)
async def test_whatever_judges_a_refusal_the_next_refresh_pauses_if_the_new_token_is_refused_too(
    world: World, answer: Any, should_renew: Any
) -> None:
    """F18: A new token that is refused as well makes the next refresh pause, whatever judged the refusal.

    Seen in: hoppscotch/hoppscotch#5885
    """
    world.api = world.make(transport=Refusing(answer), should_renew=should_renew)
    await world.signed_in()
    asked = await refreshes_of_twelve_calls(world, lambda: outcome(world.api.fetch(API)))
    assert len(asked) == 12
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(asked))


async def test_uploads_that_cant_be_sent_again_storm_no_endpoint_either(world: World) -> None:
    """F18: no replay tells that the new token is refused, but the next upload does."""
    world.api = world.make(transport=Refusing(Response(401)))
    await world.signed_in()

    def send() -> Awaitable[Any]:
        return world.api.fetch(API, method="POST", body=iter([b"part"]))

    asked = await refreshes_of_twelve_calls(world, send)
    assert len(asked) == 12
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(asked))


async def test_an_upload_after_a_revocation_waits_for_no_pause(world: World) -> None:
    """F18: the token was accepted before it was refused."""
    await world.signed_in()
    loop = asyncio.get_running_loop()
    for number in range(2, 6):
        assert (await world.api.fetch(API, method="POST", body=iter([b"part"]))).status == 401
        assert (await world.api.fetch(API)).status == 200
        world.server.accepts = f"token-{number + 1}"
    assert (world.endpoint.calls, loop.time()) == (4, 0)


async def test_a_401_that_the_callers_test_lets_pass_makes_no_refresh_pause(world: World) -> None:
    """F18"""
    world.api = world.make(
        transport=Refusing(Response(401, {}, b"no rights")), should_renew=lambda outcome: outcome.body != b"no rights"
    )
    await world.signed_in()
    assert (await world.api.fetch(API)).status == 401
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    assert session.backoff._failures == 0


# From beyond a redirect

ELSEWHERE = [
    "https://login.test/v1/",
    "http://api.test/v1/",
    "https://api.test:444/v1/",
    "https://api.test/login",
    "https://user@api.test/v1/",
    "https://second.test/",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_only_a_401_from_where_the_token_went_starts_a_refresh(world: World, url: str) -> None:
    """Q27: Only a 401 from where the token went starts a refresh, and none from beyond a redirect out of the audience
    or to another origin.

    Seen in: this library
    """
    wire = Wire(world, refused(redirected_to=url))
    wire.connect(audience=[API, "https://second.test/"])
    await world.signed_in()
    assert (await world.api.fetch(API)).url == url
    assert wire.log == ["send token-1"]
    assert [event.phase for event in world.events if isinstance(event, RequestEvent)] == [
        RequestPhase.STARTED,
        RequestPhase.SENT,
        RequestPhase.DONE,
    ]


async def test_a_401_from_beyond_a_redirect_within_the_audience_starts_a_refresh(world: World) -> None:
    """Q27"""
    wire = Wire(world, refused(redirected_to=f"{API}notes/"), accepted())
    wire.connect()
    await world.signed_in()
    assert (await world.api.fetch(f"{API}notes")).status == 200
    assert world.endpoint.calls == 1


async def test_a_401_from_elsewhere_asks_nobody_to_sign_in_and_says_nothing_of_the_token(world: World) -> None:
    """Q27: its challenge is a stranger's."""
    wire = Wire(world, accepted(), refused(redirected_to="https://login.test/", headers=CHALLENGE))
    asked: list[StepUp] = []

    async def step_up(wanted: StepUp) -> None:
        asked.append(wanted)

    wire.connect(step_up=step_up)
    await world.signed_in("token-2")
    for expected in (200, 401):
        assert (await world.api.fetch(API)).status == expected
    (admission,) = world.api._sender._admissions._by_origin.values()
    assert admission._proven_until > asyncio.get_running_loop().time()
    assert asked == []


async def test_the_callers_own_test_may_take_an_answer_from_beyond_a_redirect_for_a_refusal(world: World) -> None:
    """Q27: a server may lead to its sign-in page in place of a 401."""
    wire = Wire(world, accepted(redirected_to="https://api.test/login"), accepted())
    wire.connect(should_renew=lambda response: response.redirected and response.url.endswith("/login"))
    await world.signed_in()
    assert (await world.api.fetch(API)).redirected is False
    assert wire.log == ["send token-1", "discard 200", "refresh", "send token-2"]


async def test_the_callers_own_test_is_asked_of_a_401_from_beyond_a_redirect_as_well(world: World) -> None:
    """Q27: it may know that server."""
    wire = Wire(world, refused(redirected_to="https://login.test/"), accepted())
    wire.connect(should_renew=lambda response: response.status == 401)
    await world.signed_in()
    assert (await world.api.fetch(API)).status == 200
    assert world.endpoint.calls == 1


@pytest.mark.parametrize("should_renew", [None, lambda response: False])
async def test_no_nonce_is_learned_from_elsewhere(should_renew: Any) -> None:
    """Q27, X3: it is another server's."""
    bound = Bound()
    answers = [Answer(401, [], headers={"DPoP-Nonce": "theirs"}, redirected_to="https://login.test/")]

    async def transport(request: Request) -> Any:
        return await bound.transport(request) if "/auth/" in request.url else answers.pop(0)

    api = bound.connect(should_renew=should_renew)
    api._sender.transport = transport
    await api.sign_in(username="ada", password="lovelace")
    assert (await api.fetch(f"{BOUND_API}notes")).status == 401
    assert api._sender.rules.fields.prover is not None
    assert api._sender.rules.fields.prover._nonces == {}
    for made in bound.made:
        await made.close()


class WithoutHeaders:
    headers = 7


@pytest.mark.parametrize("response", [OSError(), WithoutHeaders(), Response(200)], ids=["none", "a number", "empty"])
def test_what_has_no_such_header_field_has_none(response: object) -> None:
    """A transport of the app's own may give anything."""
    assert field_of(response, "Retry-After") is None
