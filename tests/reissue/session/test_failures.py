"""Telling failures apart, and what the clock says."""

import asyncio
from contextvars import copy_context
from typing import Any

import jwt
import pytest
from reissue import (
    Credential,
    Endpoint,
    EndpointEvent,
    GrantRefused,
    MalformedToken,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    SessionPhase,
    State,
)
from reissue.session.backoff import Backoff, random_fraction
from reissue.storage import Memory
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome
from tests.reissue.virtual_time import PAGE, VirtualTimeLoop

KEY = "a key that is long enough for HS256, no more"


def over_http(world: World, answer: Response | Exception, **options: Any) -> None:
    """An interceptor whose endpoint is asked over HTTP and answers in one way."""

    async def transport(request: Request) -> Response:
        if "/auth/" not in request.url:
            return await world.server(request)
        world.endpoint.asked_with.append(None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"), **options)


async def refreshed_in_vain(world: World, answer: Response | Exception) -> Any:
    """The error of a request whose refresh is answered so; the session must be as it was."""
    over_http(world, answer)
    await world.signed_in()
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    before = session.credential
    error = await outcome(world.api.fetch(API + "notes"))
    assert world.api.state is State.SIGNED_IN
    assert (world.api._lifecycle.sessions.latest, session.credential) == (session, before)
    return error


@pytest.mark.parametrize(
    "answer",
    [
        OSError("unreachable"),
        ConnectionResetError(),
        TimeoutError(),
        Response(500),
        Response(502, {}, b"<html>bad gateway</html>"),
        Response(503, {}, b"<html>down</html>"),
        Response(504),
    ],
    ids=repr,
)
async def test_a_network_drop_a_timeout_or_a_5xx_during_refresh_signs_nobody_out(
    world: World, answer: Response | Exception
) -> None:
    """F1: A network drop, a timeout or a 5xx during a refresh is transient: the session stays, and the error says 'try
    again' and has its cause chained.

    Seen in: Stirling-Tools/Stirling-PDF#7978; badgateway/oauth2-client (measured)
    """
    error = await refreshed_in_vain(world, answer)
    assert isinstance(error, RefreshUnavailable)
    if isinstance(answer, Exception):
        assert error.__cause__ is answer
    else:
        assert (error.status, error.__cause__) == (answer.status, None)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 429, 404])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "unauthorized_client"])
async def test_the_status_of_a_5xx_wins_over_an_oauth_error_code_in_its_body(
    world: World, status: int, code: str
) -> None:
    """F3: A 5xx is transient, whatever OAuth error code its body carries.

    Seen in: huskarl-rs/huskarl#198
    """
    answer = Response(status, {"Content-Type": "application/json"}, b'{"error": "%s"}' % code.encode())
    error = await refreshed_in_vain(world, answer)
    assert (type(error), error.status) == (RefreshUnavailable, status)


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, {"Content-Type": "text/html"}, b"<html>captive portal</html>"),
        Response(200),
        Response(200, {}, b"{}"),
        Response(200, {}, b"null"),
        Response(200, {}, b'{"access_token": "to'),
        Response(200, {}, b'{"access_token": ""}'),
        Response(200, {}, b'{"access_token": null}'),
        Response(200, {}, b'{"access_token": 7}'),
        Response(200, {}, b'{"access_token": "two words"}'),
        Response(200, {}, b'{"access_token": "two\\nlines"}'),
        Response(200, {}, b'{"access_token": "token-2", "token_type": "DPoP"}'),
        Response(200, {}, b"[" * 100_000),
        Response(200, {}, b"\xff\xfe\x00"),
    ],
    ids=repr,
)
async def test_a_success_without_a_usable_access_token_is_a_clear_error_and_nothing_is_stored(
    world: World, answer: Response
) -> None:
    """F4: A success without an access token, or with HTML, is a clear error, and nothing is stored.

    Seen in: decocms/studio#6068
    """
    store = Memory()
    over_http(world, answer, store=store)
    error = await outcome(world.api.sign_in(username="ada", password="x"))
    assert isinstance(error, MalformedToken)
    assert str(error)
    assert world.api.state is State.SIGNED_OUT
    assert {type(event) for event in world.events} == {EndpointEvent}
    assert store.read() is None
    error = await refreshed_in_vain(world, answer)
    assert isinstance(error, RefreshUnavailable)
    assert isinstance(error.__cause__, MalformedToken)


