"""The faults that a test can order, as far as they need no real connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.devserver.conftest import ORIGIN, Client, MakeClient, sid


def in_background(calls: int, call: Callable[[], Any]) -> tuple[ThreadPoolExecutor, list[Any]]:
    pool = ThreadPoolExecutor(calls)
    return pool, [pool.submit(call) for _ in range(calls)]


def test_a_fault_happens_as_often_as_asked_on_its_path_only(signed_in: Client) -> None:
    signed_in.fault("/api/me", "status", times=2, status=502)
    assert signed_in.api("/api/notes").status_code == 200
    assert [signed_in.api("/api/me").status_code for _ in range(3)] == [502, 502, 200]


def test_a_fault_can_be_meant_for_one_session(signed_in: Client) -> None:
    ada = signed_in.token
    grace = signed_in.sign_in("grace", "hopper")["access_token"]
    for path in ("/api/", "/auth/refresh"):
        signed_in.fault(path, "status", times=9, sid=sid(ada))
    statuses = [signed_in.api("/api/me", token=token).status_code for token in (ada, grace)]
    assert statuses == [503, 200]
    assert signed_in.post("/auth/refresh").status_code == 200
    signed_in.fault("/auth/refresh", "status", sid=sid(grace))
    assert signed_in.post("/auth/refresh").status_code == 503
    signed_in.fault("/api/me", "status", status=502)
    signed_in.http.delete(f"/dev/faults?sid={sid(ada)}", headers={"Origin": ORIGIN})
    assert [signed_in.api("/api/me", token=ada).status_code for _ in range(2)] == [502, 200]


def test_a_path_with_a_slash_at_its_end_means_all_below_it(signed_in: Client) -> None:
    signed_in.fault("/api/", "status", times=3)
    paths = ["/api/me", "/api/notes", "/api/echo", "/api/me"]
    assert [signed_in.api(path).status_code for path in paths] == [503, 503, 503, 200]


def test_faults_on_one_path_happen_in_the_order_they_were_asked_for(signed_in: Client) -> None:
    signed_in.fault("/api/me", "status", status=500)
    signed_in.fault("/api/me", "status", status=429)
    assert [signed_in.api("/api/me").status_code for _ in range(3)] == [500, 429, 200]


def test_a_status_fault_carries_retry_after_and_any_body_and_does_nothing(signed_in: Client) -> None:
    body = {"error": "invalid_grant"}
    signed_in.fault("/auth/refresh", "status", status=429, retry_after="7", body=body)
    answer = signed_in.post("/auth/refresh")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()) == (429, "7", body)
    assert signed_in.post("/auth/refresh").status_code == 200  # the token was not rotated before


def test_a_status_fault_may_carry_a_challenge(signed_in: Client) -> None:
    signed_in.fault("/api/me", "status", status=401, challenge='Basic realm="old"')
    assert signed_in.api("/api/me").headers["www-authenticate"] == 'Basic realm="old"'


def test_an_html_fault_is_a_page_where_json_was_expected(signed_in: Client) -> None:
    signed_in.fault("/auth/refresh", "html")
    answer = signed_in.post("/auth/refresh")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert signed_in.counters["refreshes_granted"] == 0


def test_an_empty_fault_has_no_body(signed_in: Client) -> None:
    signed_in.fault("/auth/refresh", "empty")
    answer = signed_in.post("/auth/refresh")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_held_request_waits_for_the_release_and_is_done_then(signed_in: Client) -> None:
    signed_in.fault("/auth/refresh", "hold")
    pool, (call,) = in_background(1, lambda: signed_in.post("/auth/refresh"))
    with pool:
        assert signed_in.http.get("/dev/held").json() == {"held": 1}
        assert not call.done()
        assert signed_in.counters["refreshes_granted"] == 0
        assert signed_in.post("/dev/release").json() == {"released": 1}
        assert call.result().status_code == 200
    assert signed_in.counters["refreshes_granted"] == 1


def test_a_held_answer_belongs_to_a_request_that_was_done(signed_in: Client) -> None:
    signed_in.fault("/auth/refresh", "hold", after=True)
    pool, (call,) = in_background(1, lambda: signed_in.post("/auth/refresh"))
    with pool:
        signed_in.http.get("/dev/held")
        assert signed_in.counters["refreshes_granted"] == 1
        assert not call.done()
        signed_in.post("/dev/release")
        assert call.result().json()["token_type"] == "Bearer"


def test_requests_in_flight_are_counted_at_their_peak(signed_in: Client) -> None:
    signed_in.fault("/api/echo", "hold", times=5)
    pool, calls = in_background(5, lambda: signed_in.api("/api/echo"))
    with pool:
        assert signed_in.http.get("/dev/held?count=5").json() == {"held": 5}
        assert signed_in.counters["api_in_flight"] == 5
        signed_in.post("/dev/counters/reset")
        assert signed_in.counters["api_in_flight"] == 5
        assert signed_in.post("/dev/release").json() == {"released": 5}
        assert [call.result().status_code for call in calls] == [200] * 5
    assert (signed_in.counters["api_in_flight"], signed_in.counters["api_in_flight_max"]) == (0, 5)


def test_clearing_the_faults_releases_what_they_hold(signed_in: Client) -> None:
    signed_in.fault("/api/me", "hold", times=9)
    pool, (call,) = in_background(1, lambda: signed_in.api("/api/me"))
    with pool:
        signed_in.http.get("/dev/held")
        assert signed_in.http.delete("/dev/faults", headers={"Origin": ORIGIN}).status_code == 204
        assert call.result().status_code == 200
    assert signed_in.api("/api/me").status_code == 200


def test_a_release_that_makes_no_sense_is_a_400(visitor: Client) -> None:
    assert visitor.post("/dev/release", {"abandon": "yes"}).status_code == 400


def test_waiting_for_held_requests_is_bounded(visitor: Client) -> None:
    answer = visitor.http.get("/dev/held?count=1&seconds=0.01")
    assert (answer.status_code, answer.json()["error"]) == (504, "timeout")


@pytest.mark.parametrize("after", [False, True])
def test_a_delayed_request_is_done_before_or_after_the_delay(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    pauses: list[tuple[float, int]] = []

    async def pause(seconds: float) -> None:
        pauses.append((seconds, signed_in.lab.counters.logouts))

    monkeypatch.setattr(signed_in.lab, "pause", pause)
    signed_in.fault("/auth/logout", "delay", seconds=7, after=after)
    assert signed_in.post("/auth/logout").status_code == 204
    assert pauses == [(7, 1 if after else 0)]


def test_each_refresh_can_be_slowed_at_start(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = make_client(refresh_delay=3)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(slow.lab, "pause", pause)
    slow.sign_in()
    assert pauses == []
    assert slow.post("/auth/refresh").status_code == 200
    assert pauses == [3]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "delay"},
        {"path": "/api/me"},
        {"path": "/api/me", "kind": "explode"},
        {"path": "/dev/faults", "kind": "status"},  # or nobody could take it back
        {"path": "/", "kind": "status"},
        {"path": "/api/me", "kind": "status", "status": 99},
        {"path": "/api/me", "kind": "status", "times": 0},
        {"path": "/api/me", "kind": "status", "retry_after": 7},
        {"path": "/api/me", "kind": "status", "retry_after": "7\r\nX-Evil: 1"},
        {"path": "/api/me", "kind": "status", "retry_after": "日本"},
        {"path": "/api/me", "kind": "status", "retry_after": "\x7f"},
        {"path": "/api/me", "kind": "status", "retry_after": " 7"},
        {"path": "/api/me", "kind": "status", "challenge": 'Basic realm="日本"'},
        {"path": "/api/me", "kind": "status", "body": float("nan")},
        {"path": "/api/me", "kind": "status", "body": {"a": "\ud800"}},
        {"path": "/api/me", "kind": "status", "status": 404.5},
        {"path": "/api/me", "kind": "status", "times": 1.5},
        {"path": "/api/me", "kind": "status", "status": 204},
        {"path": "/api/me", "kind": "html", "status": 304},
        {"path": "/api/me", "kind": "delay", "seconds": -1},
        {"path": "/api/me", "kind": "delay", "secs": 1},
        {"path": "/api/me", "kind": "hold", "after": "yes"},
    ],
    ids=str,
)
def test_a_fault_that_makes_no_sense_is_a_400(visitor: Client, fields: dict[str, Any]) -> None:
    text = json.dumps(fields)  # with NaN, which httpx would refuse to send
    answer = visitor.http.post(
        "/dev/faults", content=text, headers={"Origin": ORIGIN, "Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    visitor.sign_in()
    assert visitor.api("/api/me").status_code == 200
