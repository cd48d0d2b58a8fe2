"""The same page by hand, without reissue: one refresh and one request."""

import asyncio

import js
from pyodide.http import pyfetch


async def start() -> None:
    granted = await (await pyfetch("/auth/refresh", method="POST")).json()
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    answer = await (await pyfetch("/api/me", headers=headers)).json()
    js.console.log(f"answered {js.performance.now()} {answer['good']}")


starting = asyncio.create_task(start())  # noqa: RUF006 - the page keeps its names
