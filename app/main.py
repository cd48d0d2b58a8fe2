"""The demo page: what its buttons do, and what its list shows. Everything about tokens is reissue's.

Nothing the user typed is thrown away by a failure, and a failure is told beside the thing that failed.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import reissue
from js import document
from pyscript import when
from reissue import (
    GrantRefused,
    NetworkError,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    ReissueError,
    RequestEvent,
    RequestPhase,
    SessionChanged,
    SessionEnded,
    SessionEvent,
    SessionPhase,
    State,
)

SHOWN = 200  # rows in the list
SHORT_LIFE = 2  # seconds: the token that 'Let the token expire' asks for

api = reissue.connect("api/", endpoint=reissue.Endpoint("auth"))


# --- The page's elements ------------------------------------------------------------------------------------


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
    """Write a message into its place; an empty one leaves."""
    place = by_id(name)
    place.className = f"message {kind}"
    place.textContent = text
    place.hidden = not text


@contextmanager
def busy(name: str) -> Iterator[bool]:
    """Hold a button while its work runs. False if it is held already: a second click starts nothing."""
    button = by_id(name)
    if button.getAttribute("aria-disabled") == "true":
        yield False
        return
    button.setAttribute("aria-disabled", "true")  # not `disabled`: that would take the focus away
    try:
        yield True
    finally:
        button.removeAttribute("aria-disabled")


running: set[asyncio.Task[None]] = set()


def start(work: Coroutine[Any, Any, None]) -> None:
    """Run something beside; a task that nobody holds may be collected."""
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(running.discard)


# --- Failures, in words -------------------------------------------------------------------------------------

OFFLINE = "No connection. You are still signed in; try again."


def in_words(error: Exception) -> str:
    """What a failed request means for the user; empty where the sign-in form says it already."""
    match error:
        case SessionEnded():
            return ""
        case SessionChanged():
            return "Another user has signed in meanwhile, so this was not sent."
        case RefreshUnavailable():
            if isinstance(error.__cause__, OSError):
                return OFFLINE
            when_then = f"in {error.retry_after:.0f} s" if error.retry_after else "in a moment"
            return f"The server can’t renew the token just now. You are still signed in; try again {when_then}."
        case NetworkError():
            return OFFLINE
        case UnexpectedAnswer():
            return f"The server answered {error.status}. You are still signed in."
    raise error


class UnexpectedAnswer(Exception):
    """An answer that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


async def ask(url: str, **options: Any) -> Any:
    """The JSON that the server answers with; None if it has nothing to say."""
    response = await api.fetch(url, **options)
    if not response.ok:
        raise UnexpectedAnswer(response.status)
    return None if response.status == 204 else await response.json()


FAILURES = (ReissueError, UnexpectedAnswer)


# --- Signing in and out -------------------------------------------------------------------------------------

session = 0  # the number of the last session that started
drafted_by = ""  # whose note lies in the input


async def begin() -> None:
    """Is somebody signed in from before? Ask the server, and show what fits."""
    show("startup-trouble", False)
    show("startup-stage")
    by_id("startup-stage").textContent = "Asking whether you are still signed in."
    try:
        signed_in = await api.resume()
    except RefreshUnavailable:
        by_id("startup").classList.add("failed")
        show("startup-stage", False)
        by_id("startup-title").textContent = "Can’t reach the server"
        by_id("startup-reason").textContent = "So it isn’t known whether you are still signed in."
        by_id("startup-advice").textContent = "Once there is a connection again, this page goes on where it was."
        show("startup-again")
        show("startup-trouble")
        return
    show("startup", False)
    show("log")
    if not signed_in:
        show("entrance")


def entered(event: SessionEvent) -> None:
    """A session has begun: by the form, or taken up after a reload."""
    global session, drafted_by
    session = event.session
    who = api.claims.get("sub", "")
    if drafted_by != who:
        by_id("note").value = ""
        drafted_by = who
    by_id("who").textContent = api.claims.get("name") or who or "somebody"
    for message in ("sign-in-message", "entrance-reason", "lab-message", "notes-message"):
        tell(message, "")
    by_id("password").value = ""
    by_form = not by_id("entrance").hidden
    show("entrance", False)
    show("startup", False)
    show("log")
    show("inside")
    if by_form:
        by_id("account-title").focus()
    start(count_down(session))
    start(load_notes())


