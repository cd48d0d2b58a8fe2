"""The page whose start is measured: it resumes the session from the browser's cookie, and gets one protected answer.

With `?early`, the session is asked for before Python runs.
"""

import asyncio

import js
import reissue

EARLY = "early" in js.location.search


async def start() -> None:
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), resume_early=EARLY)
    await api.resume()
    answer = await (await api.fetch("/api/me")).json()
    js.console.log(f"answered {js.performance.now()} {answer['good']}")


starting = asyncio.create_task(start())  # noqa: RUF006 - the page keeps its names
