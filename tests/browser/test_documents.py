"""The Python of the documents that needs a page: all of it in one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from tests.browser.visit import REFUSED, Visit
from tests.documents import AS_THREE_COROUTINES, IN_A_PAGE, TOGETHER, run_by

CONNECT = """
import asyncio, js, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
"""
BEFORE = {
    ("docs/clients.md", "Examples"): CONNECT,
    ("docs/inspector.md", "The inspector"): f"""{CONNECT}
panel = js.document.createElement("div")
panel.id = "panel"
js.document.body.append(panel)
""",
    ("docs/inspector.md", "In a notebook, or a worker"): CONNECT,
    ("docs/endpoints.md", "A sign-in of your own"): """
import reissue
async def asked(path, **fields):
    free = reissue.connect("/nowhere/", endpoint=reissue.Endpoint("/auth"), tabs=False)
    return await (await free.fetch(path, method="POST", json=fields, auth=False)).json()
first_token = (await asked("/auth/login", username="ada", password="lovelace"))["access_token"]
async def my_own_way_to_ask(credential):
    answer = await asked("/auth/refresh")
    return {"jwt": answer["access_token"], "seconds": answer["expires_in"]}
""",
}
"""What a reader has by then, by document and heading."""

AFTER: dict[tuple[str, str], tuple[str, object]] = {
    ("docs/clients.md", "Examples"): ("await api.resume()", True),
    ("docs/inspector.md", "The inspector"): ("js.document.querySelector('#panel').childElementCount", 0),
    ("docs/inspector.md", "In a notebook, or a worker"): (
        "recording._repr_svg_()[:4] + api._repr_html_()[:4]",
        "<svg<div",
    ),
    ("docs/endpoints.md", "A cookie and three addresses"): ("(await api.fetch('/api/me')).status", 200),
    ("docs/endpoints.md", "Routes"): ("endpoint.refresh_url", "https://api.example/v2/sessions/current"),
    ("docs/endpoints.md", "Tokens in cookies alone"): (
        "await api.sign_in(username='ada', password='lovelace')\n[api.state.value, dict(api.claims)]",
        ["signed_in", {}],
    ),
    ("docs/endpoints.md", "A sign-in of your own"): ("await api.renew()\n(await api.fetch('/api/me')).status", 200),
}
"""What must hold then; the last expression, and its value."""


def test_the_documents_run_in_a_page(kept: Visit) -> None:
    chapters = {(block.document, block.heading): block for block in run_by(IN_A_PAGE)}
    assert len(chapters) == len(run_by(IN_A_PAGE)), "one block for each heading"
    assert set(BEFORE) <= set(AFTER) == set(chapters)
    for place, block in chapters.items():
        kept.run(BEFORE.get(place, "") + "\nNone")
        kept.run(block.code + "\nNone")
        source, expected = AFTER[place]
        assert kept.run(source) == expected, block


EACH = """
await api.resume()
shown = []
await follow(lambda kind, data: shown.append(data))
text = await text_of("/api/stream?lines=1&interval=0", 60)
stalled = asyncio.create_task(text_of("/api/stream?lines=2&interval=60", 0.5))
await asyncio.wait([stalled])
fractions = []
uploaded = await upload(js.File.new([js.Uint8Array.new(300_000)], "a.bin"), fractions.append)
photo = await (await send_photo(js.File.new([js.Uint8Array.new(7)], "b.png"), "hi")).json()
js.showSaveFilePicker = None  # the browser's own dialog
saved = await save_report(fractions.append)
image = js.document.createElement("a")
await show_photo(image)
[shown, [row async for row in rows() if row], text, type(stalled.exception()).__name__,
 (await uploaded.json())["size"], photo["fields"], saved, fractions[-1], image.src[:5]]
"""
GRAPHQL = """
refused = {"errors": [{"extensions": {"code": "UNAUTHENTICATED"}}]}
for body in (refused, {"data": {"me": "ada"}}, [{"data": {}}, refused], [], ["odd"]):
    fault = {"path": "/api/graphql", "kind": "status", "status": 200, "body": body}
    await api.fetch("/dev/faults", method="POST", json=fault, auth=False)
told = []
stop = api.on(told.append)
answers = [await query("query($n: Int) { me }", n=1) for _ in range(3)]
stop()
[answers, [event.phase.value for event in told if isinstance(event, reissue.RequestEvent)]]
"""
ALL_AT_ONCE = """
fault = {"path": "/api/graphql", "kind": "status", "status": 200, "body": {"data": {"me": "ada"}}}
await api.fetch("/dev/faults", method="POST", json=fault, auth=False)
await api.fetch("/dev/revoke", method="POST", json={}, auth=False)
shown = []
file = js.File.new([js.Uint8Array.new(300_000)], "a.bin")
notes, answer, response, _, lines = await asyncio.gather(
    api.fetch("/api/notes"), query("{ me }"), upload(file, fractions.append),
    follow(lambda kind, data: shown.append(data)), text_of("/api/stream?lines=2&interval=0", 60),
)
[await notes.json(), answer, (await response.json())["size"], shown, lines.count("data")]
"""


@pytest.mark.firefox
def test_the_recipes_and_the_transfers_work_together(kept: Visit) -> None:
    """All of them in one page, by the client of the GraphQL recipe: one by one, and at once over a revoked token."""
    kept.expect_console(REFUSED, times=5)
    kept.run(CONNECT + "None")
    for block in sorted(run_by(TOGETHER), key=lambda block: block.document, reverse=True):  # GraphQL's client is last
        kept.run(block.code + "\nNone")
    ids = ["1", "2", "3", "4", "5"]
    assert kept.run(EACH) == [
        ids, [f"data: {n}" for n in range(5)], "data: 0\n\n", "TimeoutError",
        300_000, {"caption": "hi", "photo": "b.png"}, "notes.bin", 1, "blob:",
    ]  # fmt: skip
    kept.server.clear_faults()
    assert kept.run(GRAPHQL) == [
        [{"data": {"me": "ada"}}, [], ["odd"]],
        [*["started", "sent", "refused", "replayed", "done"] * 2, *["started", "sent", "done"]],
    ]
    kept.reset_counters()
    assert kept.run(ALL_AT_ONCE) == [[], {"data": {"me": "ada"}}, 300_000, ids, 2]
    assert kept.server.counters()["refreshes_asked"] == 1


def test_three_coroutines_are_an_endpoint(visit: Visit) -> None:
    """Against a server that no setting describes: it gives tickets, and wants them in a header."""
    (block,) = run_by(AS_THREE_COROUTINES)
    asked: list[tuple[str, str, str | None]] = []

    def door(route: Route) -> None:
        request = route.request
        asked.append((request.method, request.url.rpartition("/")[2], request.headers.get("x-ticket")))
        if len(asked) == 5:
            route.fulfill(status=410)
        else:
            route.fulfill(json=[f"jwt-{len(asked)}", f"ticket-{len(asked)}"])

    visit.open_blank()
    visit.context.route("**/door/*", door)
    visit.expect_console("status of 410")
    visit.run(block.code + "\nNone")
    visit.run("await api.sign_in(name='ada')\nawait api.renew()\nawait api.sign_out()")
    assert asked == [("POST", "enter", None), ("PATCH", "again", "ticket-1"), ("DELETE", "leave", "ticket-2")]
    visit.run("await api.sign_in(name='ada')")
    refused = "try:\n    await api.renew()\nexcept reissue.GrantRefused as error:\n    found = error.error"
    assert visit.run(f"{refused}\nfound") == "ticket_gone"
