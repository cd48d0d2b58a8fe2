"""A page whose service worker signs in what carries no header, and elements to try it with."""

from __future__ import annotations

from typing import Any

from tests.browser.kept import Opening, opened
from tests.browser.visit import Policy, Visit

WITH_A_WORKER: Policy = {
    "worker-src": "'self'",
    "trusted-types": "reissue",
    "media-src": "'self'",
    "frame-src": "'self'",
}

CONNECT = """
import asyncio, base64, js, time, zlib, reissue
events, skew = [], 0
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + skew)
api.on(lambda event: events.append(event) if isinstance(event, reissue.RequestEvent) else None)
async def put(name, content):
    assert (await api.fetch(f"/api/files/{name}", method="PUT", body=content)).status == 204
def ways(part="/api/files/"):
    found = {}
    for event in events:
        if part in event.url:
            way = found.setdefault(event.request, [event.url.rpartition("/")[2], event.destination])
            way.append(event.status if event.phase is reissue.events.RequestPhase.DONE else event.phase.value)
    return sorted(found.values(), key=str)
async def until(condition):
    while not condition():
        await asyncio.sleep(0.02)
None
"""

# 8 s of silence: 8-bit mono at 48 kHz, so that a browser does not load all of it at once.
MAKE_FILES = """
import struct
seconds, rate = 8, 48_000
size = seconds * rate
form = struct.pack("<4s4sIHHIIHH", b"WAVE", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
head = struct.pack("<4sI", b"RIFF", 36 + size) + form + struct.pack("<4sI", b"data", size)
await put("tone.wav", head + bytes([128]) * size)
pixel = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
await put("dot.png", pixel)
await put("small.ttf", zlib.decompress(base64.b64decode(
    "eNpjYGRgYOBiaGBgZlDwD9Y3crSwP8rAwKgBFE1Izk0sYOBhmALkTwDyTdJzKtNMK3MLgfwzQL5IRmpiiu72jgtA9hogNssACjDUMrgB2U+AWCUjt6SC"
    "wQHIYmDsABJsOfnJiUC7QPwjIH5uYkUBAwsDK5DPAeQr5CXmpjLMjDkB5D8A8m0K8otLgO4CAiYZkDwDyK1AHHm/9HE8v81XoBzY9OdGS9ch0ww2QMgA"
    "lGVigACQPrBKMMkClGVkQAWMYBEmoB6IDBMDOgDaBQwFVqBuwgDFdHsgAFKOQIgLKMDdB7Mb5GsRqGtEgHYqgN3NAuY7/v8PIf8fQLKJC24vyPdAMwyN"
    "TW1AwQDUZQaVYYSFINgWEA9oAwsnkGaC+B3IBrFYQoIYQhiCIGGPGwAAFMk3nw==")))
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


# A page that the worker controls already. It is for tests of what the worker does with the same settings; what it
# makes of other settings, of pages that come and go, and of its own start is tested in pages of their own.
INSTALL = """
import reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.install_worker()
await api.close()
"""
CONTROLLED = Opening(policy=WITH_A_WORKER, prepare=INSTALL)
controlled_page = opened(CONTROLLED)


def begin(
    visit: Visit, *, sign_in: bool = True, connect: str = CONNECT, policy: Policy | None = None, **settings: Any
) -> Visit:
    """A page with a session, some files at the API, and the worker."""
    visit.open_blank(policy={**WITH_A_WORKER, **(policy or {})})
    return begin_here(visit, sign_in=sign_in, connect=connect, **settings)


def begin_here(visit: Visit, *, sign_in: bool = True, connect: str = CONNECT, **settings: Any) -> Visit:
    """The same in a page that is open."""
    visit.run(connect)
    visit.execute(ELEMENTS)
    if sign_in:
        visit.run('await api.sign_in(username="ada", password="lovelace")')
        visit.run(MAKE_FILES)
    visit.run(f"await api.install_worker(**{settings!r})")
    visit.run("events.clear()")
    visit.reset_counters()
    return visit
