"""Finds the browsers of the tests, or brings them: one of each engine that `REISSUE_ENGINES` names, by default all.

Chromium, in this order: the one that `REISSUE_CHROMIUM` names, Playwright's own if it is there, an installed Chromium
or Chrome, Playwright's own from its download, and, as root on Debian, `chromium-headless-shell`. Firefox: the one that
`REISSUE_FIREFOX` names, an installed one, Playwright's own if it is there, `firefox-esr` as root on Debian, and
Playwright's own from its download. WebKit: an installed WebKitGTK with its driver and a screen for it, or Debian's.
`python tests/browser/browsers.py` says which, or what to install; an engine is left out by `REISSUE_ENGINES` alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ENGINES = ("chromium", "firefox", "webkit")
# The one without windows first: Playwright's own is of that kind too, and a page costs a fifth less in it.
COMMANDS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
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
FIREFOX_COMMANDS = ("firefox-esr", "firefox")
FIREFOX_PLACES = {
    "darwin": ("/Applications/Firefox.app/Contents/MacOS/firefox",),
    "win32": ("C:/Program Files/Mozilla Firefox/firefox.exe",),
}
# Where distributions put WebKitGTK's MiniBrowser: it is for nobody's PATH.
MINIBROWSERS = (
    "/usr/lib/*/webkit2gtk-4.*/MiniBrowser",
    "/usr/lib*/webkit2gtk-4.*/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.*/MiniBrowser",
)
# A browser that asks nothing of anybody but the page under test.
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWN = {"chromium": ("chromium", "--only-shell"), "firefox": ("firefox",)}  # what Playwright's `install` is told
DOWNLOAD_DEADLINE = 300  # seconds


class NoBrowser(Exception):
    """No browser here, and none can be brought; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser that was chosen; without a path it is Playwright's own."""

    executable: Path | None
    source: str

    def __str__(self) -> str:
        return f"{self.source} ({self.executable})" if self.executable else self.source


@dataclass(frozen=True, slots=True)
class WebKit:
    """WebKitGTK: what drives it, what is driven, and a screen that nobody sees."""

    driver: Path
    browser: Path
    screen: Path

    def __str__(self) -> str:
        return f"installed ({self.browser})"


Look = Callable[[], Browser | None]


def engines(environ: Mapping[str, str] = os.environ, *, system: str = sys.platform) -> tuple[str, ...]:
    """Return the engines to test in: those that `REISSUE_ENGINES` names, or all that this system may have."""
    named = environ.get("REISSUE_ENGINES", "").replace(",", " ").split()
    if unknown := set(named) - set(ENGINES):
        raise NoBrowser(f"REISSUE_ENGINES names {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}.")
    if named:
        return tuple(engine for engine in ENGINES if engine in named)
    return ENGINES if system == "linux" else ("chromium", "firefox")  # WebKitGTK is Linux's


def first_found(looks: Iterable[Look], *, engine: str = "chromium") -> Browser:
    """Return what the first look finds; a later one isn't made."""
    for look in looks:
        found = look()
        if found:
            return found
    name = {"chromium": "Chromium or Chrome", "firefox": "Firefox"}[engine]
    raise NoBrowser(
        f"No browser for the tests: install {name} (or name one in REISSUE_{engine.upper()}), and run again. "
        f"{leave_out(engine)}"
    )


def leave_out(engine: str) -> str:
    """Return the sentence that says how to do without an engine."""
    return f"REISSUE_ENGINES={','.join(other for other in ENGINES if other != engine)} leaves its tests out."


def find_chromium(*, bring: bool = True) -> Browser:
    """Return a Chromium; with `bring`, download or install one if there is none."""
    looks: list[Look] = [named, playwrights_own, installed]
    if bring:
        looks += [downloaded, from_debian]
    return first_found(looks)


def find_firefox(*, bring: bool = True) -> Browser:
    """Return a Firefox; with `bring`, install or download one if there is none."""
    there = partial(installed, commands=FIREFOX_COMMANDS, places=FIREFOX_PLACES.get(sys.platform, ()))
    looks: list[Look] = [partial(named, engine="firefox"), there, partial(playwrights_own, "firefox")]
    if bring:
        looks += [lambda: there() if install_from_debian("firefox-esr") else None, partial(downloaded, "firefox")]
    return first_found(looks, engine="firefox")


