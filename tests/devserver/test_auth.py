"""`/auth` over HTTP: what crosses the wire, and who may ask."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from typing import Any

import jwt
import pytest

from devserver.issuer import AUDIENCE, PASSWORDS, Issuer
from devserver.keys import ALGORITHMS
from devserver.requests import COOKIE, JSON_LIMIT
from tests.devserver.conftest import ORIGIN, Client, MakeClient

POSTS = ["/auth/login", "/auth/refresh", "/auth/logout", "/dev/counters/reset", "/dev/revoke", "/dev/end"]
POSTS += ["/auth/body/login", "/auth/body/refresh", "/auth/body/logout"]
POSTS += ["/dev/steal", "/dev/lifetime", "/dev/skew", "/dev/faults", "/dev/release"]


def cookie_of(answer: Any) -> Morsel[str]:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


def token_in(client: Client) -> str | None:
    return client.http.cookies.get(COOKIE, path="/auth")


def present(client: Client, token: str | None) -> None:
    """Puts this refresh token into the cookie jar."""
    client.http.cookies.clear()
    if token is not None:
        client.http.cookies.set(COOKIE, token, domain="testserver.local", path="/auth")


# Sign-in


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_sign_in_refresh_and_a_protected_call_work_with_each_algorithm(make_client: MakeClient, algorithm: str) -> None:
    visitor = make_client(algorithm=algorithm)
    first = visitor.sign_in()
    assert visitor.api("/api/me").json()["name"] == "Ada Lovelace"
    second = visitor.post("/auth/refresh").json()
    assert second["access_token"] != first["access_token"]
    assert visitor.api("/api/me", token=second["access_token"]).status_code == 200


def test_a_sign_in_answers_as_rfc_6749_says_and_is_never_cached(visitor: Client) -> None:
    answer = visitor.post("/auth/login", {"username": "ada", "password": "lovelace"})
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 60)
    assert answer.headers["cache-control"] == "no-store"


def test_the_refresh_token_lies_in_a_cookie_that_no_script_and_no_other_path_sees(visitor: Client) -> None:
    answer = visitor.post("/auth/login", {"username": "ada", "password": "lovelace"})
    cookie = cookie_of(answer)
    assert cookie["httponly"]
    assert not cookie["secure"]  # plain http
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("strict", "/auth", "86400")
    assert cookie["domain"] == ""
    assert cookie.value not in answer.text


def test_over_https_the_cookie_is_secure(visitor: Client) -> None:
    visitor.http.base_url = "https://testserver"
    answer = visitor.post(
        "/auth/login",
        {"username": "ada", "password": "lovelace"},
        headers={"Origin": "https://testserver"},
    )
    assert cookie_of(answer)["secure"]


def test_a_wrong_password_is_an_oauth_error_without_a_cookie(visitor: Client) -> None:
    answer = visitor.post("/auth/login", {"username": "ada", "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_grant", "error_description": "wrong user name or password"}
    assert "set-cookie" not in answer.headers
    assert visitor.counters["logins_refused"] == 1
    assert visitor.counters["logins"] == 0


# Refresh


def test_a_refresh_rotates_the_cookie(signed_in: Client) -> None:
    before = token_in(signed_in)
    answer = signed_in.post("/auth/refresh")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert cookie_of(answer).value == token_in(signed_in) != before


def test_a_refresh_without_a_cookie_says_that_nobody_is_signed_in(visitor: Client) -> None:
    answer = visitor.post("/auth/refresh")
    assert (answer.status_code, answer.content) == (204, b"")
    assert visitor.counters["refreshes_without_cookie"] == 1
    assert visitor.counters["refreshes_refused"] == 0


def test_a_reused_token_ends_the_session_and_is_counted_once(signed_in: Client) -> None:
    stolen = token_in(signed_in)
    renewed = signed_in.post("/auth/refresh").json()["access_token"]
    winner = token_in(signed_in)
    for token in (stolen, stolen, winner):
        present(signed_in, token)
        answer = signed_in.post("/auth/refresh")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")
    assert signed_in.api("/api/me", token=renewed).status_code == 401
    counters = signed_in.counters
    assert (counters["refreshes_asked"], counters["refreshes_granted"]) == (4, 1)
    assert (counters["refreshes_refused"], counters["reuse_detections"]) == (3, 1)


def test_a_losers_refusal_does_not_delete_the_winners_cookie(signed_in: Client) -> None:
    loser = token_in(signed_in)
    signed_in.post("/auth/refresh")
    present(signed_in, loser)
    assert "set-cookie" not in signed_in.post("/auth/refresh").headers


def test_a_grace_window_forgives_a_retry_over_http(make_client: MakeClient) -> None:
    visitor = make_client(grace=1000)
    visitor.sign_in()
    lost = token_in(visitor)
    visitor.post("/auth/refresh")
    present(visitor, lost)
    assert visitor.post("/auth/refresh").status_code == 200
    assert visitor.counters["reuse_detections"] == 0


def test_an_expired_refresh_token_is_refused(signed_in: Client) -> None:
    signed_in.post("/dev/skew", {"seconds": 86_400 * 2})
    answer = signed_in.post("/auth/refresh")
    assert (answer.status_code, answer.json()["error_description"]) == (401, "the refresh token is expired")


# Sign-out


def test_sign_out_ends_the_session_clears_the_cookie_and_may_be_repeated(signed_in: Client) -> None:
    token = token_in(signed_in)
    answer = signed_in.post("/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (cookie_of(answer).value, cookie_of(answer)["max-age"], cookie_of(answer)["path"]) == ("", "0", "/auth")
    assert token_in(signed_in) is None
    assert signed_in.post("/auth/logout").status_code == 204
    assert signed_in.api("/api/me").status_code == 401
    present(signed_in, token)
    assert signed_in.post("/auth/refresh").status_code == 401


# Clients that keep the refresh token themselves


def test_in_bodies_the_refresh_token_rotates_without_a_cookie(visitor: Client) -> None:
    """RFC 6749 section 6."""
    answer = visitor.post("/auth/body/login", {"username": "ada", "password": "lovelace"})
    first = answer.json()
    assert first.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.headers["cache-control"] == "no-store"
    answer = visitor.post("/auth/body/refresh", {"refresh_token": first["refresh_token"]})
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert visitor.api("/api/me", token=second["access_token"]).status_code == 200
    assert token_in(visitor) is None
    for spent in (first, second):
        answer = visitor.post("/auth/body/refresh", {"refresh_token": spent["refresh_token"]})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")
    counters = visitor.counters
    assert (counters["refreshes_asked"], counters["refreshes_granted"], counters["reuse_detections"]) == (3, 1, 1)


def test_in_bodies_a_cookie_says_nothing(signed_in: Client) -> None:
    cookie = token_in(signed_in)
    assert signed_in.post("/auth/body/refresh").status_code == 204
    assert signed_in.post("/auth/body/logout").status_code == 204
    assert token_in(signed_in) == cookie
    assert signed_in.post("/auth/refresh").status_code == 200


def test_in_bodies_a_sign_out_names_the_session_that_it_ends(visitor: Client) -> None:
    one, other = (
        visitor.post("/auth/body/login", {"username": name, "password": PASSWORDS[name]}).json()
        for name in ("ada", "grace")
    )
    assert visitor.post("/auth/body/logout", {"refresh_token": one["refresh_token"]}).status_code == 204
    assert visitor.api("/api/me", token=one["access_token"]).status_code == 401
    assert visitor.api("/api/me", token=other["access_token"]).status_code == 200


@pytest.mark.parametrize("token", [None, "", 7, ["x"]], ids=str)
def test_in_bodies_what_is_no_text_is_a_400(visitor: Client, token: Any) -> None:
    assert visitor.post("/auth/body/refresh", {"refresh_token": token}).status_code == 400


# Keys


def test_the_key_set_verifies_tokens_for_others(make_client: MakeClient) -> None:
    visitor = make_client(algorithm="ES256")
    token = visitor.sign_in()["access_token"]
    published = jwt.PyJWKSet.from_dict(visitor.http.get("/.well-known/jwks.json").json())
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE)["sub"] == "ada"


def test_an_hmac_server_publishes_no_key(make_client: MakeClient) -> None:
    assert make_client(algorithm="HS256").http.get("/.well-known/jwks.json").json() == {"keys": []}


# Who may ask

EVIDENCE = [
    ({"Origin": ORIGIN}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}, True),
    ({}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "https://testserver"}, False),
    ({"Origin": "http://testserver:8001"}, False),
    ({"Origin": "http://testserver.evil.example"}, False),
    ({"Sec-Fetch-Site": "same-site", "Origin": ORIGIN}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, False),
    ({"Sec-Fetch-Site": "none"}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), EVIDENCE, ids=str)
def test_a_cookie_call_needs_evidence_of_the_same_origin(
    signed_in: Client, headers: dict[str, str], allowed: bool
) -> None:
    before = token_in(signed_in)
    answer = signed_in.http.post("/auth/refresh", json={}, headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    assert (token_in(signed_in) != before) is allowed
    assert signed_in.counters["refreshes_granted"] == allowed


@pytest.mark.parametrize("path", POSTS)
def test_every_state_changing_call_refuses_other_origins(visitor: Client, path: str) -> None:
    answer = visitor.http.post(path, json={}, headers={"Origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["error"]) == (403, "cross_origin")


def test_clearing_faults_refuses_other_origins(visitor: Client) -> None:
    visitor.fault("/api/", "status")
    assert visitor.http.delete("/dev/faults", headers={"Origin": "http://evil.example"}).status_code == 403
    assert visitor.http.get("/api/me").status_code == 503


# Bad input

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
