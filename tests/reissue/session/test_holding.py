"""What is known about the credential that a session holds."""

from types import SimpleNamespace
from typing import Any

from reissue import Credential
from reissue.session.grant import Grant
from reissue.session.holding import Holding
from reissue.testing import Clock
from reissue.tokens.credentials import Freshness

from tests.reissue.conftest import World


def held(clock: Clock, **fields: Any) -> Holding:
    return Holding(Credential(access_token="token-1", **fields), clock=clock, leeway=30)


def test_a_credential_is_fresh_for_as_long_as_it_says() -> None:
    """T12: until `leeway` seconds before its end."""
    clock = Clock()
    holding = held(clock, expires_in=300)
    assert holding.fresh_for == 270
    clock.advance(269)
    assert (holding.fresh_for, holding.freshness) == (1, Freshness.FRESH)
    clock.advance(1)
    assert (holding.fresh_for, holding.freshness) == (0, Freshness.STALE)


def test_a_credential_was_requested_early_only_if_somebody_says_so() -> None:
    """Q4"""
    holding = held(Clock())
    holding.replace(Credential(access_token="token-2"))
    assert not holding.current.requested_early


def test_each_reason_puts_the_cookie_in_doubt_once_whatever_others_come_in_between() -> None:
    """S3"""
    clock = Clock()
    holding = held(clock)
    versions = SimpleNamespace(overtaken_by=None, pending_sign_out=None)
    shared: Any = SimpleNamespace(lock=SimpleNamespace(check_held=lambda: None), versions=versions)
    settings: Any = SimpleNamespace(clock=clock, grace=0)
    grant = Grant(holding, shared, settings)
    doubted = []
    for reason in (None, "one", "other", "one", "other"):
        versions.overtaken_by = reason
        grant.presented(up_to_date=True)
        doubted.append(holding.cookie_in_doubt)
        holding.cookie_in_doubt = False
    assert doubted == [False, True, True, False, False]


async def test_a_token_that_came_for_an_expired_one_was_not_requested_early(world: World) -> None:
    """Q4: it may be rejected once, as any other, and then the caller gets the 401."""
    api = await world.signed_in()
    world.clock.advance(301)
    session = api._lifecycle.alive
    assert session is not None
    await session.renew(replaces=Credential(access_token="token-0"))
    assert session.holding.is_unproven(session.credential)
    assert not session.holding.current.requested_early
    assert world.endpoint.calls == 1


async def test_a_token_that_came_for_one_that_another_tab_had_used_up_was_not_requested_early(world: World) -> None:
    """Q4, T12"""
    api = await world.signed_in()
    session = api._lifecycle.alive
    assert session is not None

    def answer(number: int) -> Credential:
        if number == 2:
            used_up = Credential(access_token="of-another-tab", refresh_token="refresh-2", expires_in=300)
            session.take_over(used_up.received(world.clock() - 301))
        return Credential(access_token=f"token-{number}", refresh_token=f"refresh-{number}", expires_in=300)

    world.endpoint.answer = answer
    await session.renew(replaces=session.credential)
    assert session.credential.access_token == "token-3"
    assert session.holding.is_unproven(session.credential)
    assert not session.holding.current.requested_early
