"""The client of the API that all cards use, and what a failed request means in words."""

from typing import Any

import reissue
from js import document
from pyscript import config
from reissue import NetworkError, RefreshUnavailable, ReissueError, SessionChanged, SessionEnded

from demo.words import say

DEADLINE = 6  # seconds that the page waits for a refresh

meta = document.querySelector('meta[name="reissue-api"]')
# Where /api/, /auth/ and /dev/ are: beside this page, unless the page or pyscript.toml says otherwise.
home = (meta and meta.content) or config.get("reissue", {}).get("api", "")
if home and not home.endswith("/"):
    home += "/"
endpoint = reissue.Endpoint(f"{home}auth", credentials="include" if home else "same-origin")
api = reissue.connect(f"{home}api/", endpoint=endpoint, deadline=DEADLINE)

session = 0  # the number of the last session that started


class UnexpectedAnswer(Exception):
    """A response with a status other than success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


FAILURES = (ReissueError, UnexpectedAnswer)


async def ask(url: str, **options: Any) -> Any:
    """The JSON of the server's answer; None for a 204."""
    # The controls of the development server are outside the audience, and need no token.
    response = await api.fetch(f"{home}{url}", auth=url.startswith("api/"), **options)
    if not response.ok:
        raise UnexpectedAnswer(response.status)
    return None if response.status == 204 else await response.json()


def in_words(error: Exception) -> str:
    """What a failed request means for the user; empty where the sign-in form says it already."""
    match error:
        case SessionEnded():
            return ""
        case SessionChanged():
            return say("failure.changed")
        case RefreshUnavailable():
            if isinstance(error.__cause__, OSError):
                return say("failure.offline")
            if error.retry_after:
                return say("failure.unavailable.in", seconds=f"{error.retry_after:.0f}")
            return say("failure.unavailable")
        case NetworkError():
            return say("failure.offline")
        case UnexpectedAnswer():
            return say("failure.status", status=error.status)
    raise error
