"""What carries no header is signed in by a service worker that asks the page: each kind of element."""

from __future__ import annotations

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.browser.with_worker import CONNECT, MAKE_FILES, WITH_A_WORKER, begin, begin_here, controlled_page
from tests.documents import AS_AN_ELEMENT, run_by

# TOKEN makes these addresses other ones in each test: a page keeps in memory what it has loaded.
EVERY_KIND = """
(async () => {
    const tone = {src: "/api/files/tone.wav?TOKEN", preload: "auto"};
    const media = loaded("audio", tone, "loadedmetadata").then(async audio => {
        if (audio === "error") return audio;
        audio.currentTime = 6;
        await new Promise(resolve => audio.addEventListener("seeked", resolve, {once: true}));
        return [audio.duration, audio.currentTime];
    });
    const style = loaded("link", {rel: "stylesheet", href: "/api/files/page.css?TOKEN"}).then(
        () => getComputedStyle(document.querySelector("#status")).marginLeft);
    const font = new FontFace("small", "url(/api/files/small.ttf?TOKEN)").load().then(({status}) => status, String);
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
    const all = [image("/api/files/dot.png?TOKEN"), media, style, font, stream, beacon];
    return Promise.all(all.map(one => Promise.race([one, late])));
})()
"""


# The same file by turns: by the page's fetch with the header, and as an image by way of the worker.
MEASURE = """
(async () => {
    const headers = {Authorization: "Bearer TOKEN"}, native = [], worker = [];
    for (let n = 0; n < COUNT; n++) {
        const start = performance.now();
        await fetch(`/api/files/dot.png?native=${n}`, {headers}).then(answer => answer.arrayBuffer());
        const between = performance.now();
        await image(`/api/files/dot.png?worker=${n}`);
        native.push(between - start);
        worker.push(performance.now() - between);
    }
    const median = times => times.sort((one, other) => one - other)[times.length >> 1];
    return [median(native), median(worker)];
})()
"""


@pytest.mark.parametrize("token", ["accepted", "expired", pytest.param("revoked", marks=pytest.mark.firefox)])
@controlled_page
def test_every_kind_of_element_waits_for_the_one_refresh_and_is_answered(kept: Visit, token: str) -> None:
    """Q1: an image, media with a range and a seek, a style, a font, a stream, a beacon and a form."""
    begin_here(kept)
    if token == "expired":
        kept.run("skew = 3600")
    if token == "revoked":
        kept.server.control("/dev/revoke")
    assert kept.evaluate(EVERY_KIND.replace("TOKEN", token)) == [1, [8, 6], "77px", "loaded", "0", True]
    uploads = "[way for way in ways('/api/upload') if way[-1] == 200]"
    kept.run(f"await until(lambda: len({uploads}) == 2)")
    assert [way[:2] for way in kept.run("ways('/api/upload')")] == [["upload", "beacon"], ["upload", "iframe"]]
    destinations = {way[1]: way[-1] for way in kept.run("ways('/api/')")}
    assert destinations == {
        "audio": 206, "beacon": 200, "eventsource": 200, "font": 200, "iframe": 200, "image": 200, "style": 200,
    }  # fmt: skip
    assert kept.server.counters()["refreshes_asked"] == (0 if token == "accepted" else 1)
    # The answer to the form is not shown: the server lets no page frame it.
    kept.expect_console("frame-ancestors|ServiceWorker intercepted", times=0, at_most=9)  # the browser's own


@pytest.mark.parametrize("token", ["accepted", pytest.param("revoked", marks=pytest.mark.firefox)])
@controlled_page
def test_a_link_with_download_is_signed_in_and_saved_under_its_name(kept: Visit, token: str) -> None:
    """Chromium sends such a request past every service worker: a frame of the page makes a navigation of it.

    A navigation of the page itself would end what it has on the wire: Firefox aborts that.
    """
    begin_here(kept)
    if token == "revoked":
        kept.server.control("/dev/revoke")
    kept.server.fault("/api/echo", "hold")
    kept.execute('globalThis.slow = fetch("/api/echo").then(({status}) => status, String);')
    kept.server.wait_until_held()
    kept.expect_console(REFUSED)
    with kept.page.expect_download() as download:
        kept.execute(f"""{{
            const link = document.createElement("a");
            Object.assign(link, {{href: "/api/files/notes.bin", download: "häß {token}.bin"}});
            document.body.append(link);
            link.click();
        }}""")
    kept.server.release()
    assert kept.evaluate("slow") == 401, "it is not signed in, and it is answered"
    assert download.value.suggested_filename == f"häß {token}.bin"
    assert download.value.path().read_bytes() == bytes(range(256)) * 100
    assert kept.run("ways()")[0][:2] == ["notes.bin", "download"]
    assert kept.run("ways()")[0][-1] == 200


@pytest.mark.firefox
def test_the_documents_example_shows_the_picture(visit: Visit) -> None:
    visit.open_blank(policy=WITH_A_WORKER)
    visit.run(CONNECT)
    visit.run('await api.sign_in(username="ada", password="lovelace")')
    visit.run(MAKE_FILES + 'await put("picture.png", pixel)')
    for block in run_by(AS_AN_ELEMENT):
        visit.run(f"{block.code}\nNone")
    assert visit.evaluate("(async img => { await img.decode(); return img.naturalWidth; })(document.images[0])") == 1


def test_what_an_image_costs(visit: Visit) -> None:
    """The figures of docs/elements.md: `pytest -s -k what_an_image_costs` prints them."""
    begin(visit)
    visit.context.unroute_all()  # Playwright stops at each request of the page, and at none of the worker
    (token,) = visit.tokens
    native, worker = visit.evaluate(MEASURE.replace("COUNT", "50").replace("TOKEN", token))
    print(f"{visit.engine}: {native:.1f} ms natively, {worker:.1f} ms by way of the worker (medians of 50)")
    assert native > 0
    assert worker > 0