@pytest.mark.parametrize(
    "answer",
    [
        Response(302),
        Response(400, {}, b"<html>bad gateway</html>"),
        Response(400, {}, b'{"error": "temporarily_unavailable"}'),
        Response(404),
    ],
    ids=repr,
)
async def test_what_is_no_refusal_in_so_many_words_ends_no_session(world: World, answer: Response) -> None:
    """F1"""
    error = await refreshed_in_vain(world, answer)
    assert (type(error), error.status) == (RefreshUnavailable, answer.status)


async def test_a_network_failure_is_chained_as_the_cause(world: World) -> None:
    """F1"""
    failure = ConnectionRefusedError("no")
    over_http(world, failure)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert error.__cause__ is failure
    assert error.retry_after is None


@pytest.mark.parametrize("kind", ["seconds", "date"])
async def test_a_429_is_transient_and_no_attempt_is_made_before_retry_after_has_passed(world: World, kind: str) -> None:
    """F2: A 429 to a refresh is transient, and no new attempt is made before its Retry-After has passed.

    Seen in: decocms/studio#6122, ginlix-ai/LangAlpha#379
    """
    date, later = (f"Tue, 14 Nov 2023 22:13:{second} GMT" for second in ("00", "30"))
    headers = {"Retry-After": "30"} if kind == "seconds" else {"Retry-After": later, "Date": date}
    over_http(world, Response(429, headers))
    await world.signed_in()
    errors = [await outcome(task) for task in world.fetches(50)]
    assert {(type(e), e.retry_after, e.status) for e in errors} == {(RefreshUnavailable, 30, 429)}
    world.clock.advance(29)
    errors = [await outcome(task) for task in world.fetches(50)]
    assert {(type(e), e.retry_after) for e in errors} == {(RefreshUnavailable, 1)}
    assert world.endpoint.calls == 1
    world.clock.advance(1)
    await outcome(world.api.fetch(API + "notes"))
    assert world.endpoint.calls == 2
    assert world.api.state is State.SIGNED_IN


async def test_a_clock_set_back_does_not_stretch_retry_after(world: World) -> None:
    """F2, T9"""
    over_http(world, Response(503, {"Retry-After": "30"}))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    world.clock.advance(-86_400)
    await outcome(world.api.fetch(API + "notes"))
    assert world.endpoint.calls == 2


@pytest.mark.parametrize(
    "answer",
    [
        Response(401),
        Response(401, {}, b'{"detail": "Token is blacklisted", "code": "token_not_valid"}'),
        Response(400, {}, b'{"error": "invalid_grant"}'),
        Response(204),
    ],
    ids=repr,
)
async def test_a_refusal_ends_the_session(world: World, answer: Response) -> None:
    """The other side of F1."""
    over_http(world, answer)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, SessionEnded)
    assert error.reason == "refused"
    assert isinstance(error.__cause__, GrantRefused)
    assert world.api.state is State.SIGNED_OUT


async def test_a_refresh_token_that_the_answer_leaves_out_is_kept(world: World) -> None:
    """F5: The old refresh token is kept if the answer brings no new one.

    Seen in: badgateway/oauth2-client#161
    """
    world.endpoint.answer = lambda n: Credential(access_token=f"token-{n}", expires_in=300)
    await world.signed_in()
    await world.api.renew()
    await world.api.renew()
    assert [c.refresh_token for c in world.endpoint.asked_with if c] == ["refresh-1", "refresh-1"]


