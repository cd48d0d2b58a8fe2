"""The experiments below 'When others interfere': the network, a second tab, a thief."""

from collections.abc import Callable
from contextlib import suppress

import js
from pyodide.ffi import create_proxy
from pyscript import when
from reissue import GrantRefused, ReissueError

from demo.client import FAILURES, api, ask
from demo.lab import FEW, Counted, experiment, plan_fault, send_at_once
from demo.page import start, tell
from demo.words import many, say

second_tab = js.BroadcastChannel.new("reissue-demo")  # on it, the second tab says that it is there
opened_tab: Counted | None = None
told_by = "tab"  # whose message tells of the second tab
when_there: Callable[[], None] | None = None


@when("click", "#cut")
async def cut_network() -> None:
    async with experiment("cut", running="cut") as counted:
        if counted is None:
            return
        for path in ("/api/", "/auth/"):
            await plan_fault(counted.sid, path=path, kind="drop", times=1000)
        try:
            first = await send_at_once(FEW)
        finally:
            await ask(f"dev/faults?sid={counted.sid}", method="DELETE")
        second = await send_at_once(FEW)
        figures = await counted.in_words()
        done = say("cut.done", failed=len(first.failures), count=FEW, answered=second.answered, counted=figures)
        tell("cut-message", done, "bad" if second.failures else "good")


async def count_for_tab(name: str, there: Callable[[], None] | None = None) -> None:
    """Begin to count; the link itself opens the tab. Once it is there, `there` is called."""
    global opened_tab, told_by, when_there
    told_by, when_there = name, there
    tell(f"{name}-message", "")
    opened_tab = await Counted().begin()


@when("click", "#tab")
async def open_tab() -> None:
    await count_for_tab("tab")


async def tell_of_tab(sid: str) -> None:
    if opened_tab is not None and opened_tab.sid == sid and (figures := await opened_tab.figures()) is not None:
        refreshes = many("refreshes", figures["refreshes_asked"])
        tell(f"{told_by}-message", say("tab.done", refreshes=refreshes), "good")
        if when_there:
            when_there()


def tell_opener() -> None:
    """Called in the second tab."""
    second_tab.postMessage(api.claims.get("sid"))


second_tab.onmessage = create_proxy(lambda message: start(tell_of_tab(message.data)))


@when("click", "#steal")
async def steal() -> None:
    async with experiment("steal", running="steal", ends=True) as counted:
        if counted is None:
            return
        loot = await ask("dev/steal", method="POST", json={"sid": counted.sid})
        with suppress(GrantRefused, ReissueError):
            await api.renew()  # with the refresh token that the thief has used before
        with suppress(*FAILURES):
            await ask("api/me")
        again = await ask("dev/steal", method="POST", json={"sid": counted.sid})
        figures = await counted.figures() or {}
        done = say(
            "steal.done",
            seconds=loot.get("expires_in", 0),
            reuses=many("reuses", figures.get("reuse_detections", 0)),
            thief=say("steal.refused" if "error" in again else "steal.granted"),
        )
        tell("steal-message", done)
