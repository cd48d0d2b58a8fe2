"""The card with the user's notes."""

from typing import Any

from pyscript import when

from demo import client
from demo.client import FAILURES, UnexpectedAnswer, ask, in_words
from demo.page import busy, by_id, element, show, tell
from demo.words import say

drafted_by = ""  # the user whose text is in the input


def begin(who: str) -> None:
    """Forget what another user was writing, and the last message."""
    global drafted_by
    if drafted_by != who:
        by_id("note").value = ""
        drafted_by = who
    tell("notes-message", "")


@when("click", "#load-notes")
async def load_notes() -> None:
    number = client.session
    try:
        notes = await ask("api/notes")
    except FAILURES as error:
        tell("notes-message", in_words(error), "bad")
        show("notes-retry")
        return
    if number != client.session:
        return  # another user has signed in meanwhile
    show("notes-retry", False)
    tell("notes-message", "")
    by_id("note-list").replaceChildren(*map(note_item, notes))
    notes_changed()


@when("submit", "#write")
async def save_note() -> None:
    with busy("save") as free:
        text, number = by_id("note").value, client.session
        if not free or not text.strip():
            return
        tell("notes-message", "")
        try:
            note = await ask("api/notes", method="POST", json={"text": text})
        except FAILURES as error:
            tell("notes-message", say("notes.not_saved", reason=in_words(error)), "bad")
            return
        if number != client.session:
            return
        by_id("note-list").append(note_item(note))
        notes_changed()
        if by_id("note").value == text:  # else the user went on writing
            by_id("note").value = ""


@when("click", "#note-list")
async def delete_note(event: Any) -> None:
    button = event.target.closest("button")
    if button is None or button.getAttribute("aria-disabled") == "true":
        return
    button.setAttribute("aria-disabled", "true")
    try:
        await ask(f"api/notes/{button.value}", method="DELETE")
    except FAILURES as error:
        if not isinstance(error, UnexpectedAnswer) or error.status != 404:  # 404: gone already
            button.removeAttribute("aria-disabled")
            tell("notes-message", say("notes.not_deleted", reason=in_words(error)), "bad")
            return
    button.closest("li").remove()
    notes_changed()
    by_id("note").focus()


def note_item(note: dict[str, Any]) -> Any:
    item, button = element("li"), element("button", say("notes.delete"), "small")
    button.type = "button"
    button.value = str(note["id"])
    button.setAttribute("aria-label", say("notes.delete.label", text=note["text"]))
    item.append(element("span", note["text"]), button)
    return item


def notes_changed() -> None:
    show("no-notes", by_id("note-list").childElementCount == 0)
