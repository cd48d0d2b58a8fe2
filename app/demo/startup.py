"""The card that shows how far the start of the page has got, and why it failed."""

import js
from pyscript import when
from reissue import RefreshUnavailable

from demo import lab
from demo.client import api, home
from demo.page import busy, by_id, show
from demo.words import say

NO_API = (404, 405, 501)  # how file hosts answer a POST


async def begin() -> None:
    """Ask the server whether the user is still signed in, and show the cards that fit."""
    show("startup-trouble", False)
    show("startup-stage")
    by_id("startup-stage").textContent = say("startup.stage.5")
    try:
        signed_in = await api.resume()
    except RefreshUnavailable as error:
        by_id("startup").classList.add("failed")
        show("startup-stage", False)
        trouble = "startup.no_api" if error.status in NO_API else "startup.unreachable"
        by_id("startup-title").textContent = say(trouble)
        by_id("startup-reason").textContent = say(f"{trouble}.reason", url=f"{home}auth/refresh", status=error.status)
        by_id("startup-advice").textContent = say(f"{trouble}.advice")
        show("startup-again")
        show("startup-trouble")
        return
    started()
    if not signed_in:
        show("entrance")
        lab.open_lab(False)
    elif js.location.hash == "#second":
        from demo import lab_others

        lab_others.tell_opener()


@when("click", "#startup-again")
async def begin_again() -> None:
    with busy("startup-again") as free:
        if free:
            await begin()


def started() -> None:
    show("startup", False)
