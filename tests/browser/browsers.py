"""Finds a Chromium for the browser tests, or brings one.

In this order: the one that `REISSUE_CHROMIUM` names, Playwright's own if it is there, an installed Chromium or
Chrome, Playwright's own from its download, and, as root on Debian, the package `chromium`.
`python tests/browser/browsers.py` says which.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = {
    "darwin": (
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ),
    "win32": (
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
        "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
        "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    ),
}
# A browser that asks nothing of anybody but the page under test.
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DOWNLOAD_DEADLINE = 300  # seconds


class NoBrowser(Exception):
    """No browser here, and none can be brought; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """The browser that was chosen; without a path it is Playwright's own."""

    executable: Path | None
    source: str


Look = Callable[[], Chromium | None]


def first_found(looks: Iterable[Look]) -> Chromium:
    """Return what the first look finds; a later one isn't made."""
    for look in looks:
        found = look()
        if found:
            return found
    raise NoBrowser(
        "No browser for the tests: install Chromium or Chrome (or name one in REISSUE_CHROMIUM), and run again."
    )


def find_chromium(*, bring: bool = True) -> Chromium:
    """Return a Chromium; with `bring`, download or install one if there is none."""
    looks: list[Look] = [named, playwrights_own, installed]
    if bring:
        looks += [downloaded, from_debian]
    return first_found(looks)


def named(environ: Mapping[str, str] = os.environ) -> Chromium | None:
    """Return the browser that the user names; a name that is no file is a mistake, and not passed over."""
    path = environ.get("REISSUE_CHROMIUM")
    if not path:
        return None
    if not Path(path).is_file():
        raise NoBrowser(f"REISSUE_CHROMIUM is {path}, and there is no such file.")
    return Chromium(Path(path), "REISSUE_CHROMIUM")


def playwrights_own() -> Chromium | None:
    """Return the build that Playwright installed, if it did."""
    answer = _ask_playwright("--dry-run", "chromium", "--only-shell")
    folders = [line.split(":", 1)[1].strip() for line in answer.splitlines() if "Install location:" in line]
    # Playwright writes the marker when a download is through.
    if folders and all(Path(folder, "INSTALLATION_COMPLETE").is_file() for folder in folders):
        return Chromium(None, "Playwright's own")
    return None


def installed(
    which: Callable[[str], str | None] = shutil.which,
    places: Iterable[str] = PLACES.get(sys.platform, ()),
) -> Chromium | None:
    """Return the Chromium, Chrome or Edge that the machine has."""
    commands = (path for path in map(which, COMMANDS) if path)
    for path in (*commands, *places):
        if Path(path).is_file():
            return Chromium(Path(path), "installed")
    return None


def downloaded() -> Chromium | None:
    """Return Playwright's own after downloading it; None where downloads are blocked."""
    print("Downloading a Chromium for the tests", flush=True)
    _ask_playwright("chromium", "--only-shell")
    return playwrights_own()


def from_debian() -> Chromium | None:
    """Return Debian's Chromium after installing it; None where that isn't ours to do."""
    if not is_root() or not shutil.which("apt-get"):
        return None
    print("Installing Debian's chromium for the tests", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "-qq", *arguments], env=quiet, stdout=subprocess.DEVNULL, check=False)
    return installed()


def _ask_playwright(*arguments: str) -> str:
    command = [sys.executable, "-m", "playwright", "install", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=DOWNLOAD_DEADLINE, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def is_root() -> bool:
    """Tell whether this is Linux's root, for whom Chromium has no sandbox."""
    return sys.platform == "linux" and os.geteuid() == 0


def launch_options(chromium: Chromium, *, root: bool) -> dict[str, Any]:
    """Return the keywords of Playwright's `launch` for this browser."""
    options: dict[str, Any] = {"args": ["--no-sandbox", *QUIET] if root else list(QUIET)}
    if chromium.executable:
        options["executable_path"] = str(chromium.executable)
    return options


def chromium_launch_options() -> dict[str, Any]:
    """Return the keywords of Playwright's `launch` for the browser that is here; bring none."""
    return launch_options(find_chromium(bring=False), root=is_root())


def main() -> None:
    """Find or bring a browser, and say which."""
    try:
        chromium = find_chromium()
    except NoBrowser as error:
        sys.exit(str(error))
    where = f" ({chromium.executable})" if chromium.executable else ""
    print(f"Browser for the tests: {chromium.source}{where}")


if __name__ == "__main__":
    main()
