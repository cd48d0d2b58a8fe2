"""An API and its endpoint, which grant what a test says. Nothing is rotated, and no cookie is kept."""

import asyncio
import json
from collections.abc import Callable

from reissue import Request, Response
from reissue.testing import Gate

from tests.reissue.origin import API


class AuthServer:
    """`auth/login`, `auth/refresh` and `auth/logout` under `API`. Everything else is the API: it wants a granted token.

    `token` makes the access token of the next grant. `gates` and `instead` are by call (`"login"`): a gate holds the
    call, and a response or an error stands in the place of the server's own answer.
    """

    def __init__(self, token: Callable[[], str] = lambda: "good") -> None:
        self.token = token
        self.gates: dict[str, Gate] = {}
        self.instead: dict[str, Response | Exception] = {}
        self.log: list[str] = []  # the path of every request, below `API`
        self.accepted: list[Request] = []  # by the API
        self.refused: list[Request] = []
        self._granted: set[str] = set()

    async def __call__(self, request: Request) -> Response:
        path = request.url.removeprefix(API)
        self.log.append(path)
        await asyncio.sleep(0)
        if not path.startswith("auth/"):
            return self._api(request)
        call = path.removeprefix("auth/")
        if call in self.gates:
            await self.gates[call].passed()
        instead = self.instead.get(call)
        if isinstance(instead, Exception):
            raise instead
        if instead is not None:
            return instead
        return Response(204) if call == "logout" else self._grant()

    def _grant(self) -> Response:
        token = self.token()
        self._granted.add(f"Bearer {token}")
        return Response(200, {}, json.dumps({"access_token": token, "expires_in": 300}).encode())

    def _api(self, request: Request) -> Response:
        accepted = request.headers.get("Authorization") in self._granted
        (self.accepted if accepted else self.refused).append(request)
        return Response(200 if accepted else 401)
