"""The demo page: its entry point, and what the cards do together when a session begins and ends.

The code of a card is in `app/demo/`, in the module with the card's name. Everything about tokens is reissue's.
A failure throws away nothing that the user typed, and its message appears beside the control that failed.
"""

import asyncio

import js
import reissue
from demo import account, client, entrance, lab, notes, panel, startup
from demo.page import by_id, show, start
from demo.words import words
from reissue import SessionEvent, SessionPhase


def on_event(event: reissue.Event) -> None:
    if isinstance(event, SessionEvent):
        (entered if event.phase is SessionPhase.STARTED else left)(event)


def entered(event: SessionEvent) -> None:
    """A session has begun: by the form, or resumed after a reload."""
    client.session = event.session
    who = client.api.claims.get("sub", "")
    by_form = not by_id("entrance").hidden
    notes.begin(who)
    account.greet(who)
    lab.clear_messages()
    entrance.leave()
    startup.started()
    js.document.body.classList.add("signed-in")
    show("picture", False)
    for part in ("beside", "inside", "lab"):
        show(part)
    lab.open_lab(True)
    if by_form:
        by_id("account-title").focus()
    start(account.count_down(event.session))
    start(notes.load_notes())


def left(event: SessionEvent) -> None:
    """The session is over: back to the form, with the reason."""
    if event.reason == "replaced":
        return  # another session begins at once
    by_id("note-list").replaceChildren()
    js.document.body.classList.remove("signed-in")
    show("inside", False)
    lab.open_lab(False)
    entrance.come_back(event.reason)
    if not lab.ending:
        by_id("entrance-title").focus()


words.update((await js.pageWords).to_py())  # noqa: F704 - boot.js has fetched them
panel.open_panel()
client.api.on(on_event)
beginning = asyncio.ensure_future(startup.begin())
await asyncio.sleep(0)  # noqa: F704 - PyScript runs this file as the body of a coroutine
# While the server is asked: each of these registers the buttons of its own card.
from demo import lab_everyday, lab_failing, lab_others, story  # noqa: E402, F401

await beginning  # noqa: F704
