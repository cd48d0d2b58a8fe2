"""The details of the chosen request."""

from collections.abc import Callable, Mapping

from ..dom import Scope, element
from .life import Life
from .wording import duration, outcome, steps


class Details:
    """Shows one request in full, below the timeline. `closed` is called when the user closes it."""

    def __init__(self, words: Mapping[str, str], *, closed: Callable[[], object]) -> None:
        self._words = words
        self._scope = Scope()
        self._shown: tuple[object, ...] | None = None
        self._title = element("h3")
        self._url = element("p", class_="url")
        self._facts = element("dl")
        self._steps = element("tbody")
        close = element("button", "×", type="button", class_="sign", aria_label=words["requests.details.close"])
        self._scope.listen(close, "click", lambda _: closed())
        heads = [element("th", words[f"requests.details.{name}"], scope="col") for name in ("stage", "after", "for")]
        table = element(
            "table",
            element("caption", words["requests.details.steps"], class_="aside"),
            element("thead", element("tr", *heads)),
            self._steps,
        )
        self._known = element(
            "div",
            element("header", self._title, close),
            self._url,
            element("div", self._facts, table, class_="columns"),
        )
        self._none = element("p", words["requests.details.none"], class_="quiet")
        self.root = element("section", self._none, self._known, class_="details")
        self.show(None, 0.0, 0.0)

    @property
    def has_focus(self) -> bool:
        """Is the focus in here?"""
        focused = self.root.getRootNode().activeElement
        return focused is not None and bool(self.root.contains(focused))

    def show(self, life: Life | None, now: float, first: float) -> None:
        """Show this request, or that none is chosen. `first` (s) is where the axis begins."""
        if life is None:
            self._shown = None
            self._known.hidden, self._none.hidden = True, False
            self.root.removeAttribute("aria-label")
            return
        state = (life.number, life.ended_at, len(life.steps), None if life.ended_at is not None else now, first)
        if state == self._shown:
            return
        self._shown = state
        words = self._words
        name = words["requests.details"].format(number=life.number)
        self.root.setAttribute("aria-label", name)
        self._title.textContent = name
        asked_by = f" ({life.destination})" if life.destination else ""
        self._url.textContent = f"{life.method} {life.url}{asked_by}"
        facts = [
            ("outcome", outcome(life, words)),
            ("called", words["requests.at"].format(seconds=f"{life.at - first:.3f}")),
            ("took", duration(life.duration(now))),
        ]
        if not life.replayable:
            facts.append(("body", words["requests.details.once"]))
        self._facts.replaceChildren(
            *(
                element("div", element("dt", words[f"requests.details.{key}"]), element("dd", value))
                for key, value in facts
            )
        )
        self._steps.replaceChildren(
            *(
                element(
                    "tr",
                    element("th", element("i", class_=f"swatch {step.stage.value}"), step.name, scope="row"),
                    element("td", step.after),
                    element("td", step.took),
                )
                for step in steps(life, now, words)
            )
        )
        self._known.hidden, self._none.hidden = False, True

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()
