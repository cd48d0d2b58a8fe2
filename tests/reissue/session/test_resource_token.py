"""What becomes of a session whose refresh token is used for another API's token: see `exchange`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from reissue import Credential, GrantRefused, RefreshEvent, RefreshPhase, SessionChanged, SessionEnded, State
from reissue.errors import EndReason
from reissue.oauth2.token_source import Exchange
from reissue.session.resource_token import exchange
from reissue.session.session import Session
from reissue.tabs.pending_sign_out import Mark
from reissue.testing import Clock, Gate, settle

from tests.reissue.conftest import outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server, Shelf, Tab
from tests.reissue.pages import Pages

FRESH = Credential(access_token="of-files", refresh_token="rotated", expires_in=300)


def a_token_of(user: str) -> str:
    return jwt.encode({"sub": user}, "a key that is long enough for HS256", algorithm="HS256")


class Endpoint:
    """Gives these answers in turn, or raises them; `meanwhile` something else happens."""

    def __init__(self, *answers: Any, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.answers = list(answers)
        self.meanwhile = meanwhile
        self.asked: list[Credential] = []

    async def __call__(self, wanted: Exchange, *, on_late_result: object) -> Credential:
        self.asked.append(wanted.credential)
        self.meanwhile()
        await settle()
        answer: Any = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        credential: Credential = answer
        return credential


def session_of(tab: Tab) -> Session:
    session = tab.api._lifecycle.alive
    assert session is not None
    return session


async def opened(
    mode: str = TOKENS, tabs: int = 1, *, opaque: bool = False, **options: Any
) -> tuple[Origin, list[Tab]]:
    origin = Origin(Server(mode, opaque=opaque), Clock(), Pages())
    return origin, await origin.signed_in(tabs, **options)


async def test_nothing_is_asked_for_in_a_session_that_is_over() -> None:
    """S1"""
    _, (tab,) = await opened()
    session, endpoint = session_of(tab), Endpoint(FRESH)
    session.end("signed_out")
    with pytest.raises(SessionEnded):
        await exchange(session, endpoint, {})
    assert endpoint.asked == []


async def test_an_answer_that_comes_after_the_end_starts_nothing() -> None:
    """S1, S3: though it is another user's."""
    _, (tab,) = await opened()
    session = session_of(tab)
    answer = Credential(access_token=a_token_of("grace"), expires_in=300)
    with pytest.raises(SessionEnded):
        await exchange(session, Endpoint(answer, meanwhile=lambda: session.end("signed_out")), {})
    await settle()
    assert not [event for event in tab.events if isinstance(event, RefreshEvent)]


async def test_a_refusal_of_the_refresh_token_is_remembered_whole() -> None:
    """F7"""

    async def refuse(credential: Credential | None) -> Credential:
        raise GrantRefused("invalid_grant", "it was revoked", status=400)

    _, (tab,) = await opened(endpoint=refuse)
    with pytest.raises(GrantRefused):
        await tab.api.renew()
    endpoint = Endpoint(FRESH)
    with pytest.raises(GrantRefused) as refused:
        await exchange(session_of(tab), endpoint, {})
    told = refused.value
    assert (told.error, told.description, told.status) == ("invalid_grant", "it was revoked", 400)
    assert endpoint.asked == []


async def test_a_refusal_of_the_resource_says_nothing_of_the_refresh_token() -> None:
    """F9"""
    origin, (tab,) = await opened()
    with pytest.raises(GrantRefused, match="invalid_target"):
        await exchange(session_of(tab), Endpoint(GrantRefused("invalid_target")), {})
    await tab.api.renew()
    assert origin.server.asked == 1


