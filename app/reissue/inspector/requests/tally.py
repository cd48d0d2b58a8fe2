"""How many requests there are of each kind: each figure is a button that shows these alone."""

from collections.abc import Callable, Mapping
from functools import partial

from ..dom import Scope, element
from .life import Kind


class Tally:
    """The figures. `chosen` is called when another kind has been chosen."""

    def __init__(self, words: Mapping[str, str], *, chosen: Callable[[], object]) -> None:
        self.kind = Kind.ALL
        self._chosen = chosen
        self._shown: dict[Kind, int] = {}
        self._scope = Scope()
        self._figures = {kind: element("b", "0") for kind in Kind}
        self._buttons = {
            kind: element(
                "button",
                element("i", class_=f"dot {kind.value}"),
                f"{words[f'requests.kind.{kind.value}']} ",
                self._figures[kind],
                type="button",
                aria_pressed="false",
            )
            for kind in Kind
        }
        for kind, button in self._buttons.items():
            self._scope.listen(button, "click", partial(self._press, kind))
        self.root = element(
            "div", *self._buttons.values(), class_="tally", role="group", aria_label=words["requests.kind"]
        )
        self.choose(Kind.ALL)

    def show(self, counts: Mapping[Kind, int]) -> None:
        """Show how many there are of each kind."""
        for kind, figure in self._figures.items():
            if self._shown.get(kind) != counts[kind]:
                self._shown[kind] = counts[kind]
                figure.textContent = f"{counts[kind]:,}"

    def choose(self, kind: Kind) -> None:
        """Show requests of this kind."""
        self.kind = kind
        for other, button in self._buttons.items():
            button.setAttribute("aria-pressed", "true" if other is kind else "false")

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _press(self, kind: Kind, _: object) -> None:
        self.choose(Kind.ALL if kind is self.kind else kind)
        self._chosen()
