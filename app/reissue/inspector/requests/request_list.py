"""What a keyboard and a screen reader have in place of the picture: a list of requests, with one chosen.

The list has the focus. Of its options only the chosen one and its neighbours are in the document, numbered among all.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..dom import Scope, element
from .life import Life
from .selection import Selection
from .timeline import Timeline
from .toolbar import Toolbar
from .wording import sentence

PAGE = 10  # requests


class RequestList:
    """The options of `timeline.area.root`, and its keys. `choose` is called with the request that a key leads to."""

    def __init__(
        self,
        timeline: Timeline,
        selection: Selection,
        toolbar: Toolbar,
        words: Mapping[str, str],
        *,
        choose: Callable[[Life | None], object],
    ) -> None:
        self._timeline, self._selection, self._toolbar, self._words = timeline, selection, toolbar, words
        self._choose = choose
        self._options = element("div", class_="aside", role="presentation")
        timeline.area.root.append(self._options)
        self._scope = Scope()
        self._scope.listen(timeline.area.root, "keydown", self._pressed)

    def show(self) -> None:
        """Show the chosen request and its neighbours as options."""
        lives, chosen = self._selection.lives, self._place()
        if chosen is None:
            self._options.replaceChildren()
            self._timeline.area.root.removeAttribute("aria-activedescendant")
            return
        places = range(max(0, chosen - 1), min(len(lives), chosen + 2))
        self._options.replaceChildren(
            *(
                element(
                    "div",
                    sentence(lives[place], self._timeline.viewport.now, self._words),
                    role="option",
                    id=f"request-{lives[place].number}",
                    aria_posinset=place + 1,
                    aria_setsize=len(lives),
                    aria_selected="true" if place == chosen else "false",
                )
                for place in places
            )
        )
        self._timeline.area.root.setAttribute("aria-activedescendant", f"request-{lives[chosen].number}")

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _place(self) -> int | None:
        """The place of the chosen request in the list."""
        number = self._timeline.chosen
        return next((place for place, life in enumerate(self._selection.lives) if life.number == number), None)

    def _pressed(self, event: Any) -> None:
        if event.ctrlKey or event.metaKey or event.altKey:
            return
        key = str(event.key)
        if self._steer(key) or self._move(key):
            event.preventDefault()

    def _steer(self, key: str) -> bool:
        """Do what this key does to the picture; False if it does nothing."""
        match key:
            case "+" | "=":
                self._toolbar.zoom_in()
            case "-" | "_":
                self._toolbar.zoom_out()
            case "f" | "F":
                self._toolbar.toggle_follow()
            case "Escape" if self._timeline.chosen:
                self._choose(None)
            case _:
                return False
        return True

    def _move(self, key: str) -> bool:
        """Do what this key does in the list; False if it does nothing."""
        lives, place = self._selection.lives, self._place()
        if not lives:
            return False
        last = len(lives) - 1
        moves = {
            "ArrowLeft": last if place is None else place - 1,
            "ArrowRight": last if place is None else place + 1,
            "Home": 0,
            "End": last,
            "PageUp": (last if place is None else place) - PAGE,
            "PageDown": (last if place is None else place) + PAGE,
        }
        if key in moves:
            self._choose(lives[max(0, min(last, moves[key]))])
        elif key in ("ArrowUp", "ArrowDown"):
            step = 1 if key == "ArrowDown" else -1
            self._choose(lives[last] if place is None else self._beside(lives[place], step))
        elif key == "Enter" and place is not None:
            life = lives[place]
            self._timeline.viewport.show(life.at, life.at + life.duration(self._timeline.viewport.now), margin=0.5)
            self._toolbar.show_follow()
        else:
            return False
        return True

    def _beside(self, life: Life, step: int) -> Life:
        """The request in the next lane that has one about that time; the same one at the last lane."""
        flow = self._selection.flow
        lane = flow.lane_of[life.number] + step
        while 0 <= lane < len(flow.lanes):
            near = flow.lanes[lane].nearest(life.at)
            if near is not None:
                return near
            lane += step
        return life
