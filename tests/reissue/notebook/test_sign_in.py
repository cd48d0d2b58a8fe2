"""What the kernel says to the widget, and the widget to the kernel. tests/browser/test_widget.py has both."""

import sys
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
import reissue
from reissue import Endpoint, GrantRefused, Interceptor, ReissueError
from reissue.notebook import widget
from reissue.notebook.sign_in import SignIn, sentence
from reissue.testing import FakeServer, Gate, settle

from tests.reissue.conftest import clean_console
from tests.reissue.provider import API, ISSUER, Provider
from tests.reissue.redirects import DEEP, Tab

FIELDS = ("username", "password")
REDIRECT = "https://app.test/reissue-popup.html"


class View:
    """The widget in the page, as far as messages go."""

    def __init__(self, api: Interceptor, *, fields: Any = FIELDS) -> None:
        self.heard: list[dict[str, Any]] = []
        self.kernel = SignIn(api, lambda message: self.heard.append(dict(message)), fields=fields)

    async def say(self, kind: str, **more: Any) -> dict[str, Any]:
        """Say this; gives the last thing that the kernel says then."""
        self.kernel.receive({"kind": kind, **more})
        await settle()
        return self.heard[-1]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with clean_console():
        yield FakeServer()


@pytest_asyncio.fixture
async def view(server: FakeServer) -> AsyncIterator[View]:
    api = server.connect(endpoint=Endpoint("/auth"))
    view = View(api)
    yield view
    view.kernel.close()
    await api.close()


@pytest_asyncio.fixture
async def tab(provider: Provider) -> AsyncIterator[Tab]:
    async with clean_console():
        tab = Tab(provider, popup=True, redirect_uri=REDIRECT)
        yield tab
        await tab.api.close()


@pytest.fixture
def provider() -> Provider:
    return Provider()


def shown(**changes: Any) -> dict[str, Any]:
    said = {"kind": "shown", "state": "signed_out", "user": "", "fields": list(FIELDS), "busy": False, "error": ""}
    return {**said, **changes}


async def test_a_view_hears_how_things_are_when_it_asks_and_when_they_change(view: View) -> None:
    assert await view.say("hello") == shown()
    last = await view.say("sign_in", id="1", fields={"username": "ada", "password": "lovelace"})
    assert last == shown(state="signed_in", user="ada")
    assert shown(busy=True) in view.heard
    assert await view.say("hello") == last
    assert await view.say("sign_out") == shown()


async def test_what_the_app_does_by_itself_is_shown_too(view: View, server: FakeServer) -> None:
    api = view.kernel._api
    await api.sign_in(username="ada", password="lovelace")
    assert view.heard[-1] == shown(state="signed_in", user="ada")
    count = len(view.heard)
    await api.get("me")
    assert len(view.heard) == count, "requests say nothing of the user"
    server.end()
    with pytest.raises(reissue.SessionEnded):
        await api.get("me")
    assert view.heard[-1] == shown()


async def test_no_message_of_the_kernel_holds_a_password_or_a_token(view: View) -> None:
    await view.say("sign_in", id="1", fields={"username": "ada", "password": "wrong"})
    await view.say("sign_in", id="2", fields={"username": "ada", "password": "lovelace"})
    session: Any = view.kernel._api._lifecycle.alive
    said = repr(view.heard) + repr(vars(view.kernel))
    assert [word for word in ("lovelace", "wrong", session.credential.access_token) if word in said] == []


async def test_a_refusal_is_said_and_the_next_try_forgets_it(view: View) -> None:
    last = await view.say("sign_in", id="1", fields={"username": "ada", "password": "wrong"})
    assert last == shown(error="The sign-in was refused: invalid_grant.")
    assert (await view.say("sign_in", id="2", fields={"username": "ada", "password": "lovelace"}))["error"] == ""


@pytest.mark.parametrize("fields", [None, [], {"user": 7}, {"username": ["ada"], "other": "x"}])
async def test_odd_fields_are_refused_by_the_endpoint_and_break_nothing(view: View, fields: Any) -> None:
    assert "refused" in (await view.say("sign_in", id="1", fields=fields))["error"]


@pytest.mark.parametrize(
    "message",
    [
        None, 7, "hello", {}, {"kind": 1}, {"kind": "sign_in"}, {"kind": "sign_in", "id": 1},
        {"kind": "answer", "id": "unknown", "query": "?x"}, {"kind": "closed", "id": "unknown"},
    ],
)  # fmt: skip
async def test_what_is_not_understood_is_ignored(view: View, message: object) -> None:
    view.kernel.receive(message)
    await settle()
    assert view.heard == []


async def test_a_widget_that_is_closed_says_no_more(view: View, server: FakeServer) -> None:
    server.gate = Gate()
    view.kernel.receive({"kind": "sign_in", "id": "1", "fields": {}})
    view.kernel.close()
    await settle()
    count = len(view.heard)
    await view.kernel._api.sign_in(username="ada", password="lovelace")
    assert len(view.heard) == count


# By a window


async def opened(tab: Tab, number: str = "1") -> tuple[View, dict[str, Any]]:
    view = View(tab.api)
    return view, await view.say("sign_in", id=number)


