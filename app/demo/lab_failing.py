"""The experiments below 'When the refresh fails'."""

import asyncio
from typing import Any

from pyscript import when

from demo.client import DEADLINE, ask
from demo.lab import FEW, experiment, plan_fault, revoke_token, send_at_once
from demo.page import tell
from demo.words import say


async def fail(name: str, **fault: Any) -> None:
    """A refresh that fails for a while: the requests raise, the session stays, and the next refresh works."""
    async with experiment(name) as counted:
        if counted is None:
            return
        tell(f"{name}-message", say("fail.running"))
        await plan_fault(counted.sid, **fault)
        await revoke_token(counted.sid)
        first = await send_at_once(FEW)
        pause = max(1, first.retry_after)
        again = say("fail.again", failed=len(first.failures), count=FEW, seconds=f"{pause:.0f}")
        tell(f"{name}-message", again, "wait")
        await asyncio.sleep(pause)
        second = await send_at_once(FEW)
        figures = await counted.in_words()
        done = say("fail.done", failed=len(first.failures), count=FEW, answered=second.answered, counted=figures)
        tell(f"{name}-message", done, "bad" if second.failures else "good")


@when("click", "#network")
async def break_connection() -> None:
    await fail("network", kind="drop")


@when("click", "#timeout")
async def take_too_long() -> None:
    # Dropped in the end: a refresh that is granted after the page has given up would spend the refresh token.
    await fail("timeout", kind="drop", seconds=DEADLINE + 2)


@when("click", "#busy")
async def be_busy() -> None:
    await fail("busy", kind="status", status=429, retry_after="3")


@when("click", "#broken")
async def break_down() -> None:
    await fail("broken", kind="status", status=503)


@when("click", "#html")
async def answer_html() -> None:
    await fail("html", kind="html")


@when("click", "#half")
async def answer_half() -> None:
    await fail("half", kind="truncate")


@when("click", "#refuse")
async def refuse() -> None:
    async with experiment("refuse", ends=True) as counted:
        if counted is None:
            return
        await ask("dev/end", method="POST", json={"sid": counted.sid})
        await revoke_token(counted.sid)
        tally = await send_at_once(FEW)
        tell("refuse-message", say("refuse.done", ended=tally.ended, count=FEW, counted=await counted.in_words()))
