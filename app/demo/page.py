"""The page's elements: finding, making, showing and writing into them, and buttons that are busy."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from js import document, writeText
from reissue import State

from demo.client import api


def by_id(name: str) -> Any:
    return document.getElementById(name)


def element(tag: str, text: str = "", kind: str = "") -> Any:
    made = document.createElement(tag)
    made.className = kind
    made.textContent = text
    return made


def show(name: str, visible: bool = True) -> None:
    by_id(name).hidden = not visible


def tell(name: str, text: str, kind: str = "") -> None:
    """Show a message in its place; an empty one hides it."""
    place = by_id(name)
    place.className = f"message {kind}"
    place.textContent = text
    place.hidden = not text


def write(name: str, text: str) -> None:
    """Show a text whose links are written `[words](address)`."""
    writeText(by_id(name), text)
    by_id(name).hidden = not text


@contextmanager
def busy(name: str) -> Iterator[bool]:
    """Disable a button while its work runs. False if it is disabled already: a second click starts nothing."""
    button = by_id(name)
    if button.getAttribute("aria-disabled") == "true":
        yield False
        return
    button.setAttribute("aria-disabled", "true")  # not `disabled`: that would take the focus away
    try:
        yield True
    finally:
        if api.state is not State.SIGNED_OUT or not is_in_lab(button):
            button.removeAttribute("aria-disabled")


def is_in_lab(button: Any) -> bool:
    return bool(button.closest("#lab"))


running: set[asyncio.Task[None]] = set()


def start(work: Coroutine[Any, Any, None]) -> None:
    """Run this in the background. The set keeps the task, which the garbage collector could otherwise remove."""
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(running.discard)