async def test_a_definitive_refusal_is_remembered_and_fifty_calls_in_a_row_make_one_request(world: World) -> None:
    """F7: A definitive refusal is remembered for that refresh token: fifty calls in a row make one request.

    Seen in: Authlib (measured)
    """
    world.server.accepts = "token-1"
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    for _ in range(50):
        assert isinstance(await outcome(world.api.renew()), GrantRefused), "while the access token still works"
    world.server.accepts = "another"
    for _ in range(50):
        assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    assert world.endpoint.calls == 1
    world.endpoint.failure = None
    world.server.accepts = "token-3"
    await world.signed_in(refresh_token="refresh-of-another-sign-in")
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 2


async def test_while_offline_attempts_are_paused_with_jitter_and_go_on_once_the_network_is_back(world: World) -> None:
    """F8: Attempts in a row while offline are paused, with jitter and a cap; the pause ends when the page is `online`.

    Seen in: GlycemicGPT/GlycemicGPT#859
    """
    world.endpoint.failure = OSError("offline")
    await world.signed_in()
    loop = asyncio.get_running_loop()
    pauses = []
    for _ in range(100):
        began = loop.time()
        assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
        pauses.append(loop.time() - began)
    assert pauses[0] == 0
    assert 99 * 0.5 < sum(pauses) <= 100 * 8, "full jitter: 4 s on average once the cap of 8 s is reached"
    assert max(pauses) <= 8.001
    assert len(set(pauses)) > 50
    world.endpoint.failure = None
    world.server.accepts = f"token-{world.endpoint.calls + 2}"
    session = world.api._lifecycle.alive
    assert session is not None
    session.backoff._fraction = lambda: 0.5  # it may be so short that it is none
    call = asyncio.create_task(world.api.fetch(API + "notes"))
    await settle()
    assert not call.done()
    began = loop.time()
    world.api._lifecycle.wake()
    assert (await call).status == 200
    assert loop.time() == began


async def test_a_caller_who_can_not_pause_is_told_how_long_nobody_need(world: World) -> None:
    """F8"""
    backoff = Backoff(clock=world.clock, base=2, cap=3)
    assert backoff.pause == 0
    backoff.failed()
    assert backoff.pause == 2
    world.clock.advance(0.5)
    assert backoff.pause == 1.5
    world.clock.advance(1.5)
    assert backoff.pause == 0
    backoff.failed()
    backoff.failed()
    assert backoff.pause == 3, "the cap"
    backoff.wake()
    assert backoff.pause == 0
    backoff.failed()
    assert backoff.pause == 3
    backoff.succeeded()
    assert backoff.pause == 0


@pytest.mark.parametrize(
    ("drawn", "least", "most"), [(b"\0", 0, 0), (b"\xff", 0.999, 1 - 2**-48), (b"\x80", 0.5, 0.51)]
)
def test_a_random_fraction_is_drawn_from_all_between_0_and_1(
    monkeypatch: pytest.MonkeyPatch, drawn: bytes, least: float, most: float
) -> None:
    """F8: full jitter."""
    monkeypatch.setattr("os.urandom", lambda count: drawn * count)
    assert least <= random_fraction() <= most


async def test_a_token_that_has_expired_is_not_sent_though_the_clock_is_set_back(world: World) -> None:
    """T9"""
    world.server.accepts = "token-1"
    world.endpoint.failure = OSError("down")
    await world.signed_in()
    world.clock.advance(301)
    for _ in range(2):
        assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
        world.clock.advance(-200)
    assert world.server.requests == []


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (TimeoutError("a stranger's words"), "did not answer within the deadline"),
        (MalformedToken("no access token in it"), "no access token in it"),
        (OSError("a stranger's words"), "OSError"),
    ],
    ids=repr,
)
async def test_a_failed_refresh_says_what_failed_and_quotes_no_stranger(
    world: World, cause: Exception, words: str
) -> None:
    """F1, X7"""
    world.endpoint.failure = cause
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert words in str(error)
    assert "stranger" not in str(error)


