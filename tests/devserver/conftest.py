from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import jwt
import pytest
from reissue.testing import Clock
from starlette.testclient import TestClient

from devserver.app import create_app
from devserver.keys import SigningKey
from devserver.lab import Lab
from devserver.requests import COOKIE
from devserver.settings import Settings
from tests.live_server import LiveServer, running_server

ORIGIN = "http://testserver"
CSP = "content-security-policy"
POSTS = ["/auth/login", "/auth/refresh", "/auth/logout", "/dev/counters/reset", "/dev/revoke", "/dev/end"]
POSTS += ["/auth/body/login", "/auth/body/refresh", "/auth/body/logout"]
POSTS += ["/dev/steal", "/dev/lifetime", "/dev/skew", "/dev/faults", "/dev/release"]
UPLOAD = b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"


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


def token_in(client: Client) -> str | None:
    return client.http.cookies.get(COOKIE, path="/auth")


def sign_in(server: LiveServer) -> tuple[str, str]:
    """The access token, and the Cookie header."""
    answer = server.request("POST", "/auth/login", json_body={"username": "ada", "password": "lovelace"})
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    return answer.json()["access_token"], cookie


def put(root: Path, path: str, content: bytes | str = "x") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def sid(token: str) -> str:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return str(claims["sid"])


class MakeClient(Protocol):
    def __call__(self, **settings: Any) -> Client: ...


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.5)


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def shared_server(site: Path) -> Iterator[LiveServer]:
    with running_server("--site", str(site)) as server:
        yield server


@pytest.fixture
def server(shared_server: LiveServer) -> Iterator[LiveServer]:
    yield shared_server
    # Whatever a test sent, the server must have lived through it.
    shared_server.clear_faults()
    assert shared_server.process.poll() is None
    shared_server.control("/dev/counters/reset")
