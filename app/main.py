"""The demo page: what its buttons do. Everything about tokens is reissue's, and so is the panel.

Nothing the user typed is thrown away by a failure, and a failure is told beside the thing that failed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import js
import reissue
from js import document
from pyodide.ffi import create_proxy
from pyscript import config, when
from reissue import (
    GrantRefused,
    NetworkError,
    RefreshUnavailable,
    ReissueError,
    SessionChanged,
    SessionEnded,
    SessionEvent,
    SessionPhase,
    SignOutRefused,
    State,
)

MANY, FEW = 20, 5  # requests
SHORT_LIFE = 2  # seconds: the token that 'Let the token expire' asks for
SLOW = 3  # seconds that a slow refresh takes
DEADLINE = 6  # seconds that the page waits for a refresh
NO_API = (404, 405, 501)  # how hosts of files answer a POST

words: dict[str, str] = (await js.pageWords).to_py()  # noqa: F704 - boot.js has fetched them
meta = document.querySelector('meta[name="reissue-api"]')
# Where /api/, /auth/ and /dev/ are: beside this page, unless the page or pyscript.toml says otherwise.
home = (meta and meta.content) or config.get("reissue", {}).get("api", "")
if home and not home.endswith("/"):
    home += "/"
endpoint = reissue.Endpoint(f"{home}auth", credentials="include" if home else "same-origin")
api = reissue.connect(f"{home}api/", endpoint=endpoint, deadline=DEADLINE)
inspector = reissue.inspect(api, "#panel", language=document.documentElement.lang)


# --- Words --------------------------------------------------------------------------------------------------


def say(key: str, **values: Any) -> str:
    """A sentence of the page's language."""
    return words[key].format(**values)


def many(what: str, count: int) -> str:
    """A number of things, in words: `1 refresh`."""
    return say(f"count.{what}.{'one' if count == 1 else 'other'}", count=count)


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
        if api.state is not State.SIGNED_OUT or not is_in_lab(button):
            button.removeAttribute("aria-disabled")


def is_in_lab(button: Any) -> bool:
    return bool(button.closest("#lab"))


def open_lab(is_open: bool) -> None:
    """The experiments need a session."""
    show("lab-closed", not is_open)
    show("lab-about", is_open)
    for control in document.querySelectorAll("#lab button"):
        if is_open:
            control.removeAttribute("aria-disabled")
        else:
            control.setAttribute("aria-disabled", "true")


running: set[asyncio.Task[None]] = set()


def start(work: Coroutine[Any, Any, None]) -> None:
    """Run something beside; a task that nobody holds may be collected."""
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(running.discard)


# --- Failures, in words -------------------------------------------------------------------------------------


def in_words(error: Exception) -> str:
    """What a failed request means for the user; empty where the sign-in form says it already."""
    match error:
        case SessionEnded():
            return ""
        case SessionChanged():
            return say("failure.changed")
        case RefreshUnavailable():
            if isinstance(error.__cause__, OSError):
                return say("failure.offline")
            if error.retry_after:
                return say("failure.unavailable.in", seconds=f"{error.retry_after:.0f}")
            return say("failure.unavailable")
        case NetworkError():
            return say("failure.offline")
        case UnexpectedAnswer():
            return say("failure.status", status=error.status)
    raise error


