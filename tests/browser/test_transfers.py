"""Uploads and downloads in a page: their progress, their replay, their end, and what is saved."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.test_python_in_the_page import CONNECT
from tests.browser.test_streams import nothing_is_open
from tests.browser.test_wire import both_ways_one_in_firefox
from tests.browser.visit import REFUSED, Visit

HELPERS = """
import js
from js import Blob, File, Uint8Array
from pyodide.ffi import to_js
from reissue import Progress
seen = []
async def error_of(awaitable):
    try:
        return await awaitable
    except (Exception, asyncio.CancelledError) as error:
        return type(error).__name__
def note(progress):
    assert isinstance(progress, Progress)
    seen.append([progress.direction, progress.loaded, progress.total])
def rises(direction):
    "The runs of what was told of this direction: each begins low and rises. The last of each, and its total."
    told, runs = [(loaded, total) for way, loaded, total in seen if way == direction], []
    for loaded, total in told:
        if not runs or loaded < runs[-1][0]:
            runs.append([loaded, total])
        runs[-1] = [loaded, total]
    return runs
None
"""


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.run(CONNECT + HELPERS)
    kept.reset_counters()
    return kept


# Uploads


@both_ways_one_in_firefox
def test_an_upload_tells_its_progress_and_begins_again_after_a_401(python: Visit) -> None:
    """Q8: The same response as any, and the whole body twice."""
    python.expect_console(REFUSED)
    python.server.control("/dev/revoke")
    result = python.run("""
file = File.new([Uint8Array.new(3_000_000)], "a.bin")
response = await api.fetch("/api/upload", method="POST", body=file, on_progress=note)
received = await response.json()
[response.status, response.ok, response.redirected, response.url == URL.new("/api/upload", js.location.href).href,
 response.headers["content-type"], received["size"], rises("upload"), rises("download")[-1][0] > 0]
""")
    sent = [3_000_000, 3_000_000]
    assert result == [200, True, False, True, "application/json", 3_000_000, [sent, sent], True]
    assert python.server.counters()["refreshes_asked"] == 1


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.firefox
def test_every_body_can_be_sent_with_progress(python: Visit) -> None:
    sent: Any = python.run("""
form = js.FormData.new()
form.append("f", Blob.new(to_js(["abc"])), "f.txt")
found = []
for body in ("tëxt", b"bytes", Uint8Array.new(5), Blob.new(to_js(["blob"])), js.URLSearchParams.new("a=1"), form):
    response = await api.fetch("/api/upload", method="PUT", body=body, on_progress=note)
    received = await response.json()
    found.append([received["size"], received["sha256"], received["fields"]])
found
""")
    expected = ["tëxt".encode(), b"bytes", b"\0" * 5, b"blob", b"a=1"]
    assert [size for size, _, _ in sent] == [*map(len, expected), 3]
    assert [hashed for _, hashed, _ in sent] == [*map(digest, expected), digest(b"abc")]
    assert sent[-1][2] == {"f": "f.txt"}
    assert python.run("len(rises('upload')) == 6 or rises('upload')") is True


@both_ways_one_in_firefox
def test_an_upload_that_is_stopped_lets_its_connection_go(python: Visit) -> None:
    """Q10, Q13: by cancellation, a signal, and a time-out; and a server that hangs up."""
    python.expect_console("ERR_", times=0, at_most=2)
    python.server.fault("/api/upload", "hold", times=3)
    python.run("""
controller = AbortController.new()
def upload(**options):
    return asyncio.create_task(error_of(api.fetch("/api/upload", method="POST", body="x", on_progress=note, **options)))
tasks = [upload(), upload(signal=controller.signal), upload(timeout=0.5)]
None""")
    python.server.wait_until_held(3)
    assert python.run("""
