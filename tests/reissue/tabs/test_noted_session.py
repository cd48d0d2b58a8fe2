"""The note that lets the next page refresh by cookie before its Python runs: who leaves it, and who removes it."""

import json
from typing import Any

import pytest
from reissue import SessionEnded
from reissue.tabs.noted_session import MOST_PATHS, NotedSession
from reissue.testing import Clock, settle

from tests.reissue.conftest import outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server, Shelf
from tests.reissue.pages import Pages

NOTE = {"request": "{}", "within": 15}


class App:
    """The tabs of one browser, which leave their notes on one shelf; `path` is that of each tab."""

    def __init__(self, mode: str = COOKIE) -> None:
        self.origin = Origin(Server(mode), Clock(), Pages())
        self.notes = Shelf()
        self.path = "/app"

    def settings(self) -> dict[str, Any]:
        return {"store": NotedSession(self.notes, "{}", within=15, path=lambda: self.path)}

    @property
    def noted(self) -> Any:
        return None if self.notes.text is None else json.loads(self.notes.text)


async def test_while_a_session_is_on_there_is_a_note_without_a_token() -> None:
    """X7"""
    app = App()
    (tab,) = await app.origin.signed_in(1, **app.settings())
    assert app.noted == {"/app": NOTE}
    app.notes.text = None  # as a page that has used it leaves it
    await tab.api.renew()
    assert app.noted == {"/app": NOTE}


async def test_a_session_with_a_refresh_token_of_its_own_leaves_no_note() -> None:
    """That refresh token is presented, and not the cookie."""
    app = App(TOKENS)
    app.notes.text = "of an earlier version of the app"
    await app.origin.signed_in(1, **app.settings())
    assert app.noted is None


async def test_a_sign_out_takes_the_note_away() -> None:
    app = App()
    (tab,) = await app.origin.signed_in(1, **app.settings())
    await tab.api.sign_out()
    assert app.noted is None


async def test_a_refusal_takes_the_note_away() -> None:
    app = App()
    (tab,) = await app.origin.signed_in(1, **app.settings())
    app.origin.server.cookie = None
    app.origin.clock.advance(301)
    assert isinstance(await outcome(tab.fetches(1)[0]), SessionEnded)
    assert app.noted is None


async def test_a_tab_that_did_not_begin_the_session_takes_the_note_away_as_well() -> None:
    """T8: The tab that began it may be gone by then."""
    app = App()
    first = app.origin.open(**app.settings())
    second = app.origin.open(**app.settings())
    await app.origin.sign_in(first)
    await settle()
    first.crash()
    assert app.noted == {"/app": NOTE}
    await second.api.sign_out()
    assert app.noted is None


async def test_a_page_that_is_closed_leaves_its_note() -> None:
    app = App()
    (tab,) = await app.origin.signed_in(1, **app.settings())
    await tab.api.close()
    assert app.noted == {"/app": NOTE}


async def test_each_path_has_a_note_and_the_oldest_go() -> None:
    app = App()
    (tab,) = await app.origin.signed_in(1, **app.settings())
    for number in range(MOST_PATHS):
        app.path = f"/app/{number}"
        await tab.api.renew()
    app.path = "/app/0"
    await tab.api.renew()
    assert list(app.noted) == [*(f"/app/{number}" for number in range(1, MOST_PATHS)), "/app/0"]


@pytest.mark.parametrize("text", ["{", "7", "[1]", "null", "[" * 10_000])
async def test_what_is_no_note_is_replaced(text: str) -> None:
    """X8"""
    app = App()
    app.notes.text = text
    await app.origin.signed_in(1, **app.settings())
    assert app.noted == {"/app": NOTE}


async def test_where_storage_is_forbidden_the_session_is_in_memory_all_the_same() -> None:
    """T6"""
    app = App()
    app.notes.forbidden = True
    (tab,) = await app.origin.signed_in(1, **app.settings())
    (request,) = tab.fetches(1)
    assert (await request).status == 200
    assert app.notes.text is None
