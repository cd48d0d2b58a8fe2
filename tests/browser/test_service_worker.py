"""What carries no header is signed in by a service worker that asks the page: each kind of element, and each rule."""

from __future__ import annotations


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
head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", size)
await put("tone.wav", head + bytes([128]) * size)
await put("dot.png", base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
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


EVERY_KIND = """
(async () => {
    const media = loaded("audio", {src: "/api/files/tone.wav", preload: "auto"}, "loadedmetadata").then(async audio => {
        if (audio === "error") return audio;
        audio.currentTime = 6;
        await new Promise(resolve => audio.addEventListener("seeked", resolve, {once: true}));
        return [audio.duration, audio.currentTime];
    });
    const style = loaded("link", {rel: "stylesheet", href: "/api/files/page.css"}).then(
        () => getComputedStyle(document.querySelector("#status")).marginLeft);
    const font = new FontFace("small", "url(/api/files/small.ttf)").load().then(({status}) => status, String);
    const stream = new Promise(resolve => {
        const source = new EventSource("/api/stream?lines=2&interval=0");
        source.onmessage = ({data}) => { source.close(); resolve(data); };
        source.onerror = () => { source.close(); resolve("error"); };
    });
    const beacon = navigator.sendBeacon("/api/upload", new URLSearchParams({text: "said"}));
    const frame = document.createElement("iframe");
    frame.name = "answers";
    const form = document.createElement("form");
    Object.assign(form, {action: "/api/upload", method: "post", target: "answers", enctype: "multipart/form-data"});
    const field = Object.assign(document.createElement("input"), {name: "text", value: "posted"});
    form.append(field);
    document.body.append(frame, form);
    form.submit();
    const late = new Promise(resolve => setTimeout(resolve, 20_000, "late"));
    const all = [image("/api/files/dot.png"), media, style, font, stream, beacon];
    return Promise.all(all.map(one => Promise.race([one, late])));
})()
"""


@pytest.mark.firefox
@pytest.mark.parametrize("token", ["accepted", "expired", "revoked"])
def test_every_kind_of_element_waits_for_the_one_refresh_and_is_answered(visit: Visit, token: str) -> None:
    """Q1: an image, media with a range and a seek, a style, a font, a stream, a beacon and a form."""
    begin(visit)
    if token == "expired":
        visit.run("skew = 3600")
    if token == "revoked":
        visit.server.control("/dev/revoke")
    assert visit.evaluate(EVERY_KIND) == [1, [8, 6], "77px", "loaded", "0", True]
    uploads = "[way for way in ways('/api/upload') if way[-1] == 200]"
    visit.run(f"await until(lambda: len({uploads}) == 2)")
    assert [way[:2] for way in visit.run("ways('/api/upload')")] == [["upload", "beacon"], ["upload", "iframe"]]
    destinations = {way[1]: way[-1] for way in visit.run("ways('/api/')")}
    assert destinations == {
        "audio": 206, "beacon": 200, "eventsource": 200, "font": 200, "iframe": 200, "image": 200, "style": 200,
    }  # fmt: skip
    assert visit.server.counters()["refreshes_asked"] == (0 if token == "accepted" else 1)
    visit.expect_console("frame-ancestors|X-Frame-Options", times=0, at_most=1)


@pytest.mark.firefox
@pytest.mark.parametrize("token", ["accepted", "revoked"])
def test_a_link_with_download_is_signed_in_and_saved_under_its_name(visit: Visit, token: str) -> None:
    """Chromium sends such a request past every service worker: the page makes a navigation of it."""
    begin(visit)
    if token == "revoked":
        visit.server.control("/dev/revoke")
    with visit.page.expect_download() as download:
        visit.execute("""
            const link = Object.assign(document.createElement("a"), {href: "/api/files/notes.bin", download: "häß.bin"});
            document.body.append(link);
            link.click();
        """)
    assert download.value.suggested_filename == "häß.bin"
    assert download.value.path().read_bytes() == bytes(range(256)) * 100
    assert visit.run("ways()")[0][:2] == ["notes.bin", "document"]
    assert visit.run("ways()")[0][-1] == 200
