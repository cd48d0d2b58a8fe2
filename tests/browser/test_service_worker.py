"""What carries no header is signed in by a service worker that asks the page: each kind of element, and each rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visit import REFUSED, Visit

WITH_A_WORKER = {
    "worker-src": "'self'",
    "trusted-types": "reissue",
    "media-src": "'self'",
    "frame-src": "'self'",
}

CONNECT = """
import asyncio, base64, js, reissue
events = []
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
api.on(lambda event: events.append(event) if isinstance(event, reissue.RequestEvent) else None)
async def put(name, content):
    assert (await api.fetch(f"/api/files/{name}", method="PUT", body=content)).status == 204
def ways(part="/api/files/"):
    found = {}
    for event in events:
        if part in event.url:
            found.setdefault(event.request, [event.url.rpartition("/")[2], event.destination]).append(event.phase.value)
    return sorted(found.values())
None
"""

# 8 s of silence: 8-bit mono at 48 kHz, so that a browser does not load all of it at once.
MAKE_FILES = """
import struct
seconds, rate = 8, 48_000
size = seconds * rate
head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", size)
await put("tone.wav", head + bytes([128]) * size)
await put("dot.png", base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
await put("page.css", b"#status { margin-left: 77px }")
await put("notes.bin", bytes(range(256)) * 100)
None
"""

ELEMENTS = """
globalThis.loaded = (tag, fields, event = "load") => new Promise(resolve => {
    const element = document.createElement(tag);
    element.addEventListener(event, () => resolve(element));
    element.addEventListener("error", () => resolve("error"));
    Object.assign(element, fields);
    document.body.append(element);
});
globalThis.image = (url, fields = {}) =>
    loaded("img", {src: url, ...fields}).then(found => found === "error" ? found : found.naturalWidth);
"""


def begin(visit: Visit, *, sign_in: bool = True, page: str = "blank.html", **settings: Any) -> Visit:
    """A page with a session, some files at the API, and the worker."""
    visit.open_blank(page, policy=WITH_A_WORKER)
    visit.run(CONNECT)
    visit.execute(ELEMENTS)
    if sign_in:
        visit.run('await api.sign_in(username="ada", password="lovelace")')
        visit.run(MAKE_FILES)
    visit.run(f"await api.install_worker(**{settings!r})")
    visit.run("events.clear()")
    visit.reset_counters()
    return visit


@pytest.mark.firefox
def test_an_image_is_signed_in(visit: Visit) -> None:
    begin(visit)
    assert visit.evaluate("image('/api/files/dot.png')") == 1
    assert visit.run("ways()") == [["dot.png", "image", "started", "sent", "done"]]