tasks[0].cancel()
controller.abort()
[await task for task in tasks]
""") == ["CancelledError", "RequestAborted", "TimeoutError"]
    python.server.release()
    nothing_is_open(python)
    python.server.fault("/api/upload", "drop")
    assert python.run("await upload()") == "NetworkError"


@pytest.mark.firefox
def test_errors_and_empty_responses_come_as_from_fetch(python: Visit) -> None:
    python.expect_console("status of 4", times=2)
    assert python.run("""
async def post(path, **options):
    response = await api.fetch(path, method="POST", body="x", on_progress=note, **options)
    return [response.status, response.ok, response.body_used, bool(await response.text())]
note_of = await api.fetch("/api/notes", method="POST", json={"text": "hi"}, on_progress=note)
place = note_of.headers["location"]
gone = await api.fetch(place, method="DELETE", body="", on_progress=note)
[await post("/api/notes"), await post("/nothing", auth=False), gone.status, await gone.bytes() == b"",
 await error_of(api.fetch("/api/upload", method="POST", on_progress=7)),
 await error_of(api.fetch("/api/upload", method="TRACE", body="x", on_progress=note))]
""") == [[415, False, False, True], [404, False, False, True], 204, True, "TypeError", "ValueError"]


@pytest.mark.firefox
def test_what_only_fetch_can_do_is_done_by_fetch_and_tells_the_beginning_and_the_end(python: Visit) -> None:
    """X15: XMLHttpRequest would send cookies, and follow a redirect."""
    assert python.run("""
plain = js.XMLHttpRequest
js.XMLHttpRequest = None
found = []
try:
    for options in ({"credentials": "omit"}, {"redirect": "error"}, {"keepalive": True}):
        response = await api.fetch("/api/upload", method="POST", body="four", on_progress=note, **options)
        found.append((await response.json())["size"])
finally:
    js.XMLHttpRequest = plain
[found, [told for told in seen if told[0] == "upload"]]
""") == [[4] * 3, [["upload", 0, 4], ["upload", 4, 4]] * 3]


@pytest.mark.firefox
def test_a_function_that_fails_disturbs_no_upload(python: Visit) -> None:
    assert python.run("""
reported = []
asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["message"]))
def fails(progress):
    raise KeyError
response = await api.fetch("/api/upload", method="POST", body="x", on_progress=fails)
asyncio.get_running_loop().set_exception_handler(None)
[response.status, set(reported) == {"on_progress raised"}]
""") == [200, True]


# Files and forms


@pytest.mark.firefox
@pytest.mark.parametrize("progress", ["", ", on_progress=note"])
def test_files_of_python_and_of_the_page_are_sent_again_whole_after_a_401(python: Visit, progress: str) -> None:
    """Q8, Q26: A file of Python's is read at the call, so it may be closed then."""
    python.expect_console(REFUSED)
    python.server.control("/dev/revoke")
    fields = python.run(f"""
import io
blob = Blob.new(to_js(["blob"]))
file = io.BytesIO(b"once")
sending = api.fetch("/api/upload", method="POST", data={{"caption": "hé", "n": 7}}, files={{
    "python": ("a.txt", file, "text/plain"), "bytes": b"bytes", "page": File.new(to_js(["page"]), "p.bin"),
    "blob": blob, "typed": ("t.png", blob, "image/png"), "buffer": Uint8Array.new(3),
}}{progress})
file.close()
received = await (await sending).json()
[received["size"], received["fields"]]
""")
    assert fields == [
        4 + 5 + 4 + 4 + 4 + 3,
        {"caption": "hé", "n": "7", "python": "a.txt", "bytes": "upload", "page": "p.bin", "blob": "upload",
         "typed": "t.png", "buffer": "upload"},
    ]  # fmt: skip


@pytest.mark.firefox
def test_a_form_without_files_is_urlencoded_and_what_is_no_file_is_refused(python: Visit) -> None:
    assert python.run("""
response = await api.fetch("/api/echo", method="POST", data={"a": "b c"})
received = await response.json()
async def refused(file):
    try:
        await api.fetch("/api/upload", method="POST", files={"f": file})
    except TypeError as error:
        return "'f'" in str(error)
[received["headers"]["content-type"], received["body"]["size"],
 await refused(iter([b"x"])), await refused(js.Object.new()), await refused(js.document)]
""") == ["application/x-www-form-urlencoded", 5, True, True, True]


