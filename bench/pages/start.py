"""The page whose start is measured: it resumes the session from the browser's cookie, and gets one protected answer."""

import asyncio

import js
import reissue


async def start() -> None:
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    await api.resume()
    answer = await (await api.fetch("/api/me")).json()
    js.console.log(f"answered {js.performance.now()} {answer['good']}")


starting = asyncio.create_task(start())  # noqa: RUF006 - the page keeps its names