def find_webkit(*, bring: bool = True) -> WebKit:
    """Return a WebKitGTK; with `bring`, install it if it is not there, where that is ours to do."""
    found = installed_webkit()
    if found is None and bring and install_from_debian("webkit2gtk-driver", "xvfb"):
        found = installed_webkit()
    if found is None:
        raise NoBrowser(
            "No WebKitGTK for the tests: install WebKitWebDriver, MiniBrowser and Xvfb (Debian's webkit2gtk-driver and "
            f"xvfb), and run again. {leave_out('webkit')}"
        )
    return found


def named(environ: Mapping[str, str] = os.environ, *, engine: str = "chromium") -> Browser | None:
    """Return the browser that the user names; a name that is no file is a mistake, and not passed over."""
    variable = f"REISSUE_{engine.upper()}"
    path = environ.get(variable)
    if not path:
        return None
    if not Path(path).is_file():
        raise NoBrowser(f"{variable} is {path}, and there is no such file.")
    return Browser(Path(path), variable)


def playwrights_own(engine: str = "chromium") -> Browser | None:
    """Return the build that Playwright installed, if it did."""
    answer = _ask_playwright("--dry-run", *OWN[engine])
    folders = [line.split(":", 1)[1].strip() for line in answer.splitlines() if "Install location:" in line]
    # Playwright writes the marker when a download is through.
    if folders and all(Path(folder, "INSTALLATION_COMPLETE").is_file() for folder in folders):
        return Browser(None, "Playwright's own")
    return None


def installed(
    which: Callable[[str], str | None] = shutil.which,
    places: Iterable[str] = PLACES.get(sys.platform, ()),
    *,
    commands: Iterable[str] = COMMANDS,
) -> Browser | None:
    """Return the browser that the machine has: of Chromium, Chrome and Edge, or by other `commands`."""
    found = (path for path in map(which, commands) if path)
    for path in (*found, *places):
        if Path(path).is_file():
            return Browser(Path(path), "installed")
    return None


def installed_webkit(
    which: Callable[[str], str | None] = shutil.which, places: Iterable[str] = MINIBROWSERS
) -> WebKit | None:
    """Return the WebKitGTK that the machine has, if nothing of it is missing."""
    driver, screen = which("WebKitWebDriver"), which("Xvfb")
    browsers = [path for place in places for path in Path("/").glob(place.removeprefix("/"))]
    if not (driver and screen and browsers):
        return None
    return WebKit(Path(driver), browsers[-1], Path(screen))


def downloaded(engine: str = "chromium") -> Browser | None:
    """Return Playwright's own after downloading it; None where downloads are blocked."""
    print(f"Downloading a {engine.capitalize()} for the tests", flush=True)
    _ask_playwright(*OWN[engine])
    return playwrights_own(engine)


def from_debian() -> Browser | None:
    """Return Debian's Chromium after installing it; None where that isn't ours to do."""
    return installed() if install_from_debian("chromium-headless-shell") else None


def install_from_debian(*packages: str) -> bool:
    """Install these; False where that isn't ours to do."""
    if not is_root() or not shutil.which("apt-get"):
        return False
    print(f"Installing Debian's {' and '.join(packages)} for the tests", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *arguments], env=quiet, stdout=subprocess.DEVNULL, check=False)
    return True


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


def launch_options(chromium: Browser, *, root: bool) -> dict[str, Any]:
    """Return the keywords of Playwright's `launch` for this browser."""
    options: dict[str, Any] = {"args": ["--no-sandbox", *QUIET] if root else list(QUIET)}
    if chromium.executable:
        options["executable_path"] = str(chromium.executable)
    return options


def chromium_launch_options() -> dict[str, Any]:
    """Return the keywords of Playwright's `launch` for the browser that is here; bring none."""
    return launch_options(find_chromium(bring=False), root=is_root())


def firefox_launch_options() -> dict[str, Any]:
    """The same for Firefox. One that is not Playwright's own is driven by WebDriver BiDi."""
    firefox = find_firefox(bring=False)
    return {"channel": "moz-firefox", "executable_path": str(firefox.executable)} if firefox.executable else {}


FINDS: dict[str, Callable[[], Browser | WebKit]] = {
    "chromium": find_chromium,
    "firefox": find_firefox,
    "webkit": find_webkit,
}


def main() -> None:
    """Find or bring the browsers, and say which."""
    try:
        chosen = engines()
        for engine in chosen:
            print(f"Browser for the tests: {engine}, {FINDS[engine]()}")
    except NoBrowser as error:
        sys.exit(str(error))
    if left_out := set(ENGINES) - set(chosen):
        print(f"NOT TESTED: {', '.join(sorted(left_out))}")


if __name__ == "__main__":
    main()
