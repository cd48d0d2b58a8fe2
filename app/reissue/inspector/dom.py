"""What the panel does with the page: elements, and a scope that undoes what was begun in it."""

from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import create_proxy

from ..browser.interop import listen


class Scope:
    """Listeners, proxies and whatever else must end when a part of the panel does."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], object]] = []

    def at_end(self, end: Callable[[], object]) -> None:
        """Call this in `close`, the last one first."""
        self._ends.append(end)

    def proxy(self, callback: Callable[..., object]) -> Any:
        """The function for JavaScript, until the scope ends."""
        proxy = create_proxy(callback)
        self._ends.append(proxy.destroy)
        return proxy

    def listen(self, target: Any, event: str, callback: Callable[[Any], object], **options: Any) -> None:
        """Call `callback` with each event of this name, until the scope ends."""
        self._ends.append(listen(target, event, callback, **options))

    def observe(self, observer: Any, target: Any) -> None:
        """Let an observer of the page look at an element."""
        observer.observe(target)
        self._ends.append(observer.disconnect)

    def close(self) -> None:
        """Undo all of it."""
        while self._ends:
            self._ends.pop()()


def element(tag: str, *children: Any, **attributes: Any) -> Any:
    """An element: `class_` and `for_` lose their last sign, others have - for _. None leaves an attribute out."""
    made = js.document.createElement(tag)
    for name, value in attributes.items():
        if value is not None:
            made.setAttribute(name.rstrip("_").replace("_", "-"), str(value))
    made.append(*children)
    return made


def matches(query: str) -> bool:
    """Does a media query hold now?"""
    return bool(js.matchMedia(query).matches)