@pytest.mark.parametrize(
    "error",
    ["invalid_target", "invalid_scope", "access_denied", "consent_required", "interaction_required", "invalid_request"],
)
async def test_a_refusal_of_what_was_asked_for_leaves_the_refresh_token_in_use(error: str) -> None:
    """F13, F9: the session's own refresh is the one to tell."""
    origin, (tab,) = await opened()
    with pytest.raises(GrantRefused, match=error):
        await exchange(session_of(tab), Endpoint(GrantRefused(error, status=400)), {})
    assert session_of(tab).holding.refusal is None
    await tab.api.renew()
    assert origin.server.asked == 1


@pytest.mark.parametrize(
    "error",
    ["invalid_grant", "bad_refresh_token", "refresh_token_not_found", "not_authorized_exception", "strange"],
)
async def test_a_refresh_token_that_is_refused_in_other_words_is_refused_as_well(error: str) -> None:
    """F13, F7: nobody asks again, neither for the other API nor for the session's own."""
    origin, (tab,) = await opened()
    endpoint = Endpoint(GrantRefused(error, status=400))
    for _ in range(2):
        with pytest.raises(GrantRefused, match=error):
            await exchange(session_of(tab), endpoint, {})
    assert session_of(tab).holding.refusal is not None
    with pytest.raises(GrantRefused, match=error):
        await tab.api.renew()
    assert (len(endpoint.asked), origin.server.asked) == (1, 0)


async def test_whoever_is_refused_looks_again_for_what_another_page_was_granted() -> None:
    """T3: it stands in their store, and the message is lost."""
    origin, (tab, other) = await opened(tabs=2, store=Shelf())
    newer = Credential(access_token=a_token_of("ada"), refresh_token="newer", expires_in=300).received(0)

    def grant() -> None:
        if len(endpoint.asked) == 1:
            origin.pages.channel_works = False
            session_of(other).shared.hand_over(newer, begins=False)

    endpoint = Endpoint(GrantRefused("invalid_grant"), FRESH, meanwhile=grant)
    assert (await exchange(session_of(tab), endpoint, {})).access_token == "of-files"
    assert [credential.refresh_token for credential in endpoint.asked] == ["refresh-1", "newer"]
    assert session_of(tab).holding.with_latest_refresh_token.refresh_token == "rotated"


async def test_an_opaque_token_is_not_believed_while_the_cookie_is_in_doubt() -> None:
    """S3"""
    _, (tab,) = await opened(COOKIE, opaque=True)
    session = session_of(tab)
    assert (await exchange(session, Endpoint(Credential(access_token="opaque-a")), {})).access_token == "opaque-a"
    session.holding.doubt_cookie()
    with pytest.raises(SessionChanged):
        await exchange(session, Endpoint(Credential(access_token="opaque-b")), {})


async def test_a_cookie_that_was_another_users_once_is_in_doubt() -> None:
    """S3: the token for the other API says so; the one for this does not tell any more."""
    origin, (tab,) = await opened(COOKIE)
    origin.server.opaque = True
    with pytest.raises(SessionChanged):
        await exchange(session_of(tab), Endpoint(Credential(access_token=a_token_of("grace"))), {})
    await asyncio.sleep(1)
    assert tab.ends() == ["replaced"]


async def test_another_word_for_the_user_in_a_token_for_another_api_ends_nothing() -> None:
    """S6: though no token says for which resource it is. A cookie is asked once more whose it is."""
    fresh = Credential(access_token=a_token_of("ada at files"), refresh_token="rotated")
    _, (tab,) = await opened()
    session = session_of(tab)
    assert (await exchange(session, Endpoint(fresh), {})).access_token == fresh.access_token
    assert session.holding.with_latest_refresh_token.refresh_token == "rotated"
    assert tab.ends() == []

    _, (tab,) = await opened(COOKIE)
    by_cookie = Credential(access_token=a_token_of("ada at files"))
    assert await exchange(session_of(tab), Endpoint(by_cookie, by_cookie), {}) == by_cookie
    phases = [event.phase for event in tab.events if isinstance(event, RefreshEvent)]
    assert (tab.ends(), phases) == ([], [RefreshPhase.STARTED, RefreshPhase.SUCCEEDED])


