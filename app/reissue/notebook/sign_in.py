"""A sign-in from a notebook: what the kernel, where the client is, and the widget in the page say to each other.

Theory of operation:

1. All is said in messages. Nothing of it is a trait of the widget: traits are saved with the notebook, and messages are
   not. So neither a password nor a user's name comes into its file. A message is never repeated in an output, either.
2. The kernel says how things are (`shown`), whenever that changes and whenever a view of the widget asks (`hello`).
3. Where users sign in at another address, the view opens a window in the handler of the click, and asks for its URL
   (`sign_in`). The kernel makes `state` and verifier and keeps them; the view shows the URL (`show`), and passes on the
   query that the window is sent back with (`answer`). The kernel checks it and has the code exchanged. Each window has
   an `id` that its view has chosen, since a widget may have several views, and all of them get all messages.
4. Otherwise the view has a form, and `sign_in` brings its fields.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import GrantRefused, RefreshUnavailable, ReissueError
from ..events import Event, RequestEvent
from ..session.lifecycle import SessionLifecycle

if TYPE_CHECKING:
    from ..interceptor import Interceptor

Message = Mapping[str, Any]


class ViewPopup:
    """A window that a view of the widget has opened."""

    def __init__(self, number: str, send: Callable[[Message], None]) -> None:
        self._id = number
        self._send = send
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(self, url: str, state: str) -> str:
        """Have this URL shown, and wait for the query that the server sends the window back with."""
        if not self._answer.done():  # else the user has closed it already
            self._send({"kind": "show", "id": self._id, "url": url, "state": state})
        return await self._answer

    def close(self) -> None:
        """Have the window closed."""
        self._send({"kind": "close", "id": self._id})
        self.was_closed()

    def came_back(self, query: object) -> None:
        """The server has sent the window back with this query."""
        if isinstance(query, str) and not self._answer.done():
            self._answer.set_result(query)

    def was_closed(self) -> None:
        """The window is closed: no answer comes."""
        if not self._answer.done():
            self._answer.set_exception(GrantRefused("popup_closed", "the user closed the window"))
            self._answer.exception()  # perhaps no caller waits for it


class SignIn:
    """The kernel's side. `send` sends a message to every view; `fields` are those of the form."""

    def __init__(self, api: "Interceptor", send: Callable[[Message], None], *, fields: Iterable[str]) -> None:
        lifecycle = api._lifecycle
        if not isinstance(lifecycle, SessionLifecycle):
            raise ReissueError("this client was made by for_resource(): show the widget of its parent client")
        redirects = lifecycle.calls.tokens.redirects
        if redirects is not None and not redirects.by_popup:
            raise ReissueError("the widget signs in in a window: Endpoint.oauth2(…, popup=True)")
        self._fields = () if redirects is not None else _checked(fields)
        self._api = api
        self._lifecycle = lifecycle
        self._send = send
        self._popups: dict[str, ViewPopup] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._said = ""
        self._stop_listening = api.on(self._heard)

    def close(self) -> None:
        """End what is under way, and listen no more."""
        self._stop_listening()
        for task in tuple(self._tasks):
            task.cancel()

    def receive(self, message: object) -> None:
        """A view says this. It is not trusted to be of any form: what is not understood is ignored."""
        match message:
            case {"kind": "hello"}:
                self._show()
            case {"kind": "sign_in", "id": str(number), **rest}:
                self._start(self._sign_in(number, rest.get("fields")))
            case {"kind": "sign_out"}:
                self._start(self._run(self._api.sign_out))
            case {"kind": "answer", "id": str(number), "query": query} if number in self._popups:
                self._popups[number].came_back(query)
            case {"kind": "closed", "id": str(number)} if number in self._popups:
                self._popups[number].was_closed()

    def _sign_in(self, number: str, fields: object) -> Coroutine[Any, Any, None]:
        """A sign-in that is about to begin. Its window is known from here on: the next message may be about it."""
        if self._fields:
            given = fields if isinstance(fields, dict) else {}
            return self._run(lambda: self._api.sign_in(**{name: str(given.get(name, "")) for name in self._fields}))
        popup = self._popups[number] = ViewPopup(number, self._send)
        return self._by_window(number, popup)

    async def _by_window(self, number: str, popup: ViewPopup) -> None:
        try:
            await self._run(lambda: self._lifecycle.sign_in({}, popup=popup))
        finally:
            del self._popups[number]
            popup.close()

    async def _run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do this, and say what came of it."""
        self._said = ""
        self._show(busy=True)
        try:
            await work()
        except Exception as error:
            self._said = sentence(error)
        finally:
            self._show()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _heard(self, event: Event) -> None:
        if not isinstance(event, RequestEvent):
            self._show(busy=bool(self._tasks))

    def _show(self, *, busy: bool = False) -> None:
        self._send(
            {
                "kind": "shown",
                "state": self._api.state.value,
                "user": self._api._user,
                "fields": list(self._fields),
                "busy": busy,
                "error": self._said,
            }
        )


def sentence(error: Exception) -> str:
    """What to tell the user. The text of an error that is not this library's may quote a password, and is left out."""
    match error:
        case GrantRefused(error="popup_closed"):
            return "The window was closed before you were signed in."
        case GrantRefused():
            return f"The sign-in was refused: {error.error}."
        case RefreshUnavailable() | OSError():
            return "The server can't be asked now. Please try again."
        case ReissueError():
            return f"{error}"
    return f"That failed: {type(error).__name__}."


def _checked(fields: Iterable[str]) -> tuple[str, ...]:
    names = tuple(fields)
    if isinstance(fields, str) or not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError('fields are the names of what sign_in() takes, such as ("email", "password")')
    return names