class UnexpectedAnswer(Exception):
    """An answer that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


async def ask(url: str, **options: Any) -> Any:
    """The JSON that the server answers with; None if it has nothing to say."""
    response = await api.fetch(f"{home}{url}", **options)
    if not response.ok:
        raise UnexpectedAnswer(response.status)
    return None if response.status == 204 else await response.json()


FAILURES = (ReissueError, UnexpectedAnswer)


# --- Signing in and out -------------------------------------------------------------------------------------

session = 0  # the number of the last session that started
drafted_by = ""  # whose note lies in the input
ending = False  # does an experiment end the session on purpose? Then the focus stays with it


async def begin() -> None:
    """Is somebody signed in from before? Ask the server, and show what fits."""
    show("startup-trouble", False)
    show("startup-stage")
    by_id("startup-stage").textContent = say("startup.stage.5")
    try:
        signed_in = await api.resume()
    except RefreshUnavailable as error:
        by_id("startup").classList.add("failed")
        show("startup-stage", False)
        trouble = "startup.no_api" if error.status in NO_API else "startup.unreachable"
        by_id("startup-title").textContent = say(trouble)
        by_id("startup-reason").textContent = say(f"{trouble}.reason", url=f"{home}auth/refresh", status=error.status)
        by_id("startup-advice").textContent = say(f"{trouble}.advice")
        show("startup-again")
        show("startup-trouble")
        return
    started()
    if not signed_in:
        show("entrance")
        open_lab(False)
    elif js.location.hash == "#second":
        second_tab.postMessage(api.claims.get("sid"))


def started() -> None:
    show("startup", False)
    show("lab")
    show("beside")


def entered(event: SessionEvent) -> None:
    """A session has begun: by the form, or taken up after a reload."""
    global session, drafted_by
    session = event.session
    who = api.claims.get("sub", "")
    if drafted_by != who:
        by_id("note").value = ""
        drafted_by = who
    name = api.claims.get("name") or who or say("account.somebody")
    by_id("account-title").textContent = say("account.title", who=name)
    for message in ("sign-in-message", "entrance-reason", "notes-message"):
        tell(message, "")
    for message in document.querySelectorAll("#lab .message"):
        tell(message.id, "")
    by_id("password").value = ""
    by_form = not by_id("entrance").hidden
    show("entrance", False)
    started()
    show("inside")
    open_lab(True)
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
    open_lab(False)
    tell("entrance-reason", words.get(f"entrance.{event.reason}", ""))
    if not ending:
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
            tell("sign-in-message", say("entrance.wrong"), "bad")
            by_id("password").focus()
        except RefreshUnavailable as error:
            tell("sign-in-message", say("entrance.unavailable", status=error.status), "bad")
        except SessionEnded:
            pass  # signed out before the answer came
        except OSError:
            tell("sign-in-message", say("entrance.offline"), "bad")
        except ReissueError:
            tell("sign-in-message", say("entrance.nonsense"), "bad")


@when("click", "#sign-out")
async def sign_out() -> None:
    with busy("sign-out") as free:
        if not free:
            return
        try:
            await api.sign_out()
        except SignOutRefused as refused:
            tell("entrance-reason", say("entrance.unended", status=refused.status), "bad")
        except (OSError, RefreshUnavailable):
            tell("entrance-reason", say("entrance.untold"), "bad")


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
        rest = say("account.left", seconds=f"{-(-left_over // 1):.0f}") if left_over else say("account.expired")
        by_id("token-left").textContent = say("account.renewing") if renewing else rest
        by_id("account").classList.toggle("expired", not left_over)
        await asyncio.sleep(0.2)


def lifetime() -> float:
    """The whole life of the current token, in seconds."""
    return float(api.claims.get("exp", 0)) - float(api.claims.get("iat", 0))


# --- Try it: what the server counts is the session's own ----------------------------------------------------


@dataclass
class Tally:
    """What came of some requests sent at once."""

    count: int
    answered: int
    failures: list[Exception]

    @property
    def ended(self) -> int:
        return sum(isinstance(failure, SessionEnded) for failure in self.failures)

    @property
    def retry_after(self) -> float:
        """Seconds until it makes sense to try again."""
        return max((getattr(failure, "retry_after", None) or 0 for failure in self.failures), default=0)


async def send_at_once(count: int) -> Tally:
    """So many requests; each answer must be its own request's."""
    answers = await asyncio.gather(*(ask(f"api/echo?n={n}") for n in range(count)), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, FAILURES):
            raise answer
    answered = sum(isinstance(answer, dict) and answer["n"] == str(n) for n, answer in enumerate(answers))
    return Tally(count, answered, [answer for answer in answers if isinstance(answer, Exception)])


