"""A running WebKitGTK, on a display that nobody sees. It speaks classic WebDriver only, so selenium drives it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.support.ui import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browser.browsers import WebKit
from tests.processes import started

PATIENCE = 120  # seconds; nothing takes so long if all is well
START = 40  # the same of a start
# WebAssembly is compiled once, as in the other engines (tests/browser/conftest.py): half of the processor time.
COMPILE_ONCE = {"JSC_useOMGJIT": "0"}


@contextmanager
def running_webkit(found: WebKit) -> Iterator[webdriver.WebKitGTK]:
    """Its driver."""
    with a_screen(found.screen) as display:
        options = Options()
        options.binary_location = str(found.browser)
        options.add_argument("--automation")
        environment = {**os.environ, **COMPILE_ONCE, "DISPLAY": display, "GDK_BACKEND": "x11"}
        driver = webdriver.WebKitGTK(options=options, service=Service(str(found.driver), env=environment))
        driver.set_script_timeout(PATIENCE)
        try:
            yield driver
        finally:
            driver.quit()


def open_page(driver: webdriver.WebKitGTK, url: str, is_ready: Callable[[webdriver.WebKitGTK], bool]) -> None:
    """Open a page, and wait until its Python is up.

    WebKitGTK 2.50 stops in one of some hundred starts while Pyodide starts Python, before Python runs any code of the
    page: the browser waits, idle. Such a page is loaded once more.
    """
    driver.get(url)
    try:
        wait(driver, is_ready, START)
    except TimeoutException:
        print(f"WebKit did not start Python within {START} s: loading {url} once more")
        driver.get(url)
        wait(driver, is_ready)


def wait(driver: webdriver.WebKitGTK, holds: Callable[[webdriver.WebKitGTK], bool], seconds: float = PATIENCE) -> None:
    """Wait until this holds. Raises TimeoutException."""
    WebDriverWait(driver, seconds, poll_frequency=0.05).until(holds)


@contextmanager
def a_screen(program: Path) -> Iterator[str]:
    """A display that nobody sees, of a number that is free."""
    command = [str(program), "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with started(command, stderr=subprocess.DEVNULL) as (_, number):
        yield f":{number.strip()}"