def left(event: SessionEvent) -> None:
    """The session is over: back to the form, with the reason."""
    if event.reason == "replaced":
        return  # another one follows at once
    by_id("note-list").replaceChildren()
    show("inside", False)
    show("entrance")
    reasons = {"refused": "The server ended your session. Please sign in again.", "signed_out": "You are signed out."}
    tell("entrance-reason", reasons.get(event.reason or "", ""))
    by_id("entrance-title").focus()


@when("submit", "#sign-in")
async def sign_in() -> None:
    with busy("sign-in-button") as free:
        if not free:
            return
        tell("sign-in-message", "")
        try:
            await api.sign_in(username=by_id("username").value, password=by_id("password").value)
        except GrantRefused:
            tell("sign-in-message", "That user name and password don’t go together.", "bad")
            by_id("password").focus()
        except RefreshUnavailable as error:
            tell("sign-in-message", f"The server can’t sign anybody in just now ({error.status}). Try again.", "bad")
        except SessionEnded:
            pass  # signed out before the answer came
        except OSError:
            tell("sign-in-message", "No connection: the server did not answer. Try again.", "bad")
        except ReissueError:
            tell("sign-in-message", "The server answered with something that is no token.", "bad")


@when("click", "#sign-out")
async def sign_out() -> None:
    with busy("sign-out") as free:
        if not free:
            return
        try:
            await api.sign_out()
        except (OSError, RefreshUnavailable):
            untold = "You are signed out here. The server could not be told: its side of the session ends by itself."
            tell("entrance-reason", untold, "bad")


@when("click", "#startup-again")
async def begin_again() -> None:
    with busy("startup-again") as free:
        if free:
            await begin()


async def count_down(number: int) -> None:
    """Show the rest of the token's life while this session lasts."""
    while number == session and (left_over := api.expires_in) is not None:
        life = by_id("token-life")
        life.max = max(lifetime(), left_over, 1)
        life.value = left_over
        renewing = api.state is State.REFRESHING
        words = f"{-(-left_over // 1):.0f} s left" if left_over else "expired; the next request renews it first"
        by_id("token-left").textContent = "being renewed" if renewing else words
        by_id("account").classList.toggle("expired", not left_over)
        await asyncio.sleep(0.2)


def lifetime() -> float:
    """The whole life of the current token, in seconds."""
    return float(api.claims.get("exp", 0)) - float(api.claims.get("iat", 0))


# --- Try it -------------------------------------------------------------------------------------------------

ordinary_life = 0.0  # seconds: what tokens live when nobody plays with it


@when("click", "#expire")
async def let_it_expire() -> None:
    global ordinary_life
    with busy("expire") as free:
        if not free:
            return
        tell("lab-message", "Waiting for the end of a token that lives two seconds.")
        ordinary_life = max(ordinary_life, lifetime())
        try:
            await ask("dev/lifetime", method="POST", json={"seconds": SHORT_LIFE})
            try:
                await api.renew()
            finally:
                await ask("dev/lifetime", method="POST", json={"seconds": ordinary_life})
            token = api.claims.get("jti")
            while (left_over := api.expires_in) and api.claims.get("jti") == token:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(left_over)
        except GrantRefused:
            tell("lab-message", "The server has ended this session; the token works until its end.", "bad")
        except FAILURES as error:
            tell("lab-message", in_words(error), "bad")
        else:
            if api.expires_in == 0:
                tell("lab-message", "The token has expired. Requests now have to wait for a new one.")
            else:
                tell("lab-message", "Something else has renewed the token meanwhile.")