async def test_a_cookie_that_is_another_users_for_one_exchange_gives_no_token_for_another_api() -> None:
    """S3, S6: the refresh that looks whose cookie it is finds this session's user again, so a second exchange decides.

    Found by simulation: another user signed in, and this one again, while the refresh waited.
    """
    _, (tab,) = await opened(COOKIE)
    session = session_of(tab)
    anothers, own = (Credential(access_token=a_token_of(f"{user} at files")) for user in ("grace", "ada"))
    endpoint = Endpoint(anothers, own)
    with pytest.raises(SessionChanged):
        await exchange(session, endpoint, {})
    assert (len(endpoint.asked), tab.ends()) == (2, [])
    await session.renew()  # ends the doubt about the cookie
    assert await exchange(session, Endpoint(own, own), {}) == own


@pytest.mark.parametrize("user", ["ada", "grace"])
async def test_a_cookie_in_doubt_is_asked_whose_it_is_and_a_request_to_another_api_is_not_lost_for_it(
    user: str,
) -> None:
    """S3, S6: the token for the other API can't tell, since it names users by no claim that is known.

    Found by simulation: where the cookie was this user's all along, the request raised SessionChanged.
    """
    origin, (tab,) = await opened(COOKIE)
    session = session_of(tab)
    session.holding.doubt_cookie()
    origin.server.user = user  # whose cookie it is by now
    opaque = Credential(access_token="of-files")
    endpoint = Endpoint(opaque, opaque)
    if user == "ada":
        assert await exchange(session, endpoint, {}) == opaque
        assert (len(endpoint.asked), tab.ends()) == (2, [])
    else:
        with pytest.raises(SessionChanged):
            await exchange(session, endpoint, {})
        assert (len(endpoint.asked), tab.ends()) == (1, ["replaced"])


async def test_a_cookie_in_doubt_is_asked_whose_it_is_though_a_refresh_token_comes_along() -> None:
    """S3: the browser's cookie was presented, whatever the answer's body holds. Found in review."""
    origin, (tab,) = await opened(COOKIE)
    session = session_of(tab)
    session.holding.doubt_cookie()
    origin.server.user = "grace"
    endpoint = Endpoint(Credential(access_token="of-files", refresh_token="R1"))
    with pytest.raises(SessionChanged):
        await exchange(session, endpoint, {})
    assert tab.ends() == ["replaced"]


@pytest.mark.parametrize(
    "tokens", [("opaque-ada", "opaque-grace"), (a_token_of("grace at files"),) * 2], ids=["opaque", "of one user"]
)
async def test_a_cookie_that_stays_in_doubt_gives_no_token_for_another_api(tokens: tuple[str, str]) -> None:
    """S3: another tab's refresh came in place of this one's, and said nothing of the cookie. Found in review.

    Two tokens of one user prove nothing if the first came by a cookie in doubt as well. Found by simulation.
    """
    _, (tab, other) = await opened(COOKIE, tabs=2)
    session = session_of(tab)
    session.holding.doubt_cookie()
    renewing: list[asyncio.Task[None]] = []

    def meanwhile() -> None:
        if not renewing:
            renewing.append(asyncio.create_task(other.api.renew()))

    endpoint = Endpoint(*(Credential(access_token=token) for token in tokens), meanwhile=meanwhile)
    with pytest.raises(SessionChanged):
        await exchange(session, endpoint, {})
    await renewing[0]


