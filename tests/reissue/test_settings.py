"""A client's settings: which are refused by name, and what counts without them."""

import asyncio
from typing import Any

import pytest
from reissue import Endpoint, Interceptor, RefreshUnavailable
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"transport": None}, TypeError),
        ({"endpoint": "https://api.test/auth"}, TypeError),
        pytest.param({"endpoint": Endpoint("/auth")}, ValueError, id="a relative endpoint outside a page"),
        ({"leeway": -1}, ValueError),
        ({"leeway": "30"}, TypeError),
        ({"deadline": 0}, ValueError),
        ({"deadline": float("inf")}, ValueError),
        ({"deadline": True}, TypeError),
        ({"retry_lost_refresh": -1}, ValueError),
        ({"retry_lost_refresh": None}, TypeError),
        ({"should_renew": 401}, TypeError),
        ({"no_such_option": 1}, TypeError),
    ],
    ids=repr,
)
def test_settings_that_can_not_work_are_refused_by_name(settings: dict[str, Any], error: type[Exception]) -> None:
    async def nothing(argument: Any) -> Any: ...

    whole: dict[str, Any] = {"transport": nothing, "audience": API, "endpoint": nothing, **settings}
    with pytest.raises(error, match=rf"\b{next(iter(settings))}\b"):
        Interceptor(whole.pop("transport"), **whole)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"leeway": "30"}, "a number of seconds, not str"),
        ({"leeway": -1}, "at least 0"),
        ({"deadline": 0}, "above 0"),
        ({"in_flight": "64"}, "a number of requests, not str"),
    ],
    ids=repr,
)
def test_a_number_that_can_not_work_is_told_from_one_that_can(
    world: World, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        world.make(**settings)


@pytest.mark.parametrize("settings", [{"leeway": 0}, {"deadline": 0.5}, {"retry_lost_refresh": 0}], ids=repr)
async def test_settings_at_the_edge_of_what_can_work_are_taken(world: World, settings: dict[str, Any]) -> None:
    world.api = world.make(**settings)
    await world.signed_in("token-2")
    assert (await world.api.fetch(API)).status == 200


async def test_the_defaults_are_a_leeway_of_30_s_a_deadline_of_15_s_and_no_second_try_for_a_lost_answer(
    world: World,
) -> None:
    loop = asyncio.get_running_loop()
    world.server.accepts = "token-1"
    await world.signed_in()
    world.clock.advance(269)
    await world.api.fetch(API)
    await settle()
    assert world.endpoint.calls == 0
    world.clock.advance(1)
    world.endpoint.gate = Gate()
    await world.api.fetch(API)
    began = loop.time()
    assert isinstance(await outcome(world.api.renew()), RefreshUnavailable)
    assert loop.time() - began == 15
    assert world.endpoint.calls == 1
    world.endpoint.gate, world.endpoint.failure = None, OSError("lost")
    world.api._lifecycle.wake()
    assert isinstance(await outcome(world.api.renew()), RefreshUnavailable)
    assert world.endpoint.calls == 2
