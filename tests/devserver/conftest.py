from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from starlette.testclient import TestClient

from devserver.app import create_app
from devserver.keys import SigningKey
from devserver.lab import Lab
from devserver.settings import Settings

ORIGIN = "http://testserver"


class Clock:
    """Time moves only when a test says so."""

    def __init__(self, now: float = 1_800_000_000.5) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Client:
    """A page of the server's own origin: sends the evidence, keeps the cookie, and can sign in."""

    def __init__(self, http: TestClient) -> None:
        self.http = http
        self.token = ""

    def post(self, path: str, json: Any = None, **options: Any) -> Any:
        return self.http.post(path, json={} if json is None else json, **self._with_origin(options))

    def sign_in(self, username: str = "ada", password: str = "lovelace") -> dict[str, Any]:
        answer = self.post("/auth/login", {"username": username, "password": password})
        assert answer.status_code == 200
        grant: dict[str, Any] = answer.json()
        self.token = grant["access_token"]
        return grant

    def api(self, path: str, method: str = "GET", token: str | None = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}", **options.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **options)

    @property
    def lab(self) -> Lab:
        lab: Lab = self.http.app.state.lab  # type: ignore[attr-defined]
        return lab

    @property
    def counters(self) -> dict[str, int]:
        counters: dict[str, int] = self.http.get("/dev/counters").json()
        return counters

    def fault(self, path: str, kind: str, **fields: Any) -> None:
        assert self.post("/dev/faults", {"path": path, "kind": kind, **fields}).status_code == 204

    def _with_origin(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "headers": {"Origin": ORIGIN, **options.get("headers", {})}}


class MakeClient(Protocol):
    def __call__(self, **settings: Any) -> Client: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def make(**settings: Any) -> Client:
            ours = {"root": tmp_path, "site": tmp_path, "allow_host": ("testserver",)}
            app = create_app(Settings(**{**ours, **settings}))
            http = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False, follow_redirects=False)
            return Client(stack.enter_context(http))

        yield make


@pytest.fixture
def visitor(make_client: MakeClient) -> Client:
    return make_client()


@pytest.fixture
def signed_in(visitor: Client) -> Client:
    visitor.sign_in()
    return visitor


@pytest.fixture(scope="session")
def keys() -> Callable[[str], SigningKey]:
    """One key for each algorithm: making an RSA key takes longer than any test here."""
    made: dict[str, SigningKey] = {}
    return lambda algorithm: made.setdefault(algorithm, SigningKey.generate(algorithm))
