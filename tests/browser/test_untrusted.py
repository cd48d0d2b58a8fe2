"""What comes in is not trusted: a page's Python outlives it, and no markup moves the endpoint."""

from __future__ import annotations

import pytest

from tests.browser.test_wire import both_ways_one_in_firefox
from tests.browser.visit import Visit

CONNECT = """
import asyncio, json
from base64 import urlsafe_b64encode
import reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("auth"), store="local")

def part(text):
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

deep = '{"a":' + "[" * 60_000 + "]" * 60_000 + "}"
deep_tokens = [f"e30.{part(deep)}.AAAA", f"{part(deep)}.e30.AAAA"]

async def outcome(call):
    try:
        return await call
    except Exception as error:
        return type(error).__name__
"""


@pytest.mark.firefox
def test_a_token_that_is_nested_some_thousand_deep_ends_no_pages_python(visit: Visit) -> None:
    """X8: by the app, the channel, the store, and a later load."""
    visit.open_blank().run(CONNECT + "None")
    assert visit.run("""
seen = []
for token in deep_tokens:
    await api.adopt(token)
    seen.append(dict(api.claims))
seen
""") == [{}, {}]
    name = f"reissue:default {visit.server.origin}/auth/refresh"
    visit.evaluate(f"window.kept = localStorage.getItem({name!r})")
    visit.evaluate(f"""new Promise(resolve => {{
        const channel = new BroadcastChannel({name!r});
        const [began, session] = JSON.parse(kept).edition.split(".");
        for (const number of [7, 8]) {{
            const version = `${{began}}.${{session}}.${{number}}`;
            channel.postMessage(JSON.stringify({{...JSON.parse(kept), edition: version}}));
        }}
        channel.postMessage("[".repeat(100_000));
        setTimeout(resolve);
    }})""")
    assert visit.run("dict(api.claims)") == {}
    visit.open_blank().run(CONNECT + "None")
    assert visit.run("[await outcome(api.resume()), dict(api.claims), api.state.name]") == [True, {}, "SIGNED_IN"]
    visit.run("await api.close()")


def test_an_inserted_base_moves_no_endpoint(visit: Visit) -> None:
    """X12: neither password nor refresh token goes where it points."""
    visit.open_blank(policy={"base-uri": "'self'"}).run(CONNECT + "None")
    visit.reset_counters()
    visit.evaluate("""(() => {
        const base = document.createElement("base");
        base.href = `${location.origin}/elsewhere/`;
        document.head.prepend(base);
    })()""")
    assert visit.evaluate("document.baseURI").endswith("/elsewhere/")
    assert (
        visit.run("""
await api.sign_in(username="ada", password="lovelace")
await api.renew()
await api.sign_out()
api.state.name
""")
        == "SIGNED_OUT"
    )
    counters = visit.server.counters()
    assert (counters["logins"], counters["refreshes_granted"]) == (1, 1)


@both_ways_one_in_firefox
def test_an_answer_that_does_not_end_is_cancelled_at_its_bound(kept: Visit) -> None:
    """X8: the endpoint's answer is read as far as any is long, and its connection is let go."""
    kept.run(CONNECT + "None")
    kept.execute("""
        window.native = window.fetch;
        window.pulled = window.cancelled = 0;
        window.given = {};
        window.fetch = async () => new Response(new ReadableStream({
            pull(controller) { window.pulled += 1; controller.enqueue(new Uint8Array(65536).fill(32)); },
            cancel() { window.cancelled += 1; },
        }), {headers: window.given});
    """)
    assert kept.run("await outcome(api.sign_in(username='ada', password='lovelace'))") == "MalformedToken"
    assert kept.evaluate("window.cancelled") == 1
    assert 16 <= kept.evaluate("window.pulled") < 24
    kept.execute("window.given = {'Content-Length': '2000000'}; window.pulled = 0")
    assert kept.run("await outcome(api.sign_in(username='ada', password='lovelace'))") == "MalformedToken"
    assert kept.evaluate("[window.cancelled, window.pulled < 3]") == [2, True]
    kept.execute("window.fetch = window.native")
