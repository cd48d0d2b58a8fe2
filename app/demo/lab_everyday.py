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


@when("click", "#fire")
async def fire() -> None:
    async with experiment("fire") as counted:
        if counted is None:
            return
        tally = await send_at_once(MANY)
        if tally.failures:
            tell_what_failed("fire", tally)
            return
        figures = await counted.in_words()
        key = "answers.all" if figures else "answers.all.uncounted"
        tell("fire-message", say(key, answered=tally.answered, count=MANY, counted=figures), "good")


@when("click", "#expire")
async def let_it_expire() -> None:
    async with experiment("expire") as counted:
        if counted is None:
            return
        await ask("dev/lifetime", method="POST", json={"seconds": SHORT_LIFE, "sid": counted.sid})
        try:
            await api.renew()
        except GrantRefused:
            tell("expire-message", say("expire.ended"), "bad")
            return
        token = api.claims.get("jti")
        while (left_over := api.expires_in) and api.claims.get("jti") == token:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(left_over)
        tell("expire-message", say("expire.done" if api.expires_in == 0 else "expire.overtaken"))


@when("click", "#revoke")
async def revoke() -> None:
    async with experiment("revoke") as counted:
        if counted is not None:
            await revoke_token(counted.sid)
            tell("revoke-message", say("revoke.done"))


@when("click", "#slow")
async def slow_refresh() -> None:
    async with experiment("slow") as counted:
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
