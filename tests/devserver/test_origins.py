"""`--allow-page`: pages of another origin, with their cookie. Without it no other page gets anything."""

from __future__ import annotations

import pytest

from tests.devserver.conftest import Client, MakeClient

PAGE = "http://localhost:9000"
SITE = {"Origin": PAGE, "Sec-Fetch-Site": "same-site"}  # as browsers say of another port of the same host
PREFLIGHT = {**SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
ADA = {"username": "ada", "password": "lovelace"}


@pytest.fixture
def welcoming(make_client: MakeClient) -> Client:
    return make_client(allow_page=(f"{PAGE}/",))  # a slash at the end is what people copy from the address bar


def test_an_allowed_page_signs_in_and_refreshes_with_its_cookie(welcoming: Client) -> None:
    answer = welcoming.http.post("/auth/login", json=ADA, headers=SITE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert welcoming.http.post("/auth/refresh", json={}, headers=SITE).status_code == 200
    assert welcoming.http.post("/dev/revoke", json={}, headers=SITE).status_code == 204


def test_a_preflight_is_answered_and_not_counted(welcoming: Client) -> None:
    answer = welcoming.http.options("/api/echo", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"].lower().split(", ").count("authorization") == 1
    assert welcoming.counters["api_requests"] == 0


@pytest.mark.parametrize("origin", ["http://localhost:9001", "http://localhost:9000.evil.example", "null"])
def test_a_page_that_was_not_named_gets_nothing(welcoming: Client, origin: str) -> None:
    headers = {**PREFLIGHT, "Origin": origin, "Sec-Fetch-Site": "cross-site"}
    preflight = welcoming.http.options("/auth/login", headers=headers)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    answer = welcoming.http.post("/auth/login", json=ADA, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_without_the_flag_no_page_is_named(visitor: Client) -> None:
    assert visitor.http.post("/auth/login", json=ADA, headers=SITE).status_code == 403
    assert "access-control-allow-origin" not in visitor.http.get("/dev/counters", headers=SITE).headers
    assert visitor.http.options("/auth/login", headers=PREFLIGHT).status_code == 405


def test_what_goes_wrong_can_be_read_by_the_page(welcoming: Client) -> None:
    """Else every 401 and 503 would be a network error to it, and no refresh would follow a 401."""
    welcoming.http.post("/dev/faults", json={"path": "/auth/refresh", "kind": "status", "status": 429}, headers=SITE)
    for answer, status in (
        (welcoming.http.get("/api/me", headers=SITE), 401),
        (welcoming.http.post("/auth/refresh", json={}, headers=SITE), 429),
    ):
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