async def test_a_sign_out_that_the_endpoint_has_not_heard_of_puts_the_cookie_in_doubt_once() -> None:
    """S3: a refresh ends the doubt, and the same sign-out does not raise it again. Found by simulation."""
    pending_sign_out = Shelf()
    origin, (tab,) = await opened(COOKIE, pending_sign_out=pending_sign_out)
    origin.clock.advance(1)
    pending_sign_out.text = str(Mark(int(origin.clock() * 1000)))  # of a tab whose message was lost
    endpoint = Endpoint(*(Credential(access_token=a_token_of("ada of files"), expires_in=300) for _ in range(2)))
    assert (await exchange(session_of(tab), endpoint, {})).access_token == a_token_of("ada of files")
    assert (origin.server.asked, endpoint.answers) == (1, [])
    origin.clock.advance(1)
    pending_sign_out.text = str(Mark(int(origin.clock() * 1000)))  # another one
    origin.server.opaque = True
    with pytest.raises(GrantRefused):
        await exchange(session_of(tab), Endpoint(Credential(access_token="of-files", expires_in=300)), {})


async def test_a_later_session_that_is_over_puts_the_cookie_in_doubt_once() -> None:
    """S3: a sign-out by a clock that was put back since is later than every session that began after it.

    A token for the other API was never had. Found by simulation.
    """
    origin, (tab,) = await opened(COOKIE)
    await tab.api.sign_out()
    origin.clock.advance(-3600)
    await origin.sign_in(origin.open(), "ada")
    await settle()
    assert tab.api.state is State.SIGNED_IN
    endpoint = Endpoint(*(Credential(access_token=a_token_of("ada of files"), expires_in=300) for _ in range(2)))
    assert (await exchange(session_of(tab), endpoint, {})).access_token == a_token_of("ada of files")
    assert endpoint.answers == []


async def test_the_other_apis_credential_holds_no_refresh_token() -> None:
    _, (tab,) = await opened()
    session = session_of(tab)
    before = session.credential
    assert (await exchange(session, Endpoint(FRESH), {})).refresh_token is None
    assert session.holding.with_latest_refresh_token.refresh_token == "rotated"
    assert session.credential is before, "the access token is the same, refused or not"


async def test_what_was_taken_over_meanwhile_is_kept() -> None:
    """T3: it is newer."""
    _, (tab,) = await opened()
    session = session_of(tab)
    newer = Credential(access_token=a_token_of("ada"), refresh_token="newer", expires_in=300).received(0)
    await exchange(session, Endpoint(FRESH, meanwhile=lambda: session.take_over(newer)), {})
    assert session.holding.with_latest_refresh_token is newer


@pytest.mark.parametrize("closed", [False, True])
async def test_a_rotated_refresh_token_goes_to_the_other_pages_of_the_session(closed: bool) -> None:
    """T1: opaque tokens don't say that it is the same user's."""
    _, (tab, other) = await opened(tabs=2, opaque=True)
    session = session_of(tab)
    if closed:
        with pytest.raises(SessionEnded):
            await exchange(session, Endpoint(FRESH, meanwhile=lambda: session.end("closed")), {})
    else:
        await exchange(session, Endpoint(FRESH), {})
    await settle()
    assert session_of(other).holding.with_latest_refresh_token.refresh_token == "rotated"
    assert other.ends() == []


async def test_a_page_that_closes_hands_nothing_over_that_is_older_than_what_another_has() -> None:
    """T3"""
    _, (tab, other) = await opened(tabs=2)
    session = session_of(tab)
    newer = Credential(access_token=a_token_of("ada"), refresh_token="newer", expires_in=300).received(0)

    def close() -> None:
        session.end("closed")
        session_of(other).step_up(newer)

    with pytest.raises(SessionEnded):
        await exchange(session, Endpoint(FRESH, meanwhile=close), {})
    await settle()
    assert session_of(other).holding.with_latest_refresh_token.refresh_token == "newer"


async def test_a_step_up_goes_on_with_the_refresh_token_and_in_every_page() -> None:
    """F5, T1: opaque tokens don't say that it is the same user's."""
    _, (tab, other) = await opened(tabs=2, opaque=True)
    session_of(tab).step_up(Credential(access_token="opaque-strong", expires_in=100))
    await settle()
    assert session_of(tab).credential.refresh_token == "refresh-1"
    assert session_of(other).credential.access_token == "opaque-strong"
    assert (tab.ends(), other.ends()) == ([], [])
    (told,) = [event for event in tab.events if event.phase is RefreshPhase.STEPPED_UP]
    assert told.expires_in == 100