# Downloads


@both_ways_one_in_firefox
@pytest.mark.parametrize("way", ["bytes", "text", "buffer", "memoryview", "aiter_bytes"])
def test_a_download_is_counted_in_whichever_way_it_is_read(python: Visit, way: str) -> None:
    read = {
        "aiter_bytes": "b''.join([chunk async for chunk in response.aiter_bytes()])",
        "text": "(await response.text()).encode()[:1]",
        "buffer": "(await response.buffer()).to_bytes()",
    }.get(way, f"bytes(await response.{way}())")
    size, begun, told = python.run(f"""
response = await api.fetch("/api/file?size=2000000", on_progress=note)
begun = len(seen)
[len({read}), begun, rises("download")]
""")
    assert (begun, told) == (0, [[2_000_000, 2_000_000]])
    assert size == (1 if way == "text" else 2_000_000)


@pytest.mark.firefox
def test_a_download_of_unknown_length_has_no_total(python: Visit) -> None:
    assert python.run("""
response = await api.fetch("/api/stream?lines=3&interval=0", on_progress=note)
copy = response.clone()
text = await response.text()
[text.count("data"), seen[-1], await copy.text() == text, await error_of(response.text())]
""") == [3, ["download", 27, None], True, "BodyUsedError"]


SAVED = """
(() => {
    globalThis.saved = [];
    const click = HTMLAnchorElement.prototype.click;
    HTMLAnchorElement.prototype.click = function () { saved.push([this.download, this.href]); };
    const picker = Object.getOwnPropertyDescriptor(globalThis, "showSaveFilePicker");
    globalThis.showSaveFilePicker = undefined;  // where it is, the browser's own dialog would open
    globalThis.clickAgain = () => {
        HTMLAnchorElement.prototype.click = click;
        if (picker) Object.defineProperty(globalThis, "showSaveFilePicker", picker);
    };
})()
"""


@pytest.fixture
def links(python: Visit) -> Any:
    """What would be saved by a link: Playwright hears nothing of Firefox's downloads."""
    python.execute(SAVED)
    yield lambda: python.evaluate("""Promise.all(saved.map(async ([name, href]) => {
        const blob = await (await fetch(href)).blob();
        return [name, blob.size, blob.type];
    }))""")
    python.execute("clickAgain()")


BLOBS = opened(Opening(policy={"connect-src": "'self' blob:"}))


@pytest.mark.firefox
@BLOBS
def test_a_download_is_saved_by_a_link_with_the_name_that_the_server_gave(python: Visit, links: Any) -> None:
    """A path may be relative to the audience."""
    python.expect_console(REFUSED)
    python.server.control("/dev/revoke")
    assert python.run("""
[await api.download("/api/file?size=300000&name=%C3%9Cber%2Fsicht.bin", on_progress=note),
 await api.download("/api/file?size=3", "../mine.txt"), await api.download("me"), rises("download")[-1]]
""") == ["sicht.bin", "mine.txt", "me", [300_000, 300_000]]
    sicht, mine, me = links()
    assert sicht == ["sicht.bin", 300_000, "application/octet-stream"]
    assert mine == ["mine.txt", 3, "application/octet-stream"]
    assert (me[0], me[2]) == ("me", "application/json")


@pytest.mark.firefox
@BLOBS
def test_an_error_or_a_broken_connection_saves_nothing(python: Visit, links: Any) -> None:
    python.expect_console("status of 404")
    python.expect_console("ERR_", times=0, at_most=1)
    python.server.fault("/api/file", "truncate")
    assert python.run("""
[await error_of(api.download("/api/file?size=300000")), await error_of(api.download("/api/nothing"))]
""") == ["NetworkError", "PageStatusError"]
    assert links() == []


