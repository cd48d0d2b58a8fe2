"""An installed client serves XMLHttpRequest as well, and a page sees the events that it knows."""

from __future__ import annotations

import pytest

from tests.browser.test_install import javascript
from tests.browser.visit import PAGES, REFUSED, Visit

CONNECT = """
import asyncio, js, time, reissue
late = 0.0
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + late, tabs=False)
await api.sign_in(username="ada", password="lovelace")
api.install()
None
"""

TOOLS = (PAGES / "xhr_tools.js").read_text(encoding="utf-8")


@pytest.fixture
def page(kept: Visit) -> Visit:
    kept.execute(f"{{ {TOOLS} }}")
    kept.run(CONNECT)
    kept.reset_counters()
    return kept


WHOLE = [1, "loadstart", 2, 3, "progress", 4, "load", "loadend"]


@pytest.mark.firefox
def test_a_refused_attempt_is_never_seen(page: Visit) -> None:
    """Q1: twenty at once, and twenty by fetch; one refresh, and each object has the events of one answer."""
    page.server.control("/dev/revoke")
    page.expect_console(REFUSED, times=40)
    seen, statuses, fetched = javascript(
        page,
        """
        const all = [...Array(20).keys()].map(n => sent(`/api/echo?n=${n}`));
        const fetched = [...Array(20).keys()].map(n => fetch(`/api/echo?n=${n}`));
        const ended = await Promise.all(all.map(whole));
        return [
            ended.map(xhr => once(xhr.seen)), ended.map(xhr => [xhr.status, JSON.parse(xhr.responseText).n]),
            (await Promise.all(fetched)).map(response => response.status),
        ];
        """,
    )
    assert seen == [WHOLE] * 20
    assert statuses == [[200, str(n)] for n in range(20)]
    assert fetched == [200] * 20
    assert page.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_a_page_sees_what_it_sees_natively(page: Visit) -> None:
    """Natively; with a fresh token; with one that is rejected; and with one that has expired."""
    page.expect_console(f"{REFUSED}|status of 404", times=0, at_most=100)
    javascript(page, "await fetch('/api/me')")
    page.run("api.uninstall()")
    names = page.evaluate("Object.keys(scenarios)")
    (token,) = page.tokens
    natively = {name: page.evaluate(f"scenarios.{name}('{token}')") for name in names}
    page.run("api.install()")
    for name in names:
        assert page.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, fresh"
        page.server.control("/dev/revoke")
        page.reset_counters()
        assert page.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, rejected"
        counters = page.server.counters()
        assert (counters["refreshes_asked"], counters["api_401s"] > 0) == (1, True), name
        page.run("late += 3600")
        assert page.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, expired"
        assert page.server.counters()["refreshes_asked"] == 2, name
