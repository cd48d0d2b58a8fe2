"""A lock whose place in line is taken before anything is awaited."""

import asyncio

from reissue.concurrency.ordered_lock import OrderedLock, Place
from reissue.testing import settle


async def passes(place: Place, name: str, seen: list[str], gate: asyncio.Event | None = None) -> None:
    async with place:
        seen.append(name)
        if gate is not None:
            await gate.wait()


async def test_the_order_is_that_of_asking_whoever_comes_to_wait_first() -> None:
    line = OrderedLock()
    seen: list[str] = []
    places = {name: line.join() for name in "abc"}
    tasks = [asyncio.create_task(passes(places[name], name, seen)) for name in "cba"]
    await asyncio.gather(*tasks)
    assert seen == ["a", "b", "c"]
    assert len(line) == 0


async def test_nobody_passes_a_place_that_is_not_entered_yet_and_everybody_one_that_is_given_up() -> None:
    line = OrderedLock()
    seen: list[str] = []
    first, second = line.join(), line.join()
    waiting = asyncio.create_task(passes(second, "second", seen))
    await settle()
    assert seen == []
    first.give_up()
    first.give_up()
    await waiting
    assert seen == ["second"]
    assert len(line) == 0


async def test_a_place_that_was_entered_can_not_be_given_up() -> None:
    line, gate = OrderedLock(), asyncio.Event()
    seen: list[str] = []
    first = line.join()
    inside = asyncio.create_task(passes(first, "first", seen, gate))
    await settle()
    first.give_up()
    behind = asyncio.create_task(passes(line.join(), "second", seen))
    await settle()
    assert seen == ["first"]
    gate.set()
    await asyncio.gather(inside, behind)
    first.give_up()
    assert seen == ["first", "second"]


async def test_whoever_is_cancelled_in_line_leaves_it_also_in_the_step_in_which_it_becomes_the_first() -> None:
    line, gate = OrderedLock(), asyncio.Event()
    seen: list[str] = []
    first, second, third, fourth, last = (line.join() for _ in range(5))

    async def passes_and_cancels() -> None:
        async with third:
            pass
        whose_turn_it_is.cancel()

    tasks = [asyncio.create_task(passes(first, "first", seen, gate)), asyncio.create_task(passes_and_cancels())]
    cancelled = asyncio.create_task(passes(second, "second", seen))
    whose_turn_it_is = asyncio.create_task(passes(fourth, "fourth", seen))
    tasks.append(asyncio.create_task(passes(last, "last", seen)))
    await settle()
    cancelled.cancel()
    await settle()
    gate.set()
    await asyncio.gather(*tasks)
    assert seen == ["first", "last"]
    assert cancelled.cancelled()
    assert whose_turn_it_is.cancelled()
    assert len(line) == 0
