"""Emulated servers in a real page, by the document's lines; and the makers' own SDKs, whose tokens the page adopts.

`tests/emulated/test_servers.py` has every server, in CPython. Here the page sends to the servers' own hosts, and
Playwright hands its requests to the emulated server on loopback.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Route

from tests.browser.visit import REFUSED, Visit
from tests.documents import AS_AN_SDK, run_by
from tests.emulated.page import BLOCKS
from tests.emulated.rows import Server, cognito, firebase, supabase
from tests.servers.bring import modules
from tests.servers.conftest import Start

RUNNING = """
import asyncio, time
import reissue

skew = 0

async def outcome(call):
    try:
        response = await call
    except reissue.ReissueError as error:
        return [type(error).__name__, getattr(error, "reason", None) or getattr(error, "description", None)]
    return getattr(response, "status", response)

async def ten():
    return await asyncio.gather(*(outcome(api.fetch({url!r})) for _ in range(10)))
"""


@dataclass
class Acted:
    """A page in front of an emulated server."""

    visit: Visit
    server: Server
    url: str  # of the emulated server

    def control(self, does: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/emulated/{does}", timeout=30) as answer:
            seen: dict[str, Any] = json.load(answer)
        return seen

    def begun(self) -> None:
        """The page, anew."""
        self.visit.blank_has_begun()
        self.visit.run(f"{RUNNING.format(url=self.server.api.url)}\nNone")

    @property
    def origins(self) -> set[str]:
        urls = [call.url for call in self.server.calls] + [self.server.api.url]
        return {f"https://{urlsplit(url).netloc}" for url in urls}

    def forward(self, route: Route) -> None:
        """The page's request, to the emulated server on loopback."""
        parts = urlsplit(route.request.url)
        headers = {**route.request.headers, "x-emulated-host": parts.netloc}
        there = route.fetch(url=f"{self.url}{parts.path}?{parts.query}".rstrip("?"), headers=headers)
        route.fulfill(response=there)

    def run(self, code: str) -> Any:
        """Code of the document, with a clock that the test can turn."""
        return self.visit.run(code.replace('store="session"', 'store="session", clock=lambda: time.time() + skew'))

    def finish(self) -> None:
        assert self.control("see")["objections"] == []


@pytest.fixture
def act(visit: Visit, start: Start) -> Callable[[Server], Acted]:
    def begun(server: Server) -> Acted:
        acted = Acted(visit, server, start("emulated_app", visit.server.origin))
        acted.control(f"use?name={quote(server.name)}")
        visit.allowed_origins |= acted.origins
        api = urlsplit(server.api.url)
        visit.api = f"https://{api.netloc}/"
        for origin in acted.origins:
            visit.context.route(re.compile(re.escape(origin) + "/"), acted.forward)
        visit.begin_blank(policy={"connect-src": f"'self' {' '.join(sorted(acted.origins))}"})
        acted.begun()
        return acted

    return begun


@pytest.mark.parametrize("row", [supabase, firebase, cognito], ids=lambda row: row.name)
def test_a_page_signs_in_and_stays_signed_in_by_the_documents_lines(
    visit: Visit, act: Callable[[Server], Acted], row: Server
) -> None:
    acted = act(row)
    block = BLOCKS[row.name].code
    *lines, sign_in = block.rstrip().splitlines()
    settings = "\n".join(lines)
    visit.expect_console("status of 400", times=2)
    wrong = sign_in.replace("await api", "await outcome(api").replace("lovelace", "hopper") + ")"
    assert acted.run(f"{settings}\n{wrong}") == ["GrantRefused", row.words]
    acted.run(f"{block}\nNone")
    assert visit.run("await ten()") == [200] * 10
    visit.run(f"skew = {row.life}\nNone")
    assert visit.run("await ten()") == [200] * 10
    assert acted.control("see")["refreshes"] == 1, "expired"

    visit.page.reload()
    acted.begun()
    assert acted.run(f"{settings}\nawait api.resume()") is True
    visit.expect_console(REFUSED, times=0, at_most=20)
    acted.control("reject")
    assert visit.run("await ten()") == [200] * 10
    assert acted.control("see")["refreshes"] == 2, "rejected"

    acted.control("end")
    assert visit.run("await ten()") == [["SessionEnded", "refused"]] * 10
    assert visit.run("await api.resume()") is False
    acted.run(f"{sign_in}\nawait api.sign_out()")
    assert len(acted.control("see")["told"]) == (0 if row is firebase else 1)
    acted.finish()


SDKS = {block.heading: block for block in run_by(AS_AN_SDK)}
FILES = {
    "@firebase/app": "@firebase/app/dist/esm/index.esm.js",
    "@firebase/auth": "@firebase/auth/dist/esm/index.js",
    "@firebase/component": "@firebase/component/dist/esm/index.esm.js",
    "@firebase/logger": "@firebase/logger/dist/esm/index.esm.js",
    "@firebase/util": "@firebase/util/dist/index.esm.js",
    "idb": "idb/build/index.js",
    "@supabase/supabase-js": "@supabase/supabase-js/dist/umd/supabase.js",
}
"""What a page imports by name. Here nothing bundles it: the names become addresses."""


def serve_sdks(visit: Visit) -> None:
    folder = modules()

    def answer(route: Route) -> None:
        file = folder / urlsplit(route.request.url).path.removeprefix("/sdk/")
        text = re.sub(
            r"((?:from|import) ?)(['\"])((?:@firebase/\w+|idb))\2",
            lambda found: f"{found[1]}{found[2]}/sdk/{FILES[found[3]]}{found[2]}",
            Path(file).read_text(encoding="utf-8"),
        )
        if file.name == "supabase.js":  # made for a script of its own, whose variables are the page's
            text += "\nglobalThis.supabase = supabase;"
        route.fulfill(body=text, headers={"Content-Type": "text/javascript"})

    visit.context.route(re.compile(re.escape(visit.server.url) + "sdk/"), answer)


@pytest.mark.parametrize(
    ("row", "load"),
    [
        (
            supabase,
            f"await import('/sdk/{FILES['@supabase/supabase-js']}')",
        ),
        (
            firebase,
            f"globalThis.firebase = {{...await import('/sdk/{FILES['@firebase/app']}'), "
            f"...await import('/sdk/{FILES['@firebase/auth']}')}};",
        ),
    ],
    ids=["supabase-js", "firebase"],
)
def test_a_page_adopts_the_tokens_that_an_sdk_signed_in_for(
    visit: Visit, act: Callable[[Server], Acted], row: Server, load: str
) -> None:
    acted = act(row)
    serve_sdks(visit)
    visit.evaluate(f"(async () => {{ {load} }})()")
    acted.run(f"{BLOCKS[row.name].code.rpartition('await api.sign_in')[0]}\nNone")
    visit.run(f"{SDKS[f'{row.name} by its SDK'].code}\nNone")
    assert visit.run("await ten()") == [200] * 10
    assert visit.run("api.claims['sub']") == row.user
    visit.run(f"skew = {row.life}\nNone")
    assert visit.run("await ten()") == [200] * 10
    assert acted.control("see")["refreshes"] == 1
    acted.finish()
