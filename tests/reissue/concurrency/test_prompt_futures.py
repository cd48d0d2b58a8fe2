"""`prompt_futures`: who awaits goes on in the turn that settles, and a future of these is otherwise like any."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from reissue.concurrency.admission import Admission
from reissue.concurrency.prompt_futures import Turns
from reissue.testing import settle

Said = list[Any]


@pytest.fixture
def turns() -> Turns:
    return Turns()


async def say(future: "asyncio.Future[Any]", said: Said) -> None:
    said.append(await future)


async def in_a_turn(turns: Turns, action: Callable[[], object], said: Said) -> Said:
    """What has been said when the turn is over. As JavaScript begins one: in no task."""

    def turn() -> None:
        with turns.turn():
            action()
        over.set_result(list(said))

    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turn)
    found: Said = await over
    return found


async def test_who_awaits_goes_on_before_the_turn_is_over(turns: Turns) -> None:
    said: Said = []
    future = turns.future()
    task = asyncio.create_task(say(future, said))
    await settle()
    assert await in_a_turn(turns, lambda: future.set_result("here"), said) == ["here"]
    await task


async def test_who_gets_the_slot_goes_on_before_who_gave_it_back(turns: Turns) -> None:
    """So the next request is on its way before its caller's code does anything with the answer."""
    said: Said = []
    admission = Admission(1, make_future=turns.future)
    answer = turns.future()
    slot = await admission.enter()

    async def answered() -> None:
        said.append(await answer)

    async def next_in_line() -> None:
        await admission.enter()
        said.append("the next")

    tasks = [asyncio.create_task(each()) for each in (answered, next_in_line)]
    await settle()

    def head_is_here() -> None:
        admission.leave(slot)
        answer.set_result("an answer")

    assert await in_a_turn(turns, head_is_here, said) == ["the next", "an answer"]
    await asyncio.gather(*tasks)


async def test_what_one_who_goes_on_settles_is_the_loops(turns: Turns) -> None:
    """He may be suspended where he is, and what he has settled would wait for him."""
    said: Said = []
    first, second = turns.future(), turns.future()

    async def settles() -> None:
        await first
        second.set_result("by the loop")

    tasks = [asyncio.create_task(settles()), asyncio.create_task(say(second, said))]
    await settle()
    assert await in_a_turn(turns, lambda: first.set_result(None), said) == []
    await asyncio.gather(*tasks)
    assert said == ["by the loop"]


async def test_outside_of_a_turn_who_awaits_goes_on_by_the_loop(turns: Turns) -> None:
    said: Said = []
    future = turns.future()
    task = asyncio.create_task(say(future, said))
    await settle()
    future.set_result("here")
    assert said == []
    await task
    assert said == ["here"]


async def test_an_error_is_raised_where_it_is_awaited(turns: Turns) -> None:
    future = turns.future()
    task = asyncio.create_task(say(future, []))
    await settle()
    await in_a_turn(turns, lambda: future.set_exception(OSError("no network")), [])
    with pytest.raises(OSError, match="no network"):
        await task


async def test_who_is_cancelled_goes_on_and_hears_nothing_more(turns: Turns) -> None:
    future = turns.future()
    task = asyncio.create_task(say(future, []))
    await settle()
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert future.cancelled()
    assert future.cancel() is False
    assert turns.future().cancel() is True


async def test_each_has_the_context_that_it_came_with(turns: Turns) -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    said: Said = []
    future = turns.future()

    async def belongs(to: str) -> None:
        whose.set(to)
        await future
        said.append(whose.get())

    tasks = [asyncio.create_task(belongs(to)) for to in ("ada's", "bob's")]
    await settle()
    future.add_done_callback(lambda _: said.append(whose.get()))
    assert await in_a_turn(turns, lambda: future.set_result(None), said) == ["ada's", "bob's", "nobody's"]
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("end", ["settled", "cancelled", "done before"])
async def test_a_callback_has_the_context_that_is_given_with_it(turns: Turns, end: str) -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    given = copy_context()
    given.run(whose.set, "ada's")
    said: Said = []
    future = turns.future()
    if end == "done before":
        future.set_result(None)
    future.add_done_callback(lambda _: said.append(whose.get()), context=given)
    if end == "settled":
        future.set_result(None)
    if end == "cancelled":
        future.cancel()
    await settle()
    assert said == ["ada's"]


async def test_who_asks_when_it_is_done_is_called_by_the_loop(turns: Turns) -> None:
    said: Said = []
    future = turns.future()
    future.set_result("here")
    future.add_done_callback(said.append)
    assert said == []
    await settle()
    assert said == [future]
    assert await future == "here"


async def test_who_takes_his_wish_back_is_not_called(turns: Turns) -> None:
    said: Said = []
    future = turns.future()
    for _ in range(2):
        future.add_done_callback(said.append)
    future.add_done_callback(lambda _: said.append("another's"))
    assert (future.remove_done_callback(said.append), future.remove_done_callback(said.append)) == (2, 0)
    await in_a_turn(turns, lambda: future.set_result(None), said)
    assert said == ["another's"]
    assert future.remove_done_callback(said.append) == 0


async def test_wait_and_wait_for_take_such_a_future(turns: Turns) -> None:
    future = turns.future()
    done, pending = await asyncio.wait([future], timeout=1)
    assert (done, pending) == (set(), {future})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(future, 1)
    assert future.cancelled()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_who_stops_the_program_stops_it_by_the_loop_and_the_turn_goes_on(
    turns: Turns, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: Said = []
    future = turns.future()

    def stop(_: object) -> None:
        raise error

    future.add_done_callback(stop)
    future.add_done_callback(lambda _: said.append("the next"))
    loop = asyncio.get_running_loop()
    soon: list[Any] = []
    call_soon = loop.call_soon

    def caught(callback: Callable[..., Any], *arguments: Any, **options: Any) -> asyncio.Handle:
        if error in arguments:
            soon.append((callback, arguments))
            return call_soon(lambda: None)
        return call_soon(callback, *arguments, **options)

    monkeypatch.setattr(loop, "call_soon", caught)
    assert await in_a_turn(turns, lambda: future.set_result(None), said) == ["the next"]
    ((callback, arguments),) = soon
    with pytest.raises(type(error)):
        callback(*arguments)


async def test_a_callback_that_fails_is_reported_and_the_turn_goes_on(turns: Turns) -> None:
    said: Said = []
    future = turns.future()

    def fail(_: object) -> None:
        raise ValueError("a bug")

    future.add_done_callback(fail)
    future.add_done_callback(lambda _: said.append("the next"))
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    assert await in_a_turn(turns, lambda: future.set_result(None), said) == ["the next"]
    ((message, error),) = [(context["message"], context["exception"]) for context in reported]
    assert (message, str(error)) == ("a callback of a future failed", "a bug")


async def test_a_turn_that_fails_is_over(turns: Turns) -> None:
    with pytest.raises(OSError, match="broken"), turns.turn():
        raise OSError("broken")
    said: Said = []
    future = turns.future()
    task = asyncio.create_task(say(future, said))
    await settle()
    future.set_result("by the loop")
    await task
    assert said == ["by the loop"]
