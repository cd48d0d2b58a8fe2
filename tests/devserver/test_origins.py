"""Who may call: by which names, from pages of our own origin, and from pages of `--allow-page`."""

from __future__ import annotations

import pytest

from tests.devserver.conftest import CSP, ORIGIN, POSTS, Client, MakeClient, token_in

# The names of this machine


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "localhost.", "a.b.localhost:1", "127.0.0.1:8000", "192.168.1.5", "[::1]:8000"],
)
def test_the_server_answers_to_the_names_of_this_machine_and_to_addresses(visitor: Client, host: str) -> None:
    assert visitor.http.get("/dev/counters", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("rebound.example", "rebound.example:8000", "localhost.rebound.example", "notlocalhost", "127.0.0.1.example"),
        *("", ":8000", "localhost:x", "a@localhost", "localhost/", "[::1", "[localhost]", "localhost, x"),
    ],
)
def test_another_name_is_refused_with_a_sentence_and_the_headers(visitor: Client, host: str) -> None:
    """DNS rebinding: a page of that name would be of our own origin."""
    answer = visitor.http.get("/dev/counters", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]) == (421, "unknown_host")
    assert "--allow-host" in answer.json()["error_description"]
    assert answer.headers[CSP]


def test_other_names_can_be_allowed_each_or_all(make_client: MakeClient) -> None:
    named = make_client(allow_host=("Dev.Example",))
    statuses = [
        named.http.get("/dev/counters", headers={"Host": f"{name}.example"}).status_code for name in ("dev", "b.dev")
    ]
    assert statuses == [200, 421]
    anyone = make_client(allow_host=("*",))
    assert anyone.http.get("/dev/counters", headers={"Host": "any.example"}).status_code == 200


# Pages of our own origin

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


# Pages of another origin, with their cookie: those of `--allow-page`, and no other

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
