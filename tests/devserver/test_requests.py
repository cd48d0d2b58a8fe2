"""What a malformed request gets: a clear refusal in JSON, and a server that lives on."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.issuer import Issuer
from devserver.requests import COOKIE, JSON_LIMIT
from tests.devserver.conftest import ORIGIN, POSTS, Client

BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "form": b"username=ada&password=lovelace",
    "array": b"[]",
    "null": b"null",
    "string": b'"ada"',
    "not UTF-8": b'{"username": "\xff"}',
    "deep": b"[" * 100_000,
    "long number": b"9" * 100_000,
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_malformed_body_is_a_clear_400_and_the_server_lives_on(visitor: Client, path: str, body: bytes) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    answer = visitor.http.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    visitor.sign_in()


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_that_does_not_call_itself_json_is_a_415(visitor: Client, path: str, kind: str) -> None:
    answer = visitor.http.post(path, content=b"{}", headers={"Origin": ORIGIN, "Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_media_type")


def test_json_with_a_charset_is_json(visitor: Client) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "Application/JSON; charset=utf-8"}
    assert visitor.http.post("/auth/logout", content=b"{}", headers=headers).status_code == 204


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"username": "ada"},
        {"password": "lovelace"},
        {"username": "", "password": ""},
        {"username": 1, "password": "lovelace"},
        {"username": "ada", "password": None},
        {"username": ["ada"], "password": {"$ne": ""}},
        {"username": True, "password": True},
        {"username": "a" * 10_001, "password": "lovelace"},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_missing_fields_and_wrong_types_are_a_400(visitor: Client, fields: dict[str, Any]) -> None:
    answer = visitor.post("/auth/login", fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert visitor.counters["logins_refused"] == 0


def test_half_a_surrogate_pair_is_a_400(visitor: Client) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    body = rb'{"username": "\ud800", "password": "x"}'
    assert visitor.http.post("/auth/login", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("path", POSTS)
def test_a_large_json_body_is_a_413(visitor: Client, path: str) -> None:
    answer = visitor.post(path, {"username": "a" * JSON_LIMIT})
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_a_large_body_of_undeclared_size_is_a_413(visitor: Client) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    chunks = (b" " * 65_536 for _ in range(17))  # generators are sent in chunks, without Content-Length
    assert visitor.http.post("/auth/login", content=chunks, headers=headers).status_code == 413


def test_a_garbled_cookie_is_refused_like_any_unknown_token(visitor: Client) -> None:
    headers = {b"Cookie": f"{COOKIE}=\xff\xfe".encode("latin-1"), b"Origin": ORIGIN.encode()}
    answer = visitor.http.post("/auth/refresh", json={}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")


@pytest.mark.parametrize("path", [p for p in POSTS if p != "/dev/faults"])
def test_a_wrong_method_is_a_405(visitor: Client, path: str) -> None:
    answer = visitor.http.get(path)
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_an_unexpected_error_is_a_500_and_the_next_request_works(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Issuer, "sign_in", lambda *_: 1 / 0)
        answer = visitor.post("/auth/login", {"username": "ada", "password": "lovelace"})
        assert answer.status_code == 500
    visitor.sign_in()
