"""docs/guide.md, word for word: its files and commands in an empty folder, its page in a browser.

What a command brings from the network (`make … site`, `pip install …`) is here already, and is put in its place.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.visit import READY, STARTED
from tests.documents import AS_A_GUIDE, Block, run_by, text_of
from tests.other_origin import OtherOrigin, other_origin
from tests.servers.conftest import PYTHON

REFRESH, ASKED = "POST /auth/refresh", "GET /api/hello"


def test_the_guide_leads_to_a_protected_page(page: Page, tmp_path: Path, published: Path) -> None:
    (tmp_path / "reissue").mkdir()
    (tmp_path / "reissue" / "dist").symlink_to(published)
    folder = follow(tmp_path, run_by(AS_A_GUIDE))
    said: list[str] = []
    sent: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: sent.append(f"{request.method} {urlsplit(request.url).path}"))
    with serving(folder) as server:
        page.goto(server.url)
        message = page.locator("#message")
        expect(message).to_have_text("Sign in as ada, with the password lovelace.", timeout=STARTED)
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill("lovelace")
        page.get_by_role("button", name="Sign in").click()
        expect(message).to_have_text("Signed in as ada.")
        with page.expect_request("**/api/hello") as first:
            page.get_by_role("button", name="Ask ten times at once").click()
        expect(message).to_have_text("10 answers: hello, ada!")
        expect(page.get_by_role("option").first).to_be_attached()  # in the panel, for screen readers
        server.wait_until_refused(first.value.headers["authorization"])
        sent.clear()
        answers = count(1)
        with page.expect_response(lambda response: response.url.endswith("/api/hello") and next(answers) == 10):
            page.get_by_role("button", name="Ask ten times at once").click()
        expect(message).to_have_text("10 answers: hello, ada!")
        assert sent == [REFRESH, *[ASKED] * 10]
        with other_origin() as neighbour:
            forged_calls_are_refused(page.context.new_page(), neighbour, server)
        page.reload()
        expect(message).to_have_text("Signed in as ada.", timeout=STARTED)
        second = page.context.new_page()
        second.on("request", lambda request: sent.append(f"second {request.method} {urlsplit(request.url).path}"))
        second.goto(server.url)
        expect(second.locator("#message")).to_have_text("Signed in as ada.", timeout=STARTED)
        page.get_by_role("button", name="Sign out").click()
        expect(second.get_by_role("button", name="Sign in")).to_be_visible()
        failures_are_told(second)
    assert [line for line in said if line != READY] == []
    assert sum(ASKED in line and '" 401 ' not in line for line in server.log) == 20, server.log
    first_ask = next(n for n, line in enumerate(server.log) if ASKED in line)
    renewed = next(n for n, line in enumerate(server.log) if REFRESH in line and n > first_ask)
    assert all(ASKED in line for line in server.log[renewed + 1 : renewed + 11]), "as the guide says of the log"


def forged_calls_are_refused(page: Page, neighbour: OtherOrigin, server: Served) -> None:
    """A page on another port of this host is of the same site, so its calls bring the cookie: they must be refused."""
    page.goto(neighbour.origin)
    for path in ("auth/logout", "auth/refresh", "auth/login"):
        call = f"fetch('{server.url}{path}', {{method: 'POST', mode: 'no-cors', credentials: 'include'}})"
        with page.expect_response(server.url + path) as answer:
            page.evaluate(f"{call}.then(() => null)")
        assert answer.value.status == 403
        assert "set-cookie" not in answer.value.headers
    page.close()


def failures_are_told(page: Page) -> None:
    """Whatever the server does, the page says something, and no error is left uncaught; from signed out on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    message, sign_in = page.locator("#message"), page.get_by_role("button", name="Sign in")
    with answered(page, "**/auth/refresh", status=503):
        page.reload()
        expect(message).to_have_text(
            "The server can't be asked who is signed in. Reload to try again.", timeout=STARTED
        )
    expect(sign_in).to_be_hidden()
    page.reload()
    expect(message).to_have_text("Sign in as ada, with the password lovelace.", timeout=STARTED)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    with answered(page, "**/auth/login", status=200, body="<!doctype html>", content_type="text/html"):
        sign_in.click()
        expect(message).to_have_text("The server can't sign you in just now. Try again.")
    sign_in.click()
    expect(message).to_have_text("Signed in as ada.")
    with answered(page, "**/auth/logout", status=503):
        page.get_by_role("button", name="Sign out").click()
        expect(message).to_have_text("Signed out here. The server will be told when you come back.")
    assert [line for line in said if line != READY and "status of 503" not in line] == []


