"""The middleware that counts requests as they arrive, and applies the ordered faults."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devserver.connection import NOT_HTTP, hang_up
from devserver.faults import Fault
from devserver.issuer import Issuer
from devserver.lab import Lab
from devserver.requests import COOKIE, IN_BODY, SESSION


class Traffic:
    """ASGI middleware: counts requests as they arrive, and applies the faults."""

    def __init__(self, app: ASGIApp, lab: Lab, issuer: Issuer) -> None:
        self.app = app
        self.lab = lab
        self.issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts the request, and passes it on."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = scope["path"]
        sid = scope[SESSION] = self._session(path, scope)
        if scope["method"] == "POST" and path in ("/auth/refresh", f"{IN_BODY}/refresh"):
            self.lab.count("refreshes_asked", sid)
        if not path.startswith("/api/"):
            return await self._go(scope, receive, send)

        async def watch(message: Message) -> None:
            if message.get("status") == 401:
                self.lab.count("api_401s", sid)
            await send(message)

        counted = self.lab.counted(sid)
        for counters in counted:
            counters.api_requests += 1
            counters.api_in_flight += 1
            counters.api_in_flight_max = max(counters.api_in_flight, counters.api_in_flight_max)
        try:
            await self._go(scope, receive, watch)
        finally:
            for counters in counted:
                counters.api_in_flight -= 1

    def _session(self, path: str, scope: Scope) -> str | None:
        """The session of a request: by its bearer token below `/api/`, by its cookie below `/auth/`."""
        if path.startswith("/api/"):
            return self.issuer.session_named_in(Headers(scope=scope).get("authorization", "").partition(" ")[2])
        if path.startswith("/auth/") and not path.startswith(f"{IN_BODY}/"):
            return self.issuer.session_of(Request(scope).cookies.get(COOKIE, ""))
        return None

    async def _go(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.lab.take_fault(scope["path"], scope[SESSION])
        if fault is None:
            return await self.app(scope, receive, send)
        match fault.kind:
            case "delay" | "hold":
                await self._late(fault, scope, receive, send)
            case "drop":
                await self.lab.pause(fault.seconds)
                await hang_up(scope, receive, NOT_HTTP)
            case "lost":
                await self._kept_back(scope, receive)
                await hang_up(scope, receive, NOT_HTTP)
            case "truncate":
                answer = await self._kept_back(scope, receive)
                await send(answer[0])
                body = b"".join(message["body"] for message in answer[1:])
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                await hang_up(scope, receive)
            case "endless":
                await send({"type": "http.response.start", "status": fault.status, "headers": [(b"x-endless", b"1")]})
                for _ in range(64):
                    await send({"type": "http.response.body", "body": b"." * 65_536, "more_body": True})
                await self.lab.until_closed(receive)
                await hang_up(scope, receive)
            case "status":
                headers = {"Retry-After": fault.retry_after, "WWW-Authenticate": fault.challenge}
                given = {name: value for name, value in headers.items() if value is not None}
                await Response(fault.body, fault.status, given, "application/json")(scope, receive, send)
            case "html":
                page = "<!doctype html><title>Sign in</title><p>A proxy's page, where JSON was expected."
                await Response(page, fault.status, media_type="text/html")(scope, receive, send)
            case "empty":
                await Response(status_code=fault.status)(scope, receive, send)

    async def _late(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers after a pause, or when the hold is over. With `after` the app acts before that, else after it."""
        answer = await self._kept_back(scope, receive) if fault.after else None
        if fault.kind == "delay":
            await self.lab.pause(fault.seconds)
        elif await self.lab.hold():
            return await hang_up(scope, receive, NOT_HTTP)
        if answer is None:
            return await self.app(scope, receive, send)
        for message in answer:
            await send(message)

    async def _kept_back(self, scope: Scope, receive: Receive) -> list[Message]:
        """The app's answer, which is not sent yet."""
        answer: list[Message] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            answer.append(message)

        await self.app(scope, receive, keep)
        return answer
