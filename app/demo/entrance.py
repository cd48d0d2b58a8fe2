"""The first thing a visitor sees: one button that signs Ada in, and behind a disclosure the form for anyone else."""

from pyscript import when
from reissue import GrantRefused, RefreshUnavailable, ReissueError, SessionEnded

from demo.client import api
from demo.page import busy, by_id, show, tell
from demo.words import say, words

ADA = ("ada", "lovelace")  # as the server publishes it


def leave() -> None:
    """Hide the button and the form, and clear their messages and the password."""
    tell("sign-in-message", "")
    tell("entrance-reason", "")
    by_id("password").value = ""
    show("entrance", False)


def come_back(reason: str) -> None:
    """Show them again, with the reason."""
    show("entrance")
    tell("entrance-reason", words.get(f"entrance.{reason}", ""))


@when("click", "#sign-in-as-ada")
async def sign_in_as_ada() -> None:
    await sign_in("sign-in-as-ada", *ADA)


@when("submit", "#sign-in")
async def sign_in_by_form() -> None:
    await sign_in("sign-in-button", by_id("username").value, by_id("password").value)


async def sign_in(button: str, username: str, password: str) -> None:
    """Sign in; what goes wrong is told between the button and the form."""
    with busy(button) as free:
        if not free:
            return
        tell("sign-in-message", "")
        try:
            await api.sign_in(username=username, password=password)
        except GrantRefused:
            tell("sign-in-message", say("entrance.wrong"), "bad")
            by_id("password").focus()
        except RefreshUnavailable as error:
            tell("sign-in-message", say("entrance.unavailable", status=error.status), "bad")
        except SessionEnded:
            pass  # signed out before the answer came
        except OSError:
            tell("sign-in-message", say("entrance.offline"), "bad")
        except ReissueError:
            tell("sign-in-message", say("entrance.nonsense"), "bad")
