"""A running WebKitGTK, on a display that nobody sees. It speaks classic WebDriver only, so selenium drives it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browser.browsers import WebKit
from tests.processes import started

PATIENCE = 120  # seconds; nothing takes so long if all is well
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


@contextmanager
def a_screen(program: Path) -> Iterator[str]:
    """A display that nobody sees, of a number that is free."""
    command = [str(program), "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with started(command, stderr=subprocess.DEVNULL) as (_, number):
        yield f":{number.strip()}"