async def test_who_asks_before_retry_after_has_passed_is_told_how_long_it_takes(world: World) -> None:
    """F2"""
    over_http(world, Response(429, {"Retry-After": "60"}))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    world.clock.advance(20)
    error = await outcome(world.api.fetch(API + "notes"))
    assert error.retry_after == 40
    assert "40 s" in str(error)


async def test_a_stale_token_is_sent_at_once_and_renewed_behind(world: World) -> None:
    """Invariant 7."""
    world.server.accepts = "token-1"
    world.endpoint.gate = Gate()
    await world.signed_in()
    world.clock.advance(280)
    assert (await world.api.fetch(API + "notes")).status == 200
    await world.endpoint.gate.reached()
    assert world.api.state is State.REFRESHING
    world.endpoint.gate.open()
    await settle()
    assert world.api.expires_in == 300
    assert world.endpoint.calls == 1


async def test_a_proactive_refresh_that_is_refused_leaves_the_token_in_use_until_it_expires(world: World) -> None:
    """F9: A token whose early refresh was refused is used until it really expires.

    Seen in: Supabase's auth-js
    """
    world.server.accepts = "token-1"
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    world.clock.advance(280)
    for _ in range(3):
        assert (await world.api.fetch(API + "notes")).status == 200
        await settle()
    assert world.api.state is State.SIGNED_IN
    world.clock.advance(21)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    assert world.endpoint.calls == 1


async def test_renew_that_is_refused_says_so_and_keeps_a_working_token(world: World) -> None:
    """F9"""
    world.server.accepts = "token-1"
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    with pytest.raises(GrantRefused):
        await world.api.renew()
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_renew_that_is_refused_after_the_token_expired_ends_the_session(world: World) -> None:
    """F9: the token is of no use any more."""
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    world.clock.advance(301)
    assert isinstance(await outcome(world.api.renew()), SessionEnded)
    assert world.api.state is State.SIGNED_OUT


async def test_an_unavailable_endpoint_leaves_a_stale_token_in_use_and_an_expired_one_not(world: World) -> None:
    """Invariant 7."""
    world.server.accepts = "token-1"
    world.endpoint.failure = OSError("down")
    await world.signed_in()
    world.clock.advance(280)
    assert (await world.api.fetch(API + "notes")).status == 200
    await settle()
    assert (await world.api.fetch(API + "notes")).status == 200
    world.clock.advance(21)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
    assert world.server.tokens == ["token-1"] * 2


async def test_the_end_of_a_session_is_told_once(world: World) -> None:
    """F10: The end of a session is told exactly once.

    Seen in: schulydev/Schuly#479
    """
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    await asyncio.gather(*world.fetches(20), return_exceptions=True)
    await asyncio.gather(*world.fetches(20), world.api.renew(), return_exceptions=True)
    await world.api.sign_out()
    await world.api.close()
    assert [e.phase for e in world.events if e.phase in SessionPhase] == [SessionPhase.STARTED, SessionPhase.ENDED]


@pytest.mark.parametrize("status", [503, 429, 403, 401])
async def test_what_the_client_gives_up_it_gives_up_locally(world: World, status: int) -> None:
    """F11: What the client gives up by itself, it gives up locally: the server's sign-out is not called.

    Seen in: geolens-io/geolens#2038
    """
    asked: list[str] = []

    async def transport(request: Request) -> Response:
        asked.append(request.url.removeprefix(API))
        return Response(401) if "notes" in request.url else Response(status)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    await world.signed_in()
    await world.api.close()
    assert asked == ["notes", "auth/refresh"]


async def test_a_403_never_ends_a_session(world: World) -> None:
    """F12: A 403, from the API or to a refresh, never ends the session by itself.

    Seen in: garfiec/Librechat-Mobile#379
    """
    world.server.answer = lambda request: Response(403)
    await world.signed_in("token-2")
    assert (await world.api.fetch(API + "notes")).status == 403
    assert world.endpoint.calls == 0
    assert world.api.state is State.SIGNED_IN
    error = await refreshed_in_vain(world, Response(403, {"Content-Type": "text/html"}, b"<html>proxy</html>"))
    assert (type(error), error.status) == (RefreshUnavailable, 403)


