"""The headers that every answer carries, and the content security policy among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devserver.headers import security_headers
from devserver.settings import Settings
from tests.devserver.conftest import CSP, Client, MakeClient, put


@pytest.fixture
def visitor(make_client: MakeClient, tmp_path: Path) -> Client:
    put(tmp_path, "index.html", "<!doctype html>")
    put(tmp_path, "app/main.py", "print()")
    return make_client()


@pytest.mark.parametrize("path", ["/", "/app/main.py", "/app/nothing.py", "/api/me", "/dev/counters"])
def test_every_answer_carries_the_security_headers(visitor: Client, path: str) -> None:
    headers = visitor.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "cross-origin-embedder-policy" not in headers
    assert len(headers.get_list(CSP)) == 1


def test_a_failure_of_the_server_carries_them_too_and_is_json(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor.lab, "take_fault", lambda *_: 1 / 0)
    answer = visitor.http.get("/api/me")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert answer.headers[CSP] == security_headers(Settings())["Content-Security-Policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_policy_allows_our_own_origin_and_what_webassembly_and_pyscript_need(visitor: Client) -> None:
    policy = visitor.http.get("/").headers[CSP]
    directives = {name: values for name, *values in map(str.split, policy.split(";"))}
    assert directives["default-src"] == ["'none'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["script-src"] == ["'self'", "'wasm-unsafe-eval'"]
    assert directives["base-uri"] == directives["frame-ancestors"] == ["'none'"]
    assert "http" not in policy
    assert "'unsafe-inline'" not in policy
    assert "*" not in policy


def test_another_origin_can_be_allowed_for_tests(make_client: MakeClient) -> None:
    visitor = make_client(allow_origin=("http://localhost:9", "http://127.0.0.1:9"))
    policy = visitor.http.get("/api/me").headers[CSP]
    assert "connect-src 'self' http://localhost:9 http://127.0.0.1:9;" in policy


def test_pages_can_be_isolated(make_client: MakeClient) -> None:
    headers = make_client(isolated=True).http.get("/api/me").headers
    assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_a_304_carries_the_policy_too(visitor: Client) -> None:
    tag = visitor.http.get("/").headers["etag"]
    answer = visitor.http.get("/", headers={"If-None-Match": tag})
    assert answer.status_code == 304
    assert answer.headers[CSP] == security_headers(Settings())["Content-Security-Policy"]
