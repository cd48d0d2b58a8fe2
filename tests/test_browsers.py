"""Which browser is chosen; that one of them runs is for the browser tests to show."""

from pathlib import Path

import pytest

from tests.browser.browsers import (
    Chromium,
    NoBrowser,
    find_chromium,
    first_found,
    installed,
    launch_options,
    named,
)


def a_browser(folder: Path, name: str = "chromium") -> Path:
    file = folder / name
    file.touch()
    return file


def test_the_first_that_is_found_is_taken_and_nothing_is_downloaded_then() -> None:
    asked = []

    def look(name: str, found: Chromium | None) -> Chromium | None:
        asked.append(name)
        return found

    own = Chromium(None, "own")
    chosen = first_found(
        [lambda: look("absent", None), lambda: look("own", own), lambda: look("download", Chromium(None, "new"))]
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
    assert installed(path.get, places=()) == Chromium(chromium, "installed")


def test_a_browser_outside_the_path_is_found_where_its_installer_puts_it(tmp_path: Path) -> None:
    chrome = a_browser(tmp_path, "Google Chrome")
    places = (str(tmp_path / "absent"), str(chrome))
    assert installed(lambda command: None, places) == Chromium(chrome, "installed")


def test_playwrights_own_needs_no_path() -> None:
    assert "executable_path" not in launch_options(Chromium(None, "own"), root=False)


def test_only_root_gives_up_the_sandbox(tmp_path: Path) -> None:
    chromium = Chromium(a_browser(tmp_path), "installed")
    assert "--no-sandbox" in launch_options(chromium, root=True)["args"]
    assert "--no-sandbox" not in launch_options(chromium, root=False)["args"]
    assert launch_options(chromium, root=False)["executable_path"] == str(tmp_path / "chromium")
