"""`/dev`: the controls by which tests and the demo read counters, end sessions and order faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devserver.faults import BODILESS, FAULT_KINDS, Fault
from devserver.issuer import InvalidGrant, Issuer
from devserver.lab import Counters, Lab
from devserver.origins import require_same_origin
from devserver.refusals import error_body, refuse
from devserver.requests import Endpoint, flag, header_value, json_object, json_text, number, text, whole

Control = Callable[[dict[str, Any]], dict[str, Any] | None]


def control(act: Control) -> Endpoint:
    """A route that reads a JSON object, acts on it at once, and answers what `act` returns, or 204."""

    async def endpoint(request: Request) -> Response:
        require_same_origin(request)
        answer = act(await json_object(request))
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return endpoint


class DevRoutes:
    """Controls that concern sessions take the `sid` of one (a claim of its access tokens); without it they mean all."""

    def __init__(self, issuer: Issuer, lab: Lab) -> None:
        self.issuer = issuer
        self.lab = lab
        self.routes = [
            Route("/dev/counters", self.counters),
            Route("/dev/counters/reset", control(self.reset_counters), methods=["POST"]),
            Route("/dev/revoke", control(self.revoke), methods=["POST"]),
            Route("/dev/end", control(self.end), methods=["POST"]),
            Route("/dev/steal", control(self.steal), methods=["POST"]),
            Route("/dev/lifetime", control(self.lifetime), methods=["POST"]),
            Route("/dev/skew", control(self.skew), methods=["POST"]),
            Route("/dev/faults", control(self.add_fault), methods=["POST"]),
            Route("/dev/faults", self.clear_faults, methods=["DELETE"]),
            Route("/dev/held", self.held),
            Route("/dev/release", control(self.release), methods=["POST"]),
        ]

    async def counters(self, request: Request) -> Response:
        """The fields of `Counters`; with `?sid=`, what one session did."""
        sid = request.query_params.get("sid")
        counters = self.lab.counters if sid is None else self.lab.sessions.get(sid, Counters())
        return JSONResponse(asdict(counters), headers={"Cache-Control": "no-store"})

    def reset_counters(self, _: dict[str, Any]) -> None:
        """Sets all counters to zero but those of requests in flight."""
        self.lab.reset()

    def revoke(self, fields: dict[str, Any]) -> None:
        """Access tokens minted so far are rejected: a 401 without waiting for the expiry."""
        self.issuer.revoke_access(self._sid(fields))

    def end(self, fields: dict[str, Any]) -> None:
        """The next refresh is refused."""
        self.issuer.revoke_refresh(self._sid(fields))

    def steal(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a thief gets who has copied a session's refresh token, at the first attempt and at later ones."""
        try:
            grant = self.issuer.steal(text(fields, "sid"))
        except InvalidGrant as exc:
            return error_body(exc.error, exc.description)
        return {"expires_in": grant.expires_in}  # and not the tokens: the page is not the thief

    def lifetime(self, fields: dict[str, Any]) -> None:
        """Sets how many seconds access tokens live from now on; with `sid`, only the next one of that session."""
        seconds, sid = whole(fields, "seconds", low=1, high=1e8), self._sid(fields)
        if sid is None:
            self.issuer.access_lifetime = seconds
        else:
            self.issuer.shorten_next(sid, seconds)

    def skew(self, fields: dict[str, Any]) -> None:
        """Sets how many seconds the server's clock is ahead of the machine's: time passes without waiting."""
        self.lab.skew = number(fields, "seconds", low=-1e9, high=1e9)

    def add_fault(self, fields: dict[str, Any]) -> None:
        """The fields of `Fault`, as JSON."""
        if unknown := fields.keys() - Fault.__dataclass_fields__.keys():
            refuse(400, f"unknown fields: {', '.join(sorted(unknown))}"[:200])
        kind, path = text(fields, "kind"), text(fields, "path")
        if kind not in FAULT_KINDS:
            refuse(400, f"'kind' must be one of: {', '.join(FAULT_KINDS)}")
        if not path.startswith(("/auth/", "/api/")):
            refuse(400, "'path' must begin with /auth/ or /api/")
        status = whole(fields, "status", 503 if kind == "status" else 200, low=200, high=599)
        if kind in ("status", "html", "endless") and status in BODILESS:
            refuse(400, f"an answer with status {status} has no body: use the 'kind' 'empty'")
        fault = Fault(
            path=path,
            kind=kind,
            times=whole(fields, "times", 1, low=1, high=1e6),
            seconds=number(fields, "seconds", 0, low=0, high=600),
            after=flag(fields, "after"),
            status=status,
            retry_after=header_value(fields, "retry_after"),
            challenge=header_value(fields, "challenge"),
            body=json_text(fields, "body", error_body("temporarily_unavailable", "a fault on demand")),
            sid=self._sid(fields),
        )
        self.lab.faults.append(fault)

    async def clear_faults(self, request: Request) -> Response:
        """Forgets the faults, and releases what they hold; with `?sid=`, forgets those of one session only."""
        require_same_origin(request)
        if sid := request.query_params.get("sid"):
            self.lab.faults[:] = [fault for fault in self.lab.faults if fault.sid != sid]
            return Response(status_code=204)
        self.lab.faults.clear()
        self.lab.release()
        return Response(status_code=204)

    async def held(self, request: Request) -> Response:
        """Answers when `count` requests are held, so a test needs no sleep; 504 after `seconds`."""
        count = whole(request.query_params, "count", 1, low=0, high=1e6)
        seconds = number(request.query_params, "seconds", 10, low=0, high=600)
        if not await self.lab.wait_until_held(count, seconds=seconds):
            refuse(504, f"only {self.lab.held} of {count} requests are held")
        return JSONResponse({"held": self.lab.held})

    def release(self, fields: dict[str, Any]) -> dict[str, int]:
        """Lets every held request go on; with `abandon`, closes their connections instead."""
        return {"released": self.lab.release(abandon=flag(fields, "abandon"))}

    def _sid(self, fields: dict[str, Any]) -> str | None:
        return text(fields, "sid") if "sid" in fields else None
