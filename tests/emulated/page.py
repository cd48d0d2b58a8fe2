"""A page in front of the emulated servers, in CPython: it runs a document's block, over the real requests and answers.

Like a browser it keeps cookies and the session's store from one page to the next.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import httpx2
import reissue
from reissue import Interceptor, Request, Response
from reissue.storage import Memory
from reissue.testing import Clock

from tests.documents import AS_AN_EMULATED_SERVER, Block, run_by
from tests.emulated.rows import Server
from tests.emulated.server import PASSWORD, Emulated, emulation

BLOCKS = {block.heading: block for block in run_by(AS_AN_EMULATED_SERVER)}


def settings_of(block: Block) -> str:
    """A block without the sign-in, which is its last statement."""
    *statements, last = ast.parse(block.code).body
    assert ast.unparse(last).startswith("await api.sign_in("), block
    return "\n".join(ast.unparse(statement) for statement in statements)


def lines_of(block: Block) -> int:
    """How many lines of settings a user writes: all but imports, empty ones and the sign-in."""
    last = ast.parse(block.code).body[-1].lineno
    lines = [line.strip() for line in block.code.splitlines()[: last - 1]]
    return sum(bool(line) and not line.startswith(("import ", "from ")) for line in lines)


@dataclass
class EmulatedPage:
    """Runs the document's block for a server. `requests` are those that went over the wire."""

    server: Server
    clock: Clock = field(default_factory=Clock)
    requests: list[Request] = field(default_factory=list)
    stores: dict[str, Memory] = field(default_factory=dict)
    opened: list[Interceptor] = field(default_factory=list)
    before: int = 0  # refreshes that were part of the sign-in

    def __post_init__(self) -> None:
        app, switch = emulation(self.clock)
        self.acted: Emulated = switch.use(self.server.name)
        self.block = BLOCKS[self.server.name]
        self.browser = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))

    async def send(self, request: Request) -> Response:
        """The transport."""
        self.requests.append(request)
        await asyncio.sleep(0)  # a network is never instant: let other tasks run
        content = request.body.encode() if isinstance(request.body, str) else request.body
        answer = await self.browser.request(request.method, request.url, headers=dict(request.headers), content=content)
        return Response(answer.status_code, dict(answer.headers), answer.content)

    def connect(self, audience: str | Iterable[str], *, endpoint: Any, store: str = "memory", **options: Any) -> Any:
        """In the place of `reissue.connect`."""
        if store != "memory":
            options["store"] = self.stores.setdefault(store, Memory())
        api = Interceptor(self.send, audience=audience, endpoint=endpoint, clock=self.clock, **options)
        self.opened.append(api)
        return api

    def cookie(self, name: str) -> str:
        """As `reissue.cookie`: of those that a script can read."""
        readable = [kept for kept in self.browser.cookies.jar if not kept.has_nonstandard_attr("HttpOnly")]
        return next((unquote(kept.value or "") for kept in readable if kept.name == name), "")

    async def run(self, code: str) -> Any:
        """Run code of a page: the block, or a part of it; its `api`."""
        here: dict[str, Any] = {}
        compiled = compile(code, self.block.document, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with patch.object(reissue, "connect", self.connect):
            awaitable = eval(compiled, here)
            if awaitable is not None:
                await awaitable
        return here["api"]

    async def open(self) -> Any:
        """The page, anew: what it kept in memory is gone."""
        return await self.run(settings_of(self.block))

    async def signed_in(self) -> Any:
        """The block as it stands."""
        api = await self.run(self.block.code)
        self.before = self.acted.refreshes
        return api

    def with_a_wrong_password(self) -> str:
        assert self.block.code.count(f'"{PASSWORD}"') == 1
        return self.block.code.replace(f'"{PASSWORD}"', '"hopper"')

    async def ten(self, api: Any) -> list[Any]:
        """What comes of ten requests at once: a status, or why the session has ended."""

        async def one() -> Any:
            try:
                response = await api.fetch(self.server.api.url, method=self.server.api.method)
            except reissue.SessionEnded as ended:
                return ended.reason
            return response.status

        return await asyncio.gather(*(one() for _ in range(10)))