async def test_a_rotated_refresh_token_is_kept_though_its_answer_names_another_user() -> None:
    """The one that was presented is spent, whomever the answer names. By a cookie it may be anybody's."""
    previous, fresh = (Credential(access_token=a_token_of(user), expires_in=300) for user in ("ada", "ada.l"))
    rotated = replace(fresh, refresh_token="rotated")
    _, (tab,) = await opened(opaque=True)
    with pytest.raises(SessionChanged):
        await exchange(session_of(tab), Endpoint(rotated), {}, previous=previous)
    assert session_of(tab).holding.with_latest_refresh_token.refresh_token == "rotated"

    _, (tab,) = await opened(COOKIE, opaque=True)
    with pytest.raises(SessionChanged):
        await exchange(session_of(tab), Endpoint(rotated), {}, previous=previous)
    assert session_of(tab).holding.with_latest_refresh_token.refresh_token is None
    await asyncio.sleep(1)
    assert tab.ends() == ["replaced"], "the refresh that looks whose cookie it is can't tell"


@pytest.mark.parametrize("known_by", ["the session's token", "the token before"])
async def test_a_token_of_the_sessions_user_ends_the_doubt_about_the_cookie(known_by: str) -> None:
    """S3: and a refresh token that comes along is the session's."""
    name = "ada" if known_by == "the session's token" else "ada at files"
    fresh = Credential(access_token=a_token_of(name), refresh_token="rotated", expires_in=300)
    previous = None if name == "ada" else replace(fresh, refresh_token=None)
    origin, (tab,) = await opened(COOKIE)
    session = session_of(tab)
    session.holding.doubt_cookie()
    assert (await exchange(session, Endpoint(fresh), {}, previous=previous)).access_token == fresh.access_token
    assert not session.holding.cookie_in_doubt
    assert session.holding.with_latest_refresh_token.refresh_token == "rotated"
    assert origin.server.asked == 0


async def test_a_refresh_token_that_a_cookie_brings_after_the_sign_out_is_what_the_server_is_told_of() -> None:
    """S1: the call's caller is gone."""
    _, (tab,) = await opened(COOKIE)
    session = session_of(tab)
    fresh = Credential(access_token=a_token_of("ada"), refresh_token="late", expires_in=300)
    late: list[Callable[[Credential], object]] = []

    async def ask(wanted: Exchange, *, on_late_result: Callable[[Credential], object]) -> Credential:
        late.append(on_late_result)
        return replace(fresh, refresh_token=None)

    await exchange(session, ask, {})
    session.end("signed_out")
    late[0](fresh)
    assert session.holding.with_latest_refresh_token.refresh_token == "late"


@pytest.mark.parametrize("reason", ["closed", "signed_out"])
async def test_a_rotated_refresh_token_that_comes_too_late_is_kept_though_its_answer_names_another_user(
    reason: EndReason,
) -> None:
    """The other pages go on with it, and with no token of that user's; or it is what the server is told of."""
    origin, (tab, other) = await opened(tabs=2)
    session, before = session_of(tab), session_of(other).credential
    origin.server.gate = Gate()
    renewing = asyncio.create_task(outcome(tab.api.renew()))
    await origin.server.gate.reached()
    origin.server.user = "ada.l"
    session.end(reason)
    origin.server.gate.open()
    await renewing
    await settle()
    if reason == "closed":
        assert session_of(other).holding.with_latest_refresh_token.refresh_token == "refresh-2"
        assert session_of(other).credential is before
    else:
        assert session.holding.with_latest_refresh_token.refresh_token == "refresh-2"