PICKER = """
(() => {
    globalThis.picked = [];
    globalThis.refusal = "";
    globalThis.showSaveFilePicker = async ({suggestedName}) => {
        picked.push(suggestedName);
        if (refusal) throw new DOMException("no", refusal);
        const root = await navigator.storage.getDirectory();
        return root.getFileHandle("picked.bin", {create: true});
    };
})()
"""
ON_DISK = """(async () => {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle("picked.bin", {create: true})).getFile();
    return [file.size, (await file.text()).length > 0];
})()"""


@pytest.mark.firefox
@BLOBS
def test_a_download_goes_straight_to_the_disk_where_the_user_may_be_asked(python: Visit, links: Any) -> None:
    """The dialog is the test's; the file is a real one, of the origin's private file system."""
    python.execute(PICKER)
    python.expect_console("ERR_", times=0, at_most=1)
    file = "api.download('/api/file?size=500000&name=a%3Ab.bin', on_progress=note)"

    def clicked(source: str) -> Any:
        python.page.mouse.click(5, 5)  # a user has just acted: for five seconds the page may ask
        return python.run(source)

    assert clicked(f"[await {file}, rises('download')]") == ["a_b.bin", [[500_000, 500_000]]]
    assert python.evaluate(ON_DISK) == [500_000, True]
    python.server.fault("/api/file", "truncate")
    assert clicked("await error_of(api.download('/api/file?size=7'))") == "NetworkError"
    assert python.evaluate(ON_DISK)[0] == 500_000, "the file is as it was"
    python.execute("refusal = 'AbortError'")
    assert clicked(f"await {file}") is None
    assert links() == []
    python.execute("refusal = 'SecurityError'")
    assert clicked(f"await {file}") == "a_b.bin"
    assert [name for name, _, _ in links()] == ["a_b.bin"]
    nothing_is_open(python)
    python.evaluate("navigator.storage.getDirectory().then(root => root.removeEntry('picked.bin'))")


# Object URLs

SHOWN = "fetch({!r}).then(response => response.blob()).then(blob => [blob.size, blob.type], () => null)"


@pytest.mark.firefox
@BLOBS
@pytest.mark.parametrize("end", ["close", "with", "sign_out", "sign_in"])
def test_an_object_url_lasts_until_it_is_closed_or_the_session_ends(python: Visit, end: str) -> None:
    """S3: what one user was shown is not there for the next."""
    python.expect_console("ERR_FILE_NOT_FOUND|Not allowed to load|Security Error", times=0, at_most=3)
    url = python.run("""
kept = await api.object_url("file?size=100")
assert str(kept) == kept.url
kept.url""")
    assert python.evaluate(SHOWN.format(url)) == [100, "application/octet-stream"]
    python.run(
        {
            "close": "kept.close()\nkept.close()",
            "with": "with kept as same:\n    assert same is kept",
            "sign_out": "await api.sign_out()",
            "sign_in": "await api.sign_in(username='ada', password='lovelace')",
        }[end]
        + "\nNone"
    )
    assert python.evaluate(SHOWN.format(url)) is None
    assert python.run("len(api._listeners._listeners)") == (1 if end in ("close", "with") else 2)


@pytest.mark.firefox
def test_an_object_url_is_not_made_for_a_session_that_has_ended_meanwhile(python: Visit) -> None:
    python.expect_console("status of 404")
    assert python.run("""
task = asyncio.create_task(error_of(api.object_url("/api/events?each=1&stay=60")))
while "RequestEvent done" not in told:
    await asyncio.sleep(0.01)
await api.sign_out()
ended = await task
await api.sign_in(username="ada", password="lovelace")
[ended, await error_of(api.object_url("/api/nothing")), len(api._listeners._listeners)]
""") == ["SessionEnded", "PageStatusError", 1]
    nothing_is_open(python)
