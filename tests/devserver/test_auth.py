"""`/auth` over HTTP: what crosses the wire."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from typing import Any

import jwt
import pytest

from devserver.issuer import AUDIENCE, PASSWORDS
from devserver.keys import ALGORITHMS
from devserver.requests import COOKIE
from tests.devserver.conftest import Client, MakeClient, token_in


def cookie_of(answer: Any) -> Morsel[str]:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


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