async def test_an_endpoints_own_bug_is_transient_and_its_text_is_not_told(world: World) -> None:
    """X7: the text of a stranger's exception may hold anything."""
    world.endpoint.failure = KeyError("secret-token")
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, RefreshUnavailable)
    assert "secret" not in str(error)


async def test_an_endpoint_that_gives_no_credential_is_told_so(world: World) -> None:
    world.endpoint.answer = lambda n: "token"  # type: ignore[assignment, return-value]

    async def refresh(credential: Credential | None) -> Any:
        return "token"

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error.__cause__, TypeError)


@pytest.mark.parametrize("woken", [False, True])
async def test_the_wall_clock_is_looked_at_on_use_and_on_waking_and_no_timer_ends_a_session(
    world: World, woken: bool
) -> None:
    """T9: The wall clock decides, on use and on waking; a timer alone never ends a session.

    Seen in: auth0/auth0-spa-js#343, fenichelar/ember-simple-auth-token#300
    """
    world.server.accepts = "token-1"
    await world.signed_in()
    await asyncio.sleep(86_400)  # virtual: every timer fires, and the wall clock stands still
    assert (world.api.state, world.api.expires_in) == (State.SIGNED_IN, 300)
    assert (await world.api.fetch(API + "notes")).status == 200
    world.clock.advance(86_400)  # the computer sleeps: time passes, and no timer fires
    world.server.accepts = "token-2"
    if woken:
        world.api._lifecycle.wake()
    assert (world.api.state, world.api.expires_in) == (State.SIGNED_IN, 0)
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.server.tokens == ["token-1", "token-2"], "the dead token was not sent"
    assert world.endpoint.calls == 1


async def test_a_refresh_that_slept_with_the_computer_ends_by_its_deadline_and_the_session_stays(world: World) -> None:
    """T9"""
    world.endpoint.gate = Gate()
    await world.signed_in()
    asleep = world.fetches(1)[0]
    await world.endpoint.gate.reached()
    world.clock.advance(86_400)
    assert isinstance(await outcome(asleep), RefreshUnavailable)
    assert world.api.state is State.SIGNED_IN
    world.endpoint.gate.open()
    world.server.accepts = "token-3"
    world.api._lifecycle.wake()
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_an_answer_that_comes_while_the_page_is_frozen_is_read_although_the_deadline_has_passed(
    world: World,
) -> None:
    """T5, T9: else the refresh token in it is lost, and the one that is spent would be presented again."""
    loop, page = asyncio.get_running_loop(), copy_context()
    assert isinstance(loop, VirtualTimeLoop)
    page.run(PAGE.set, "page")
    gate = world.endpoint.gate = Gate()
    await world.signed_in(expires_in=1)
    world.clock.advance(2)
    request = loop.create_task(world.api.fetch(API + "notes"), context=page)
    await gate.reached()
    loop.freeze("page")
    await asyncio.sleep(3600)  # virtual
    gate.open()
    loop.thaw("page")
    assert (await request).status == 200
    assert world.endpoint.calls == 1


async def test_a_leeway_longer_than_the_life_refreshes_once_a_life_and_no_more(world: World) -> None:
    """T11: The leeway is at most a fraction of the token's life, so a short life is no endless refresh.

    Seen in: googleapis/google-auth-library-python#581
    """
    world.server.accepts = "token-1"
    await world.signed_in(expires_in=20)
    world.clock.advance(14)
    await world.api.fetch(API + "notes")
    assert world.endpoint.calls == 0
    world.clock.advance(2)
    await world.api.fetch(API + "notes")
    await settle()
    assert world.endpoint.calls == 1