class Counted:
    """What the server counts for the session of now, from now on."""

    def __init__(self) -> None:
        self.sid = api.claims.get("sid", "")
        self._before: dict[str, int] | None = None

    async def begin(self) -> "Counted":
        self._before = await self._ask()
        return self

    async def figures(self) -> dict[str, int] | None:
        """By the names of the server's counters; None if it can't be asked."""
        after = await self._ask()
        if self._before is None or after is None:
            return None
        return {name: after[name] - self._before[name] for name in after}

    async def in_words(self) -> str:
        figures = await self.figures()
        if figures is None:
            return ""
        requests, refreshes = figures["api_requests"], figures["refreshes_asked"]
        return say("counted", requests=many("requests", requests), refreshes=many("refreshes", refreshes))

    async def _ask(self) -> dict[str, int] | None:
        try:
            counters: dict[str, int] = await ask(f"dev/counters?sid={self.sid}")
        except FAILURES:
            return None
        return counters


@asynccontextmanager
async def experiment(name: str, *, ends: bool = False) -> AsyncIterator[Counted | None]:
    """Hold the button, tell what fails, and count. None if it runs already."""
    global ending
    with busy(name) as free:
        if not free:
            yield None
            return
        if (running := f"{name}.running") in words:
            tell(f"{name}-message", say(running))
        ending = ends
        try:
            yield await Counted().begin()
        except FAILURES as error:
            tell(f"{name}-message", in_words(error), "bad")
        finally:
            ending = False


async def revoke_token(sid: str) -> None:
    await ask("dev/revoke", method="POST", json={"sid": sid})


async def plan_fault(sid: str, **fault: Any) -> None:
    """The server misbehaves, to this session only."""
    await ask("dev/faults", method="POST", json={"path": "/auth/refresh", "sid": sid, **fault})


def tell_what_failed(name: str, tally: Tally) -> None:
    reason = in_words(tally.failures[0])
    tell(f"{name}-message", say("answers.some", answered=tally.answered, count=MANY, reason=reason), "bad")


@when("click", "#fire")
async def fire() -> None:
    async with experiment("fire") as counted:
        if counted is None:
            return
        tally = await send_at_once(MANY)
        if tally.failures:
            tell_what_failed("fire", tally)
            return
        figures = await counted.in_words()
        key = "answers.all" if figures else "answers.all.uncounted"
        tell("fire-message", say(key, answered=tally.answered, count=MANY, counted=figures), "good")


@when("click", "#expire")
async def let_it_expire() -> None:
    async with experiment("expire") as counted:
        if counted is None:
            return
        await ask("dev/lifetime", method="POST", json={"seconds": SHORT_LIFE, "sid": counted.sid})
        try:
            await api.renew()
        except GrantRefused:
            tell("expire-message", say("expire.ended"), "bad")
            return
        token = api.claims.get("jti")
        while (left_over := api.expires_in) and api.claims.get("jti") == token:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(left_over)
        tell("expire-message", say("expire.done" if api.expires_in == 0 else "expire.overtaken"))


@when("click", "#revoke")
async def revoke() -> None:
    async with experiment("revoke") as counted:
        if counted is not None:
            await revoke_token(counted.sid)
            tell("revoke-message", say("revoke.done"))


@when("click", "#slow")
async def slow_refresh() -> None:
    async with experiment("slow") as counted:
        if counted is None:
            return
        await plan_fault(counted.sid, kind="delay", seconds=SLOW)
        await revoke_token(counted.sid)
        began = time.monotonic()
        tally = await send_at_once(MANY)
        if tally.failures:
            tell_what_failed("slow", tally)
            return
        took = f"{time.monotonic() - began:.1f}"
        done = say("slow.done", answered=tally.answered, seconds=took, counted=await counted.in_words())
        tell("slow-message", done, "good")


