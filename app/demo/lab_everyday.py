"""The experiments below 'Every day'."""

import asyncio
import time

from pyscript import when
from reissue import GrantRefused

from demo.client import api, ask
from demo.lab import MANY, experiment, plan_fault, revoke_token, send_at_once, tell_what_failed
from demo.page import tell
from demo.words import say

SHORT_LIFE = 2  # seconds: the token that 'Let the token expire' asks for
SLOW = 3  # seconds that a slow refresh takes


async def fire_at_once(name: str) -> bool:
    """Send many requests, by the button of this name. True if all were answered."""
    async with experiment(name, running="fire") as counted:
        if counted is None:
            return False
        tally = await send_at_once(MANY)
        if tally.failures:
            tell_what_failed(name, tally)
            return False
        figures = await counted.in_words()
        key = "answers.all" if figures else "answers.all.uncounted"
        tell(f"{name}-message", say(key, answered=tally.answered, count=MANY, counted=figures), "good")
        return True
    return False


async def expire_token(name: str) -> bool:
    """Get a token with a short life, and wait for its end. True if the token has expired."""
    async with experiment(name, running="expire") as counted:
        if counted is None:
            return False
        await ask("dev/lifetime", method="POST", json={"seconds": SHORT_LIFE, "sid": counted.sid})
        try:
            await api.renew()
        except GrantRefused:
            tell(f"{name}-message", say("expire.ended"), "bad")
            return False
        token = api.claims.get("jti")
        while (left_over := api.expires_in) and api.claims.get("jti") == token:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(left_over)
        tell(f"{name}-message", say("expire.done" if api.expires_in == 0 else "expire.overtaken"))
        return api.expires_in == 0
    return False


async def revoke_early(name: str) -> bool:
    """Let the server reject the token from now on. True if it does."""
    async with experiment(name) as counted:
        if counted is None:
            return False
        await revoke_token(counted.sid)
        tell(f"{name}-message", say("revoke.done"))
        return True
    return False


@when("click", "#fire")
async def fire() -> None:
    await fire_at_once("fire")


@when("click", "#expire")
async def let_it_expire() -> None:
    await expire_token("expire")


@when("click", "#revoke")
async def revoke() -> None:
    await revoke_early("revoke")


@when("click", "#slow")
async def slow_refresh() -> None:
    async with experiment("slow", running="slow") as counted:
        if counted is None:
            return
        await plan_fault(counted.sid, kind="delay", seconds=SLOW)
        await revoke_token(counted.sid)
        began = time.monotonic()
        tally = await send_at_once(MANY)
        if tally.failures:
            tell_what_failed("slow", tally)
            return
        took = f"{time.monotonic() - began:.1f}"
        done = say("slow.done", answered=tally.answered, seconds=took, counted=await counted.in_words())
        tell("slow-message", done, "good")