@pytest.mark.parametrize("skew", [-86_400, 86_400])
async def test_life_is_counted_from_receipt_whatever_the_servers_clock_says(world: World, skew: float) -> None:
    """T12"""
    issued = int(world.clock() + skew)
    token = jwt.encode({"iat": issued, "exp": issued + 60}, KEY, "HS256")
    world.server.accepts = token
    await world.api.adopt(token)
    assert world.api.expires_in == 60
    world.clock.advance(40)
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 0


async def test_a_token_that_is_dead_on_arrival_by_our_clock_is_used_until_a_401(world: World) -> None:
    """T12: with `exp` alone, it is our clock that we doubt."""
    token = jwt.encode({"exp": int(world.clock() - 5)}, KEY, "HS256")
    world.server.accepts = token
    await world.api.adopt(token)
    assert world.api.expires_in is None
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_new_token_with_no_life_at_all_is_used_once(world: World) -> None:
    """T12"""
    world.endpoint.answer = lambda n: Credential(access_token="token-2", expires_in=0)
    await world.signed_in()
    assert {r.status for r in await asyncio.gather(*world.fetches(10))} == {200}
    assert world.endpoint.calls == 1


@pytest.mark.parametrize("skew", [-86_400, 0, 86_400])
@pytest.mark.parametrize("told_by", ["expires_in", "exp - iat", "exp"])
async def test_life_counts_from_receipt_a_fresh_token_is_used_at_least_once_and_a_401_decides(
    world: World, skew: float, told_by: str
) -> None:
    """T12: A token's life is counted from its receipt, a fresh one is used at least once, and a 401 decides.

    Seen in: workos/authkit-nextjs#470, koala73/worldmonitor#5932
    """

    def token(number: int) -> str:
        issued = int(world.clock() + skew)
        claims = {"iat": issued, "exp": issued + 60, "jti": str(number)}
        if told_by == "exp":
            del claims["iat"]
        return jwt.encode(claims, KEY, "HS256") if told_by != "expires_in" else f"token-{number}"

    granted = [token(1), token(2)]
    life = 60 if told_by == "expires_in" else None
    world.endpoint.answer = lambda n: Credential(access_token=granted[-1], expires_in=life)
    world.server.accepts = granted[0]
    await world.api.adopt(granted[0], expires_in=life)
    counted = {"exp": None if skew < 0 else 60 + skew}.get(told_by, 60)
    assert world.api.expires_in == counted, "with `exp` alone there is only our clock, and what it calls dead is used"
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 0
    world.server.accepts = granted[1]
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 1


async def test_refresh_events_tell_what_became_of_it(world: World) -> None:
    over_http(world, Response(429, {"Retry-After": "5"}))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    told = [(e.phase, e.retry_after) for e in world.events if e.phase in RefreshPhase]  # type: ignore[union-attr]
    assert told == [(RefreshPhase.STARTED, None), (RefreshPhase.UNAVAILABLE, 5)]


async def test_a_strangers_network_error_is_not_quoted(world: World) -> None:
    """X7"""
    world.endpoint.failure = OSError("https://api.test/?refresh_token=s3cr3t")
    await world.signed_in()
    assert "s3cr3t" not in str(await outcome(world.api.fetch(API + "notes")))


async def test_a_renewal_whose_endpoint_cancels_itself_has_not_succeeded(world: World) -> None:
    """Q12, F1"""
    world.endpoint.failure = asyncio.CancelledError()
    await world.signed_in()
    assert isinstance(await outcome(world.api.renew()), RefreshUnavailable)
    told = [(event.phase, event.error) for event in world.events if isinstance(event, RefreshEvent)]
    assert told == [(RefreshPhase.STARTED, None), (RefreshPhase.UNAVAILABLE, "CancelledError")]


async def test_a_refusal_raised_many_times_does_not_grow(world: World) -> None:
    world.endpoint.failure = GrantRefused("invalid_grant", "gone", status=400)
    await world.signed_in()
    errors = [await outcome(world.api.renew()) for _ in range(3)]
    assert len({id(error) for error in errors}) == 3
    assert {(e.error, e.description, e.status) for e in errors} == {("invalid_grant", "gone", 400)}