async def test_the_kernel_has_the_url_shown_and_the_code_exchanged(tab: Tab) -> None:
    view, show = await opened(tab)
    assert (show["kind"], show["id"]) == ("show", "1")
    assert view.heard[0] == shown(fields=[], busy=True)
    tab.page.left_for.append(show["url"])
    query = tab.provider.signed_in(tab.page).partition("?")[2]
    assert f"state={show['state']}" in query
    await view.say("answer", id="1", query=f"?{query}")
    assert shown(fields=[], state="signed_in", user="ada") in view.heard
    assert {"kind": "close", "id": "1"} in view.heard
    assert (await tab.api.fetch(f"{API}notes")).status == 200
    (form,) = tab.provider.forms()
    assert form["code_verifier"][0] not in repr(view.heard)


async def test_a_window_that_is_closed_ends_the_sign_in(tab: Tab) -> None:
    view, _ = await opened(tab)
    await view.say("closed", id="1")
    assert shown(fields=[], error="The window was closed before you were signed in.") in view.heard
    assert view.kernel._popups == {}


async def test_a_window_that_is_closed_before_it_shows_anything_ends_the_sign_in(tab: Tab) -> None:
    view = View(tab.api)
    view.kernel.receive({"kind": "sign_in", "id": "1"})
    view.kernel.receive({"kind": "closed", "id": "1"})
    await settle()
    assert shown(fields=[], error="The window was closed before you were signed in.") in view.heard
    assert "show" not in [message["kind"] for message in view.heard]
    assert view.kernel._popups == {}


async def test_a_query_that_is_none_or_comes_twice_is_ignored(tab: Tab) -> None:
    view, show = await opened(tab)
    await view.say("answer", id="1", query=7)
    assert "1" in view.kernel._popups
    view.kernel.receive(
        {"kind": "answer", "id": "1", "query": f"?error=access_denied&state={show['state']}&iss={ISSUER}"}
    )
    view.kernel.receive({"kind": "answer", "id": "1", "query": "?code=late"})
    view.kernel.receive({"kind": "closed", "id": "1"})
    await settle()
    assert [message["error"] for message in view.heard if message["kind"] == "shown"][-1] == (
        "The sign-in was refused: access_denied."
    )


async def test_a_sign_out_meanwhile_closes_the_window(tab: Tab) -> None:
    view, _ = await opened(tab)
    await view.say("sign_out")
    assert {"kind": "close", "id": "1"} in view.heard
    assert view.kernel._popups == {}


# Where there is none


async def test_without_popup_it_says_what_is_missing(provider: Provider) -> None:
    with pytest.raises(ReissueError, match="popup=True"):
        View(Tab(provider).opened(DEEP))


async def test_a_client_of_another_resource_signs_no_user_in(tab: Tab) -> None:
    with pytest.raises(ReissueError, match="parent client"):
        View(tab.api.for_resource("https://files.test/", resource="https://files.test/"))


@pytest.mark.parametrize("fields", ["password", (), ("a", 7), ("",)])
async def test_fields_are_names(server: FakeServer, fields: Any) -> None:
    with pytest.raises(TypeError, match="fields are the names"):
        View(server.connect(endpoint=Endpoint("/auth")), fields=fields)


def test_what_the_user_is_told_quotes_no_error_of_others() -> None:
    assert sentence(ValueError("lovelace")) == "That failed: ValueError."
    assert sentence(OSError("lovelace")) == "The server can't be asked now. Please try again."
    assert sentence(GrantRefused("locked", "lovelace")) == "The sign-in was refused: locked."
    assert "closed" in sentence(reissue.SessionEnded("closed"))


# The widget


@pytest.fixture
def anywidget(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """In place of the notebook's package: tests/places has the real one."""

    class AnyWidget:
        def __init__(self) -> None:
            self.sent: list[Any] = []
            self.closed = False

        def on_msg(self, heard: Callable[[Any, Any, Any], None]) -> None:
            self.heard = heard

        def send(self, message: Any) -> None:
            self.sent.append(message)

        def close(self) -> None:
            self.closed = True

    module: Any = ModuleType("anywidget")
    module.AnyWidget = AnyWidget
    monkeypatch.setitem(sys.modules, "anywidget", module)
    widget._widget_class.cache_clear()
    return module  # type: ignore[no-any-return]


async def test_the_widget_passes_messages_on_and_has_no_traits(server: FakeServer, anywidget: ModuleType) -> None:
    shows = reissue.sign_in_widget(server.connect(endpoint=Endpoint("/auth")), fields=["email"])
    shows.heard(shows, {"kind": "hello"}, [])
    assert shows.sent == [shown(fields=["email"])]
    assert "export default" in shows._esm
    assert ".reissue-sign-in" in shows._css
    shows.close()
    assert shows.closed
    widget._widget_class.cache_clear()


def test_without_anywidget_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, server: FakeServer) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widget._widget_class.cache_clear()
    with pytest.raises(ReissueError, match="%pip install anywidget"):
        reissue.sign_in_widget(server.connect(endpoint=Endpoint("/auth")))
