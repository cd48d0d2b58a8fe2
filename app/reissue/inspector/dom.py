"""What the panel does with the page: elements, and a scope that undoes what was begun in it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import js
from pyodide.ffi import create_proxy

from ..browser.interop import listen


class Scope:
    """Listeners, proxies, tasks and whatever else must end when a part of the panel does."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], object]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def at_end(self, end: Callable[[], object]) -> None:
        """Call `end` when the scope ends. What was added last is called first."""
        self._ends.append(end)

    def proxy(self, callback: Callable[..., object]) -> Any:
        """The callback as a function of JavaScript, until the scope ends."""
        proxy = create_proxy(callback)
        self._ends.append(proxy.destroy)
        return proxy

    def listen(self, target: Any, event: str, callback: Callable[[Any], object], **options: Any) -> None:
        """Call `callback` with each event of this name, until the scope ends."""
        self._ends.append(listen(target, event, callback, **options))

    def button(self, text: str, pressed: Callable[[], object], **attributes: Any) -> Any:
        """A button that calls `pressed`."""
        button = element("button", text, type="button", **attributes)
        self.listen(button, "click", lambda _: pressed())
        return button

    def observe(self, observer: Any, target: Any) -> None:
        """Observe an element with one of the browser's observers, until the scope ends."""
        observer.observe(target)
        self._ends.append(observer.disconnect)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this in a task of its own, which is cancelled if the scope ends first."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()  # an error of ours is reported, not swallowed

    def close(self) -> None:
        """Cancel the tasks, and undo everything else."""
        for task in self._tasks:
            task.cancel()
        while self._ends:
            self._ends.pop()()


def element(tag: str, *children: Any, **attributes: Any) -> Any:
    """An element. Names of attributes lose a final `_`, and have `-` for other `_`; one that is None is left out."""
    made = js.document.createElement(tag)
    for name, value in attributes.items():
        if value is not None:
            made.setAttribute(name.rstrip("_").replace("_", "-"), str(value))
    made.append(*children)
    return made


def matches(query: str) -> bool:
    """Does the page match this media query now?"""
    return bool(js.matchMedia(query).matches)