@when("click", "#revoke")
async def revoke() -> None:
    with busy("revoke") as free:
        if not free:
            return
        try:
            await ask("dev/revoke", method="POST", json={"sid": api.claims["sid"]})
        except FAILURES as error:
            tell("lab-message", in_words(error), "bad")
        else:
            tell("lab-message", "The server takes this token no longer. The next request meets a 401.")


@when("click", "#fire")
async def fire() -> None:
    with busy("fire") as free:
        if not free:
            return
        tell("lab-message", "Twenty requests are on their way.")
        before = await server_counters()
        answers = await asyncio.gather(*(ask(f"api/echo?n={n}") for n in range(20)), return_exceptions=True)
        after = await server_counters()
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        answered = sum(isinstance(answer, dict) and answer["n"] == str(n) for n, answer in enumerate(answers))
        if failures:
            tell("lab-message", f"{answered} of 20 were answered. {in_words(failures[0])}", "bad")
        elif before and after:
            requests = after["api_requests"] - before["api_requests"]
            refreshes = after["refreshes_asked"] - before["refreshes_asked"]
            tell(
                "lab-message",
                f"{answered} answers to 20 requests. The server counted {many(requests, 'request')} "
                f"and {many(refreshes, 'refresh', 'refreshes')}.",
                "good",
            )
        else:
            tell("lab-message", f"{answered} answers to 20 requests.", "good")


async def server_counters() -> dict[str, int] | None:
    """What the server saw so far; None if it can't be asked."""
    try:
        counters: dict[str, int] = await ask("dev/counters")
    except FAILURES:
        return None
    return counters


def many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


# --- Notes --------------------------------------------------------------------------------------------------


@when("click", "#load-notes")
async def load_notes() -> None:
    number = session
    try:
        notes = await ask("api/notes")
    except FAILURES as error:
        tell("notes-message", in_words(error), "bad")
        show("notes-retry")
        return
    if number != session:
        return  # somebody else's by now
    show("notes-retry", False)
    tell("notes-message", "")
    by_id("note-list").replaceChildren(*map(note_item, notes))
    notes_changed()


@when("submit", "#write")
async def save_note() -> None:
    with busy("save") as free:
        text, number = by_id("note").value, session
        if not free or not text.strip():
            return
        tell("notes-message", "")
        try:
            note = await ask("api/notes", method="POST", json={"text": text})
        except FAILURES as error:
            tell("notes-message", f"Not saved yet. {in_words(error)}", "bad")
            return
        if number != session:
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
            tell("notes-message", f"Not deleted. {in_words(error)}", "bad")
            return
    button.closest("li").remove()
    notes_changed()
    by_id("note").focus()


def note_item(note: dict[str, Any]) -> Any:
    item, button = element("li"), element("button", "Delete", "small")
    button.type = "button"
    button.value = str(note["id"])
    button.setAttribute("aria-label", f"Delete the note: {note['text']}")
    item.append(element("span", note["text"]), button)
    return item


def notes_changed() -> None:
    show("no-notes", by_id("note-list").childElementCount == 0)


# --- What happened ------------------------------------------------------------------------------------------

ERRORS = {
    "NetworkError": "no connection",
    "RefreshUnavailable": "no new token for now",
    "SessionEnded": "session ended",
    "SessionChanged": "not sent: another user",
    "TimeoutError": "took too long",
}
ENDS = {"signed_out": "signed out", "refused": "ended by the server", "replaced": "replaced", "closed": "closed"}


class Row:
    """One line of the list: a request, a refresh, or one end of a session."""

    def __init__(self, kind: str, label: str, title: str, at: float) -> None:
        self.started_at = at
        self.steps: list[tuple[str, str]] = []  # kind and words
        self.waiting = self.waited = False
        self._trail = element("span", kind="trail")
        self._time = element("span", kind="time")
        self.item = element("li", kind=kind)
        self.item.append(element("span", label, "label"), element("span", title, "title"), self._trail, self._time)

    def step(self, words: str, kind: str = "") -> None:
        """Add a step after those before; what waited until now has waited."""
        if self.waiting and self.waited:
            self.steps.append(("wait", "waited"))
        self.waiting = self.waited = False
        if words:
            self.steps.append((kind, words))
        self._show(self.steps)

    def wait(self) -> None:
        """Show that it waits, until the next step."""
        self.waiting = True
        self._show([*self.steps, ("wait now", "waiting")])

    def end(self, words: str, kind: str, at: float) -> None:
        """Add the last step, and say how long it took."""
        self.step(words, kind)
        self._time.textContent = f"{(at - self.started_at) * 1000:.0f} ms"

    def _show(self, steps: list[tuple[str, str]]) -> None:
        self._trail.replaceChildren(*(element("span", words, f"step {kind}") for kind, words in steps))


