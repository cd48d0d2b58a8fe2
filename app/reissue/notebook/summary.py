"""A client at one moment, as a notebook shows it: who is signed in, for how long, and the last requests.

It holds no token and no other secret, and all that comes from outside is escaped: outputs are saved in notebooks, sent
around and published. As plain text it says the same, with times that still mean something when it is read later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from ..http.messages import Request
from ..session.lifecycle import State
from ..tokens.users import CLAIMS
from .recent import RecentRequest

_NAMES: Final = ("name", "preferred_username", "username", "email")
"""The claims that name a user to people (OpenID Connect Core 1.0 section 5.1); the others name one to servers."""

_LONGEST: Final = 120  # characters of a name or a path

_STATES: Final = {
    State.SIGNED_OUT: "no user is signed in",
    State.RESUMING: "looking for a session",
    State.SIGNED_IN: "signed in",
    State.REFRESHING: "signed in, a refresh is running",
}

# `light-dark()` follows the reader's system, or the notebook where that says what it is: JupyterLab, VS Code, marimo.
_STYLE: Final = """
.reissue-client { color-scheme: light dark; max-width: 60rem; padding: .6em .9em; border-radius: 8px;
  border: 1px solid light-dark(#d9dfdc, #303b38); background: light-dark(#fff, #161d1b);
  color: light-dark(#1a2321, #e4ebe8); font: 14px/1.5 system-ui, sans-serif; text-align: start }
[data-jp-theme-light="true"] .reissue-client, .vscode-light .reissue-client, .light .reissue-client {
  color-scheme: light }
[data-jp-theme-light="false"] .reissue-client, .vscode-dark .reissue-client, .dark .reissue-client {
  color-scheme: dark }
.reissue-client p { margin: 0 }
.reissue-client table { margin: .4em 0 0; border-collapse: collapse; font-size: 13px; color: inherit }
.reissue-client table :is(th, td) { padding: 1px 1em 1px 0; border: 0; background: none; text-align: start;
  overflow-wrap: anywhere }
.reissue-client th { font-weight: 600; color: light-dark(#56635f, #a3b0ab) }
.reissue-client .bad { color: light-dark(#a4301c, #ff9a85) }
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """A client at the time `now`. `user` is empty if unknown. `expires_in` is the access token's, in seconds."""

    audience: str
    state: State
    user: str
    expires_in: float | None
    recent: tuple[RecentRequest, ...]
    now: float

    def html(self) -> str:
        """The summary as a piece of HTML with its own style."""
        user = f" as <strong>{_shown(self.user)}</strong>" if self.user else ""
        state = _STATES[self.state].replace("signed in", f"signed in{user}", 1)
        parts = [
            f"<p>reissue client of <code>{_shown(self.audience)}</code></p>",
            f"<p>At {_time(self.now)} UTC: {state}{self._life()}.</p>",
            self._table(),
        ]
        return f'<div class="reissue-client"><style>{_STYLE}</style>{"".join(parts)}</div>'

    def _life(self) -> str:
        if self.expires_in is None:
            return ""
        if not self.expires_in:
            return "; the access token has expired"
        return f"; the access token is valid for {self.expires_in:,.0f} s, until {_time(self.now + self.expires_in)}"

    def _table(self) -> str:
        if not self.recent:
            return "<p>No request has ended yet.</p>"
        rows = "".join(_row(request) for request in reversed(self.recent))
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("Last requests", "", "", "Outcome"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def name_of(*sources: Mapping[str, Any], claim: str | None) -> str:
    """What to call the user, by the claims of an ID token or an access token; empty if they name none.

    `claim` is the one that names the user in this server's tokens, if it is none of the usual ones.
    """
    claims = (*_NAMES, *(CLAIMS if claim is None else (claim,)))
    for source in sources:
        for name in claims:
            value = source.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()
    return ""


def _row(request: RecentRequest) -> str:
    outcome = request.error or "cancelled" if request.status is None else str(request.status)
    bad = request.error is not None or (request.status or 0) >= 400
    url = Request(request.url).shown_url
    cells = (_time(request.at), _shown(request.method), f"<code>{_shown(url)}</code>")
    end = f'<td class="{"bad" if bad else "good"}">{_shown(outcome)}</td>'
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}{end}</tr>"


def _time(seconds: float) -> str:
    """A time of the client's clock, in UTC: the reader may be elsewhere, and it may be another day."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):  # a token that is valid for a million years
        return "a time that no calendar has"


def _shown(text: str) -> str:
    """Text from outside: bounded, without control characters that turn a line around, and escaped."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return escape("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut))