@contextmanager
def answered(page: Page, path: str, **answer: Any) -> Iterator[None]:
    """Meanwhile these requests don't reach the server."""
    page.route(path, lambda route: route.fulfill(**answer))
    yield
    page.unroute(path)


def follow(empty: Path, guide: list[Block]) -> Path:
    """Do what the guide says in this folder, beside a clone of this repository, up to the server; the app's folder."""
    here, files = empty, 0
    for block in guide:
        if block.language != "sh":
            place = here / ("server.py" if named(block) == "server.py" else f"page/{named(block)}")
            assert not place.exists()
            place.write_text(block.code, encoding="utf-8")
            files += 1
        elif "uvicorn server" not in block.code:
            for line in block.code.splitlines():
                here = do(line, here)
    assert files == 4
    return here


def named(block: Block) -> str:
    """The file that the text above a block speaks of."""
    above = "\n".join(text_of(block.document).splitlines()[: block.line - 2])
    paragraph = re.split(r"^```$|^#+ .*$", above, flags=re.MULTILINE)[-1]
    names: set[str] = set(re.findall(r"`(\w+\.(?:py|js|html|toml))`", paragraph))
    assert len(names) == 1, (str(block), names)
    return names.pop()


def do(line: str, here: Path) -> Path:
    """Do what a line of the guide says in a folder; the folder that one is in then."""
    match line.split():
        case ["make", "-C", "reissue", target]:
            assert f"\n{target}:" in text_of("Makefile")
        case ["cd", folder]:
            return here / folder
        case ["python3", "-m", "venv", ".venv"]:
            (here / ".venv").symlink_to(PYTHON.parents[1])  # it has what the next line installs
        case [".venv/bin/python", "-m", "pip", "install", *packages]:
            subprocess.run([PYTHON, "-m", "pip", "show", "--quiet", *packages], check=True)
        case ["mkdir" | "cp", *_] as command:
            subprocess.run(command, cwd=here, check=True)
        case _:
            raise AssertionError(f"nobody here knows how to do this: {line}")
    return here


@dataclass(frozen=True, slots=True)
class Served:
    """The guide's server; `log` is whole once it has stopped."""

    url: str
    log: list[str]

    def wait_until_refused(self, bearer: str) -> None:
        """The one wait in real time: the guide's token lives for three seconds."""
        status = 200
        while status == 200:
            connection = HTTPConnection(urlsplit(self.url).netloc, timeout=120)
            connection.request("GET", "/api/hello?waiting", headers={"Authorization": bearer})
            status = connection.getresponse().status
            connection.close()


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """The guide's last command, with a port that is free."""
    (command,) = (block.code.strip() for block in run_by(AS_A_GUIDE) if "uvicorn server" in block.code)
    assert f"127.0.0.1:{command.split()[-1]}/" in text_of("docs/guide.md")
    kept = folder / "log"
    with kept.open("w", encoding="utf-8") as access_log:  # a pipe that nobody reads would stop it once it is full
        process = subprocess.Popen(
            [*command.split()[:-1], "0"],
            cwd=folder, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=access_log, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert process.stderr
    log: list[str] = []
    said = ""
    try:
        for line in process.stderr:
            said += line
            if found := re.search(r"running on (http://[\d.:]+)", line):
                break
        else:
            raise RuntimeError(said)
        yield Served(f"{found[1]}/", log)
    finally:
        process.terminate()
        process.communicate(timeout=10)
        log += [line for line in kept.read_text(encoding="utf-8").splitlines() if "?waiting" not in line]
