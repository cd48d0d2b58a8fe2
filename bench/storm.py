"""What bench/admission.py runs in the page: `await storm(…)`."""

import asyncio
import gc
import time

import reissue


async def storm(token: str, expires_in: float, count: int, in_flight: int) -> dict[str, float]:
    """`count` requests at once over a token that is valid for another `expires_in` seconds, by the page's clock."""
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), in_flight=in_flight)
    await api.adopt(token, expires_in=expires_in)

    async def status(url: str) -> int:
        try:
            return int((await api.fetch(url)).status)
        except (reissue.ReissueError, OSError):
            return 0

    gc.collect()
    began = time.perf_counter()
    statuses = await asyncio.gather(*(status(f"/api/echo?n={n}") for n in range(count)))
    seconds = time.perf_counter() - began
    await api.close()
    return {"seconds": seconds, "answered": statuses.count(200)}
