"""`/dev` over HTTP: the counters and the controls."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.devserver.conftest import ORIGIN, Client, MakeClient, sid

# Counters


def test_counters_tell_each_kind_apart_and_can_be_reset(signed_in: Client) -> None:
    signed_in.post("/auth/refresh")
    signed_in.api("/api/me")
    signed_in.post("/auth/logout")
    signed_in.post("/auth/refresh")
    counters = signed_in.counters
    assert {name: count for name, count in counters.items() if count} == {
        "logins": 1,
        "refreshes_asked": 2,
        "refreshes_granted": 1,
        "refreshes_without_cookie": 1,
        "logouts": 1,
        "api_requests": 1,
        "api_in_flight_max": 1,
    }
    assert signed_in.post("/dev/counters/reset").status_code == 204
    assert not any(signed_in.counters.values())


def test_a_refresh_that_a_fault_swallowed_was_asked_for_all_the_same(signed_in: Client) -> None:
    signed_in.fault("/auth/refresh", "status")
    signed_in.post("/auth/refresh")
    counters = signed_in.counters
    assert (counters["refreshes_asked"], counters["refreshes_granted"]) == (1, 0)


# Controls


def test_revoked_tokens_get_a_401_and_a_refresh_helps(signed_in: Client) -> None:
    assert signed_in.post("/dev/revoke").status_code == 204
    answer = signed_in.api("/api/me")
    assert (answer.status_code, answer.json()["error_description"]) == (401, "the access token was revoked")
    renewed = signed_in.post("/auth/refresh").json()["access_token"]
    assert signed_in.api("/api/me", token=renewed).status_code == 200


@pytest.mark.parametrize("path", ["/dev/revoke", "/dev/end"])
def test_a_control_can_mean_one_session(signed_in: Client, path: str) -> None:
    ada = signed_in.token
    grace = signed_in.sign_in("grace", "hopper")["access_token"]
    assert signed_in.post(path, {"sid": sid(ada)}).status_code == 204
    assert signed_in.api("/api/me", token=grace).status_code == 200
    assert signed_in.post("/auth/refresh").status_code == 200
    assert signed_in.post(path, {"sid": sid(grace)}).status_code == 204
    refused = [signed_in.api("/api/me", token=grace).status_code, signed_in.post("/auth/refresh").status_code]
    assert refused == ([401, 200] if path == "/dev/revoke" else [200, 401])


def test_an_ended_session_refuses_the_refresh_but_not_the_access_token(signed_in: Client) -> None:
    signed_in.post("/dev/end")
    assert signed_in.api("/api/me").status_code == 200
    answer = signed_in.post("/auth/refresh")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")


def test_a_new_lifetime_holds_for_tokens_minted_from_now_on(signed_in: Client) -> None:
    signed_in.post("/dev/lifetime", {"seconds": 5})
    renewed = signed_in.post("/auth/refresh").json()
    assert renewed["expires_in"] == 5
    signed_in.post("/dev/skew", {"seconds": 7})
    assert signed_in.api("/api/me", token=renewed["access_token"]).status_code == 401
    assert signed_in.api("/api/me").status_code == 200


def test_the_skew_can_be_set_at_start(make_client: MakeClient) -> None:
    ahead = make_client(skew=1000).sign_in()["access_token"]
    exact = make_client().sign_in()["access_token"]
    iat = [jwt.decode(token, options={"verify_signature": False})["iat"] for token in (ahead, exact)]
    assert 995 < iat[0] - iat[1] < 1005


def test_a_lifetime_for_one_session_is_that_of_its_next_token_only(signed_in: Client) -> None:
    signed_in.post("/dev/lifetime", {"seconds": 5, "sid": sid(signed_in.token)})
    assert signed_in.sign_in("grace", "hopper")["expires_in"] == 60
    grace = sid(signed_in.token)
    signed_in.post("/dev/lifetime", {"seconds": 7, "sid": grace})
    assert [signed_in.post("/auth/refresh").json()["expires_in"] for _ in range(2)] == [7, 60]


def test_what_one_session_did_can_be_asked_for_by_itself(signed_in: Client) -> None:
    ada = signed_in.token
    grace = signed_in.sign_in("grace", "hopper")["access_token"]
    signed_in.post("/dev/revoke", {"sid": sid(ada)})
    signed_in.api("/api/me", token=ada)
    signed_in.api("/api/me", token=grace)
    signed_in.api("/api/me", token="no.jwt.at-all")
    signed_in.post("/auth/refresh")
    counted = [signed_in.http.get(f"/dev/counters?sid={sid(token)}").json() for token in (ada, grace)]
    assert [(c["api_requests"], c["api_401s"], c["refreshes_granted"]) for c in counted] == [(1, 1, 0), (1, 0, 1)]
    assert (signed_in.counters["api_requests"], signed_in.counters["api_401s"]) == (3, 2)
    signed_in.post("/dev/counters/reset")
    assert not any(signed_in.http.get(f"/dev/counters?sid={sid(grace)}").json().values())
    assert not any(signed_in.http.get("/dev/counters?sid=nobody").json().values())


def test_a_stolen_refresh_token_works_until_the_owner_uses_the_rotated_one(signed_in: Client) -> None:
    of_ada = {"sid": sid(signed_in.token)}
    assert signed_in.post("/dev/steal", of_ada).json() == {"expires_in": 60}
    assert signed_in.post("/dev/steal", of_ada).json() == {"expires_in": 60}
    assert signed_in.api("/api/me").status_code == 200
    assert signed_in.post("/auth/refresh").json()["error_description"].startswith("the refresh token was used before")
    assert signed_in.api("/api/me").status_code == 401
    assert signed_in.post("/dev/steal", of_ada).json()["error_description"] == "the session was revoked"
    assert signed_in.counters["reuse_detections"] == 1


def test_from_a_session_that_is_over_or_unknown_nothing_can_be_stolen(signed_in: Client) -> None:
    signed_in.post("/auth/logout")
    for of_session in ({"sid": sid(signed_in.token)}, {"sid": "nobody"}):
        assert signed_in.post("/dev/steal", of_session).json()["error"] == "invalid_grant"
    assert signed_in.post("/dev/steal").status_code == 400


@pytest.mark.parametrize("path", ["/dev/lifetime", "/dev/skew"])
@pytest.mark.parametrize("seconds", ["nan", "x", None, True, [], 1e30, "1e30"], ids=str)
def test_a_number_that_is_none_is_a_400(visitor: Client, path: str, seconds: Any) -> None:
    assert visitor.post(path, {"seconds": seconds}).status_code == 400


def test_nan_in_json_is_a_400(visitor: Client) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    answer = visitor.http.post("/dev/skew", content=b'{"seconds": NaN}', headers=headers)
    assert answer.status_code == 400
