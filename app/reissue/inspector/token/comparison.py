"""Access token and refresh token side by side: where each is kept, who can read it, and how long it lives."""

from collections.abc import Mapping
from typing import Any

from ...session.snapshot import Snapshot
from ..dom import element
from .wording import length

ROWS = ("for", "life", "kept", "read", "leak")


class Comparison:
    """The table, in `root`."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self.root = element("div", class_="token-compare-box")

    def show(self, snapshot: Snapshot | None) -> None:
        """Show the table, with the session's own figures where there is one."""
        self.root.replaceChildren(_table(snapshot, self._words))

    def tick(self, snapshot: Snapshot | None) -> None:
        """Say anew how long the access token has left."""
        left = self.root.querySelector(".token-left")
        if left and snapshot and snapshot.remaining is not None:
            left.textContent = length(snapshot.remaining, self._words)


def _table(snapshot: Snapshot | None, words: Mapping[str, str]) -> Any:
    place = snapshot.place if snapshot else "memory"
    in_store = place if place in ("memory", "cookie") else "storage"
    in_page = bool(snapshot and snapshot.refresh_token_in_page)
    texts: dict[str, tuple[Any, Any]] = {
        row: (words.get(f"token.compare.{row}.access"), words.get(f"token.compare.{row}.refresh")) for row in ROWS
    }
    texts["life"] = (_life(snapshot, words), words["token.compare.life.refresh"])
    kept = words[f"token.compare.kept.{place}"]
    texts["kept"] = (kept, kept if in_page else words["token.compare.kept.cookie"])
    read = words[f"token.compare.read.{in_store}"]
    texts["read"] = (read, read if in_page else words["token.compare.read.cookie"])
    head = element(
        "tr", element("td"), *(element("th", words[f"token.compare.{name}"], scope="col") for name in _NAMES)
    )
    body = [
        element(
            "tr",
            element("th", words[f"token.compare.{row}"], scope="row"),
            *(
                element("td", text, data_label=words[f"token.compare.{name}"])
                for name, text in zip(_NAMES, pair, strict=True)
            ),
        )
        for row, pair in texts.items()
    ]
    return element(
        "section",
        element("h4", words["token.compare"]),
        element("table", element("thead", head), element("tbody", *body), class_="token-compare"),
        class_="token-section",
    )


_NAMES = ("access", "refresh")


def _life(snapshot: Snapshot | None, words: Mapping[str, str]) -> Any:
    if snapshot is None or snapshot.life is None or snapshot.remaining is None:
        return words["token.compare.life.unknown"]
    before, _, after = (
        words["token.compare.life.access"].format(length=length(snapshot.life, words), left="\0").partition("\0")
    )
    return element("span", before, element("span", length(snapshot.remaining, words), class_="token-left"), after)
