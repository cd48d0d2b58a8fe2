"""Which browser is chosen; that one of them runs is for the browser tests to show."""

import re
from pathlib import Path

import pytest

from tests.browser import browsers
from tests.browser.browsers import (
    FIREFOX_COMMANDS,
    Browser,
    NoBrowser,
    WebKit,
    engines,
    find_chromium,
    find_firefox,
    find_webkit,
    firefox_launch_options,
    first_found,
    installed,
    installed_webkit,
    launch_options,
    named,
)
from tests.live_server import ROOT


def a_browser(folder: Path, name: str = "chromium") -> Path:
    file = folder / name
    file.touch()
    return file


def test_the_first_that_is_found_is_taken_and_nothing_is_downloaded_then() -> None:
    asked = []

    def look(name: str, found: Browser | None) -> Browser | None:
        asked.append(name)
        return found

    own = Browser(None, "own")
    chosen = first_found(
        [lambda: look("absent", None), lambda: look("own", own), lambda: look("download", Browser(None, "new"))]
    )
    assert chosen is own
    assert asked == ["absent", "own"]


def test_without_any_browser_one_sentence_says_what_to_install() -> None:
    with pytest.raises(NoBrowser, match="install Chromium or Chrome"):
        first_found([lambda: None, lambda: None])


def test_the_browser_that_the_user_names_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = a_browser(tmp_path)
    monkeypatch.setenv("REISSUE_CHROMIUM", str(mine))
    assert find_chromium(bring=False).executable == mine


def test_a_named_browser_that_is_not_there_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(NoBrowser, match="no such file"):
        named({"REISSUE_CHROMIUM": str(tmp_path / "absent")})


def test_nobody_named_a_browser() -> None:
    assert named({}) is None


def test_an_installed_chromium_is_preferred_to_chrome(tmp_path: Path) -> None:
    chromium, chrome = a_browser(tmp_path), a_browser(tmp_path, "chrome")
    path = {"google-chrome": str(chrome), "chromium": str(chromium)}
    assert installed(path.get, places=()) == Browser(chromium, "installed")


def test_a_chromium_without_windows_is_preferred_to_one_that_has_them(tmp_path: Path) -> None:
    shell, chromium = a_browser(tmp_path, "shell"), a_browser(tmp_path)
    path = {"chromium": str(chromium), "chromium-headless-shell": str(shell)}
    assert installed(path.get, places=()) == Browser(shell, "installed")


def test_a_browser_outside_the_path_is_found_where_its_installer_puts_it(tmp_path: Path) -> None:
    chrome = a_browser(tmp_path, "Google Chrome")
    places = (str(tmp_path / "absent"), str(chrome))
    assert installed(lambda command: None, places) == Browser(chrome, "installed")


def test_playwrights_own_needs_no_path() -> None:
    assert "executable_path" not in launch_options(Browser(None, "own"), root=False)


def test_only_root_gives_up_the_sandbox(tmp_path: Path) -> None:
    chromium = Browser(a_browser(tmp_path), "installed")
    assert "--no-sandbox" in launch_options(chromium, root=True)["args"]
    assert "--no-sandbox" not in launch_options(chromium, root=False)["args"]
    assert launch_options(chromium, root=False)["executable_path"] == str(tmp_path / "chromium")


# Three engines


def test_every_engine_is_tested_in_unless_somebody_names_others() -> None:
    assert engines({}, system="linux") == ("chromium", "firefox", "webkit")
    assert engines({"REISSUE_ENGINES": ""}, system="linux") == ("chromium", "firefox", "webkit")
    assert engines({"REISSUE_ENGINES": "firefox chromium"}) == engines({"REISSUE_ENGINES": "chromium,firefox"})
    assert engines({"REISSUE_ENGINES": "firefox, chromium"}) == ("chromium", "firefox")
    assert engines({}, system="darwin") == ("chromium", "firefox"), "there is no WebKitGTK"


def test_an_engine_that_there_is_not_is_a_mistake_and_not_passed_over() -> None:
    with pytest.raises(NoBrowser, match="REISSUE_ENGINES names gecko; there are chromium, firefox, webkit"):
        engines({"REISSUE_ENGINES": "chromium,gecko"})


def test_an_engine_that_can_t_be_had_is_told_with_how_to_leave_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REISSUE_FIREFOX", raising=False)
    for look in ("installed", "playwrights_own", "downloaded", "installed_webkit"):
        monkeypatch.setattr(browsers, look, lambda *_, **__: None)
    monkeypatch.setattr(browsers, "is_root", lambda: False)
    with pytest.raises(NoBrowser, match=r"install Firefox .*REISSUE_FIREFOX.* REISSUE_ENGINES=chromium,webkit leaves"):
        find_firefox()
    with pytest.raises(NoBrowser, match=r"webkit2gtk-driver and xvfb.* REISSUE_ENGINES=chromium,firefox leaves"):
        find_webkit()


def test_firefox_is_the_named_one_or_debians_before_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    esr, other = a_browser(tmp_path, "firefox-esr"), a_browser(tmp_path, "firefox")
    path = {"firefox": str(other), "firefox-esr": str(esr)}
    assert installed(path.get, places=(), commands=FIREFOX_COMMANDS) == Browser(esr, "installed")
    monkeypatch.setenv("REISSUE_FIREFOX", str(other))
    assert find_firefox(bring=False) == Browser(other, "REISSUE_FIREFOX")
    assert firefox_launch_options() == {"channel": "moz-firefox", "executable_path": str(other)}


def test_playwrights_own_firefox_is_driven_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REISSUE_FIREFOX", raising=False)
    monkeypatch.setattr(browsers, "installed", lambda *_, **__: None)
    monkeypatch.setattr(browsers, "playwrights_own", lambda engine: Browser(None, "own"))
    assert firefox_launch_options() == {}


def test_webkit_needs_its_driver_its_browser_and_a_screen(tmp_path: Path) -> None:
    browser = a_browser(tmp_path, "MiniBrowser")
    path = {"WebKitWebDriver": "/usr/bin/WebKitWebDriver", "Xvfb": "/usr/bin/Xvfb"}
    assert installed_webkit(path.get, [f"{tmp_path}/Mini*"]) == WebKit(
        Path(path["WebKitWebDriver"]), browser, Path(path["Xvfb"])
    )
    assert installed_webkit(path.get, [f"{tmp_path}/absent*"]) is None
    for missing in path:
        assert installed_webkit({**path, missing: None}.get, [str(browser)]) is None


def test_the_document_says_which_drivers_are_pinned() -> None:
    told = (ROOT / "docs" / "browsers.md").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^(\w+)==([\d.]+?)(?:\.0)? ", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    for driver in ("Playwright", "selenium"):
        assert set(re.findall(rf"{driver} ([\d.]+\d)", told)) == {pinned[driver.lower()]}
