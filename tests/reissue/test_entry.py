"""The front door: closed outside a browser, and handing everything on within one."""

import runpy
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import reissue
from reissue import Endpoint, ReissueError


def test_connect_in_a_browser_hands_everything_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own side needs a page, so another stands in its place; tests/browser has the real one."""
    asked: dict[str, Any] = {}
    page = ModuleType("reissue.browser.page")

    def connect_page(audience: str, **options: Any) -> str:
        asked.update(options, audience=audience)
        return "an interceptor"

    page.connect_page = connect_page  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "reissue.browser.page", page)
    endpoint: Any = Endpoint("/auth")
    connected: Any = reissue.connect("/api/", endpoint=endpoint, leeway=5)
    assert connected == "an interceptor"
    assert asked == {"audience": "/api/", "endpoint": endpoint, "leeway": 5}


def test_connect_outside_a_browser_says_so() -> None:
    with pytest.raises(ReissueError, match="needs a browser"):
        reissue.connect("/api/", endpoint=Endpoint("/auth"))


def test_the_public_surface_is_what_init_lists() -> None:
    public = {name for name, value in vars(reissue).items() if name[0] != "_" and not isinstance(value, ModuleType)}
    assert public == set(reissue.__all__)
    assert sorted(reissue.__all__) == reissue.__all__
    for name in reissue.__all__:
        assert getattr(reissue, name).__doc__, name


def test_cookie_is_read_in_a_page_and_elsewhere_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReissueError, match="needs a page"):
        reissue.cookie("csrftoken")
    cookies = ModuleType("reissue.browser.cookies")
    cookies.read_cookie = lambda name: f"value of {name}"  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "reissue.browser.cookies", cookies)
    assert reissue.cookie("csrftoken") == "value of csrftoken"


@pytest.mark.parametrize("call", ["connect", "cookie", "inspect"])
def test_a_python_of_emscripten_without_pyodide_is_a_clear_error(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    api: Any = None
    calls: dict[str, Callable[[], object]] = {
        "connect": lambda: reissue.connect("/api/", endpoint=Endpoint("/auth")),
        "cookie": lambda: reissue.cookie("csrftoken"),
        "inspect": lambda: reissue.inspect(api, "#panel"),
    }
    with pytest.raises(ReissueError, match="needs Pyodide in the browser"):
        calls[call]()


def test_micropython_is_told_that_it_needs_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own first lines, run where Python says that it is another."""
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="micropython", cache_tag=None))
    with pytest.raises(ImportError, match='this is MicroPython: say type="py" in place of type="mpy"'):
        runpy.run_path(str(reissue.__file__))
