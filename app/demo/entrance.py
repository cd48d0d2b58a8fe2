"""The card with the sign-in form."""

from pyscript import when
from reissue import GrantRefused, RefreshUnavailable, ReissueError, SessionEnded

from demo.client import api
from demo.page import busy, by_id, show, tell
from demo.words import say, words


def leave() -> None:
    """Hide the form, and clear its messages and the password."""
    tell("sign-in-message", "")
    tell("entrance-reason", "")
    by_id("password").value = ""
    show("entrance", False)


def come_back(reason: str) -> None:
    """Show the form again, with the reason."""
    show("entrance")
    tell("entrance-reason", words.get(f"entrance.{reason}", ""))


@when("submit", "#sign-in")
async def sign_in() -> None:
    with busy("sign-in-button") as free:
        if not free:
            return
        tell("sign-in-message", "")
        try:
            await api.sign_in(username=by_id("username").value, password=by_id("password").value)
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
