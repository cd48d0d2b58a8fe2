"""One browser at one server: it opens pages, and what they keep of it outlives them. The wire can be cut."""

import json
from typing import Any

from reissue import Endpoint, Interceptor, Request, Response
from reissue.testing import FakeServer, Gate

from tests.reissue.conftest import outcome
from tests.reissue.origin import Shelf
from tests.reissue.pages import Pages


class Line:
    """The server, behind a wire that can be cut; and what was asked over it."""

    def __init__(self, **options: Any) -> None:
        self.server = FakeServer(**options)
        self.offline = False
        self.asked: list[str] = []
        self.bodies: list[bytes | None] = []
        self.gate: Gate | None = None  # of sign-outs
        self.sign_in_gate: Gate | None = None  # of the answers to sign-ins
        self.granted: list[str] = []  # the refresh tokens that sign-ins have brought in bodies
        self.sign_out_status: int | None = None  # what they are answered by, and nothing is done

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request.url.removeprefix(self.server.url))
        self.bodies.append(request.body)
        if self.offline:
            raise OSError("offline")
        if self.gate is not None and request.url.endswith("logout"):
            await self.gate.passed()
        if self.sign_out_status is not None and request.url.endswith("logout"):
            return Response(self.sign_out_status)
        response = await self.server(request)
        if request.url.endswith("login"):
            self.granted.append(json.loads(response.body).get("refresh_token"))
            if self.sign_in_gate is not None:
                await self.sign_in_gate.passed()
        return response

    async def accepts(self, refresh_token: str) -> bool:
        """Would the server still refresh by this?"""
        body = json.dumps({"refresh_token": refresh_token}).encode()
        return (await self.server(Request(f"{self.server.url}auth/refresh", "POST", body=body))).status == 200


class Browser:
    """Opens pages of one origin. What they keep of it outlives them."""

    def __init__(self, **options: Any) -> None:
        self.line = Line(**options)
        self.pages = Pages()
        self.pending_sign_out = Shelf()
        self.opened: list[Interceptor] = []

    def open(self, **options: Any) -> Interceptor:
        server = self.line.server
        settings: dict[str, Any] = {
            "peers": self.pages.page(),
            "pending_sign_out": self.pending_sign_out,
            "clock": server.clock,
        }
        api = Interceptor(
            self.line, audience=f"{server.url}api/", endpoint=Endpoint(f"{server.url}auth"), **(settings | options)
        )
        self.opened.append(api)
        return api

    async def signed_in(self, **options: Any) -> Interceptor:
        api = self.open(**options)
        await api.sign_in(username="ada", password="lovelace")
        return api

    async def signed_out_offline(self, **options: Any) -> Interceptor:
        api = await self.signed_in(**options)
        self.line.offline = True
        assert isinstance(await outcome(api.sign_out()), OSError)
        return api

    async def reload(self, api: Interceptor) -> Interceptor:
        await api.close()
        self.line.asked.clear()
        return self.open()

    async def close(self) -> None:
        for api in self.opened:
            await api.close()
