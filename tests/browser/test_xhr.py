"""An installed client serves XMLHttpRequest as well, and a page sees the events that it knows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.test_install import javascript
from tests.browser.visit import REFUSED, Visit

CONNECT = """
import asyncio, js, time, reissue
late = 0.0
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + late, tabs=False)
await api.sign_in(username="ada", password="lovelace")
api.install()
None
"""

# `sent(…)` gives an object, and notes all that a page can see of it, until `whole(xhr)`.
TOOLS = """
globalThis.EVENTS = ["readystatechange", "loadstart", "progress", "load", "loadend", "error", "timeout", "abort"];
globalThis.noted = (xhr, {upload = false} = {}) => {
    xhr.seen = [];
    for (const type of EVENTS) {
        xhr.addEventListener(type, () => xhr.seen.push(type === "readystatechange" ? xhr.readyState : type));
        if (upload) xhr.upload.addEventListener(type, () => xhr.seen.push(`upload ${type}`));
    }
    return xhr;
};
globalThis.sent = (path, {method = "GET", body, upload, prepare = () => {}} = {}) => {
    const xhr = noted(new XMLHttpRequest(), {upload});
    xhr.open(method, path);
    prepare(xhr);
    xhr.send(body);
    return xhr;
};
globalThis.whole = xhr => new Promise(resolve => {
    if (xhr.seen.at(-1) === "loadend") resolve(xhr);
    else xhr.addEventListener("loadend", () => resolve(xhr));
});
globalThis.once = (seen) => seen.filter((one, at) => one !== "progress" || seen[at - 1] !== "progress");
"""


@pytest.fixture
def page(kept: Visit) -> Visit:
    kept.execute(TOOLS)
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
