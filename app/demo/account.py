"""The card of the user who is signed in: the name, the rest of the token's life, and the button that signs out."""

import asyncio

from pyscript import when
from reissue import RefreshUnavailable, SignOutRefused, State

from demo import client
from demo.client import api
from demo.page import busy, by_id, tell
from demo.words import say


def greet(who: str) -> None:
    """Write the user's name into the title."""
    name = api.claims.get("name") or who or say("account.somebody")
    by_id("account-title").textContent = say("account.title", who=name)


@when("click", "#sign-out")
async def sign_out() -> None:
    with busy("sign-out") as free:
        if not free:
            return
        try:
            await api.sign_out()
        except SignOutRefused as refused:
            tell("entrance-reason", say("entrance.unended", status=refused.status), "bad")
        except (OSError, RefreshUnavailable):
            tell("entrance-reason", say("entrance.untold"), "bad")


async def count_down(number: int) -> None:
    """Show the rest of the token's life while this session lasts."""
    while number == client.session and (left_over := api.expires_in) is not None:
        life = by_id("token-life")
        life.max = max(lifetime(), left_over, 1)
        life.value = left_over
        renewing = api.state is State.REFRESHING
        rest = say("account.left", seconds=f"{-(-left_over // 1):.0f}") if left_over else say("account.expired")
        by_id("token-left").textContent = say("account.renewing") if renewing else rest
        by_id("account").classList.toggle("expired", not left_over)
        await asyncio.sleep(0.2)


def lifetime() -> float:
    """The whole life of the current token, in seconds."""
    return float(api.claims.get("exp", 0)) - float(api.claims.get("iat", 0))