async def fail(name: str, **fault: Any) -> None:
    """A refresh that fails for a while: the requests are told, the session stays, and the next time it works."""
    async with experiment(name) as counted:
        if counted is None:
            return
        tell(f"{name}-message", say("fail.running"))
        await plan_fault(counted.sid, **fault)
        await revoke_token(counted.sid)
        first = await send_at_once(FEW)
        pause = max(1, first.retry_after)
        again = say("fail.again", failed=len(first.failures), count=FEW, seconds=f"{pause:.0f}")
        tell(f"{name}-message", again, "wait")
        await asyncio.sleep(pause)
        second = await send_at_once(FEW)
        figures = await counted.in_words()
        done = say("fail.done", failed=len(first.failures), count=FEW, answered=second.answered, counted=figures)
        tell(f"{name}-message", done, "bad" if second.failures else "good")


@when("click", "#network")
async def break_connection() -> None:
    await fail("network", kind="drop")


@when("click", "#timeout")
async def take_too_long() -> None:
    # Dropped in the end: a refresh that is granted after the page has given up would spend the refresh token.
    await fail("timeout", kind="drop", seconds=DEADLINE + 2)


@when("click", "#busy")
async def be_busy() -> None:
    await fail("busy", kind="status", status=429, retry_after="3")


@when("click", "#broken")
async def break_down() -> None:
    await fail("broken", kind="status", status=503)


@when("click", "#html")
async def answer_html() -> None:
    await fail("html", kind="html")


@when("click", "#half")
async def answer_half() -> None:
    await fail("half", kind="truncate")


@when("click", "#refuse")
async def refuse() -> None:
    async with experiment("refuse", ends=True) as counted:
        if counted is None:
            return
        await ask("dev/end", method="POST", json={"sid": counted.sid})
        await revoke_token(counted.sid)
        tally = await send_at_once(FEW)
        tell("refuse-message", say("refuse.done", ended=tally.ended, count=FEW, counted=await counted.in_words()))


@when("click", "#cut")
async def cut_network() -> None:
    async with experiment("cut") as counted:
        if counted is None:
            return
        for path in ("/api/", "/auth/"):
            await plan_fault(counted.sid, path=path, kind="drop", times=1000)
        try:
            first = await send_at_once(FEW)
        finally:
            await ask(f"dev/faults?sid={counted.sid}", method="DELETE")
        second = await send_at_once(FEW)
        figures = await counted.in_words()
        done = say("cut.done", failed=len(first.failures), count=FEW, answered=second.answered, counted=figures)
        tell("cut-message", done, "bad" if second.failures else "good")


second_tab = js.BroadcastChannel.new("reissue-demo")  # the tab that was opened tells that it is there
opened_tab: Counted | None = None


@when("click", "#tab")
async def open_tab() -> None:
    """The link opens it by itself."""
    global opened_tab
    tell("tab-message", "")
    opened_tab = await Counted().begin()


async def tell_of_tab(sid: str) -> None:
    if opened_tab is not None and opened_tab.sid == sid and (figures := await opened_tab.figures()) is not None:
        refreshes = many("refreshes", figures["refreshes_asked"])
        tell("tab-message", say("tab.done", refreshes=refreshes), "good")


second_tab.onmessage = create_proxy(lambda message: start(tell_of_tab(message.data)))


@when("click", "#steal")
async def steal() -> None:
    async with experiment("steal", ends=True) as counted:
        if counted is None:
            return
        loot = await ask("dev/steal", method="POST", json={"sid": counted.sid})
        with suppress(GrantRefused, ReissueError):
            await api.renew()  # with the refresh token that the thief has used before
        with suppress(*FAILURES):
            await ask("api/me")
        again = await ask("dev/steal", method="POST", json={"sid": counted.sid})
        figures = await counted.figures() or {}
        done = say(
            "steal.done",
            seconds=loot.get("expires_in", 0),
            reuses=many("reuses", figures.get("reuse_detections", 0)),
            thief=say("steal.refused" if "error" in again else "steal.granted"),
        )
        tell("steal-message", done)


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
            tell("notes-message", say("notes.not_saved", reason=in_words(error)), "bad")
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


# --- Events -------------------------------------------------------------------------------------------------


def on_event(event: reissue.Event) -> None:
    if isinstance(event, SessionEvent):
        (entered if event.phase is SessionPhase.STARTED else left)(event)


api.on(on_event)
await begin()  # noqa: F704 - PyScript runs this file as the body of a coroutine
