"""A stale token is still sent, in a real browser: what `bench/steady.py` measures, without a clock that runs."""

from __future__ import annotations

from tests.browser.test_stopping import long_lived
from tests.browser.visit import Visit

LIFE = 3600  # seconds: `long_lived`

# The page's clock is the test's own: nothing here can come too late.
CONNECT = """
import asyncio, reissue
from collections import Counter

now = 0.0
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: now, deadline=600)
renewed = asyncio.Event()
api.on(lambda event: renewed.set() if event.phase is reissue.RefreshPhase.SUCCEEDED else None)
await api.sign_in(username="ada", password="lovelace")

async def burst(count):
    responses = await asyncio.gather(*(api.fetch(f"/api/echo?n={n}") for n in range(count)))
    return Counter(str(response.status) for response in responses)

None
"""


@long_lived
def test_requests_near_the_end_of_three_lives_go_out_while_their_one_refresh_is_held(kept: Visit) -> None:
    """Fifty requests over each token are answered before its renewal is: not one of them waited for it."""
    kept.run(CONNECT)
    kept.reset_counters()
    for life in range(1, 4):
        kept.server.fault("/auth/refresh", "hold")
        assert kept.run(f"now += {LIFE} - 10\nawait burst(50)") == {"200": 50}
        kept.server.wait_until_held()
        assert kept.run("api.state.value") == "refreshing"
        assert kept.server.counters()["refreshes_granted"] == life - 1
        kept.server.release()
        assert kept.run("await renewed.wait()\nrenewed.clear()\napi.expires_in") == LIFE
        assert kept.run("await burst(50)") == {"200": 50}
    counters = kept.server.counters()
    assert counters["refreshes_asked"] == counters["refreshes_granted"] == 3, "one for each life"
    assert counters["api_requests"] == 300
    assert counters["api_401s"] == counters["reuse_detections"] == 0