requests: dict[int, Row] = {}  # on their way
refreshes: dict[int, Row] = {}  # by the session they are for


def add_row(kind: str, label: str, title: str, at: float) -> Row:
    row = Row(kind, label, title, at)
    rows = by_id("log-list")
    rows.prepend(row.item)
    if rows.childElementCount > SHOWN:
        rows.lastElementChild.remove()
    show("log-empty", False)
    return row


def on_request(event: RequestEvent) -> None:
    if event.phase is RequestPhase.STARTED:
        path = event.url.removeprefix(document.baseURI.rpartition("/")[0])
        requests[event.request] = add_row("request", f"{event.request}", f"{event.method} {path}", event.at)
        requests[event.request].wait()
        return
    row = requests[event.request]
    match event.phase:
        case RequestPhase.SENT:
            row.step("sent", "now")
        case RequestPhase.REFUSED:
            row.step("401", "refused")
            row.wait()
        case RequestPhase.REPLAYED:
            row.step("replayed", "now")
        case RequestPhase.DONE:
            row.end(str(event.status), "good" if (event.status or 0) < 400 else "bad", event.at)
        case RequestPhase.FAILED:
            row.end(ERRORS.get(event.error or "", "failed"), "bad", event.at)
        case RequestPhase.CANCELLED:
            row.end("cancelled", "", event.at)
    if event.phase in (RequestPhase.DONE, RequestPhase.FAILED, RequestPhase.CANCELLED):
        del requests[event.request]


def on_refresh(event: RefreshEvent) -> None:
    for waiting in requests.values():
        waiting.waited = waiting.waiting
    if event.phase is RefreshPhase.STARTED:
        refreshes[event.session] = add_row("refresh", "↻", "Refresh", event.at)
        refreshes[event.session].step("asked for a new token", "now")
        return
    row = refreshes.pop(event.session, None)
    if row is None and event.phase is RefreshPhase.TAKEN_OVER:  # another tab needed it first
        row = add_row("refresh", "↻", "Refresh", event.at)
    if row is None:
        return  # ended before it was started
    match event.phase:
        case RefreshPhase.TAKEN_OVER:
            row.end("new token from another tab", "good", event.at)
        case RefreshPhase.SUCCEEDED:
            life = f" for {event.expires_in:.0f} s" if event.expires_in is not None else ""
            row.end(f"new token{life}", "good", event.at)
        case RefreshPhase.REFUSED:
            row.end("refused", "bad", event.at)
        case RefreshPhase.UNAVAILABLE:
            row.end(ERRORS.get(event.error or "", "failed"), "bad", event.at)
        case RefreshPhase.DROPPED:
            row.end("dropped: signed out", "", event.at)


def on_session(event: SessionEvent) -> None:
    if event.phase is SessionPhase.STARTED:
        add_row("session", "●", "Session", event.at).step("signed in", "good")
        entered(event)
    else:
        add_row("session", "○", "Session", event.at).step(ENDS[event.reason or "closed"])
        left(event)


def on_event(event: reissue.Event) -> None:
    match event:
        case RequestEvent():
            on_request(event)
        case RefreshEvent():
            on_refresh(event)
        case SessionEvent():
            on_session(event)


@when("click", "#clear-log")
async def clear_log() -> None:
    by_id("log-list").replaceChildren()
    show("log-empty")


api.on(on_event)
await begin()  # noqa: F704 - PyScript runs this file as the body of a coroutine
