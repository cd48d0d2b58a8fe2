"""The trace in other programs' formats."""

import json
from typing import Any

from reissue import EndpointPhase, RefreshPhase, SessionPhase, WaitsFor
from reissue.inspector.requests.formats import as_har, as_json, measures

from tests.reissue.inspector.requests.story import CANCELLED, DONE, FAILED, REFUSED, SENT, STARTED, URL, Story

WALL = 1_700_000_000.0


def har(story: Story, now: float = 9.0) -> dict[str, Any]:
    log = json.loads(as_har(story.trace, now=now, wall=WALL, version="1.2.3"))["log"]
    assert isinstance(log, dict)
    return log


def test_json_holds_all_that_was_heard() -> None:
    story = Story()
    story.session(0.0, SessionPhase.STARTED, remaining=60)
    story.storm(1)
    story.request(2, 3.5, STARTED)
    content = json.loads(as_json(story.trace, now=4.0, wall=WALL))
    assert (content["format"], content["version"], content["seconds"]) == ("reissue-trace", 1, 4.0)
    assert content["began"] == "2023-11-14T22:13:20.000Z"
    first, second = content["requests"]
    assert first["steps"] == [
        {"at": 0.0, "stage": "called"},
        {"at": 0.0, "stage": "wire"},
        {"at": 1.0, "stage": "refused"},
        {"at": 2.0, "stage": "replay"},
    ]
    assert (first["outcome"], first["status"], first["ended_at"], first["url"]) == ("done", 200, 3.0, URL)
    assert (second["outcome"], second["ended_at"]) == ("running", None)
    assert content["refreshes"][0]["phase"] == "succeeded"
    assert content["calls"] == [
        {"call": "refresh", "at": 1.25, "ended_at": 1.75, "phase": "answered", "error": None, "found_nobody": False}
    ]
    assert content["tokens"][0] == {"at": 0.0, "expires_at": 60.0, "ended_at": 2.0}
    assert content["marks"] == [{"at": 0.0, "kind": "session_started", "detail": "", "audience": ""}]


def test_a_trace_of_nothing_is_exported_too() -> None:
    story = Story()
    assert json.loads(as_json(story.trace, now=4.0, wall=WALL))["requests"] == []
    assert har(story)["entries"] == []
    assert measures(story.trace) == []


def test_an_archive_has_an_entry_for_each_time_that_a_request_was_sent() -> None:
    """HAR 1.2: every field that it requires is there, and the parts of the time add up."""
    story = Story()
    story.storm(1)
    log = har(story)
    assert (log["version"], log["creator"]) == ("1.2", {"name": "reissue", "version": "1.2.3"})
    first, second = log["entries"]
    assert (first["response"]["status"], second["response"]["status"]) == (401, 200)
    assert (first["startedDateTime"], second["startedDateTime"]) == (
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:13:21.000Z",
    )
    assert (second["timings"]["blocked"], second["timings"]["wait"], second["time"]) == (1000, 1000, 2000)
    for entry in log["entries"]:
        assert entry["time"] == sum(part for part in entry["timings"].values() if part > 0)
        for field in ("method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"):
            assert field in entry["request"]
        for field in ("status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"):
            assert field in entry["response"]
        assert entry["cache"] == {}


def test_what_was_never_sent_or_answered_says_why() -> None:
    story = Story()
    story.request(1, 0.0, STARTED)
    story.request(1, 0.0, WaitsFor.ADMISSION)
    story.request(1, 1.0, CANCELLED)
    story.request(2, 1.0, STARTED)
    story.request(2, 1.0, SENT)
    story.request(2, 2.0, FAILED, error="NetworkError")
    story.request(3, 2.0, STARTED)
    story.request(3, 2.0, SENT)
    story.request(4, 3.0, STARTED)
    story.request(4, 3.0, SENT)
    story.request(4, 4.0, REFUSED)
    story.request(4, 5.0, DONE, status=401)  # its body could be sent only once
    entries = har(story)["entries"]
    assert [(e["_request"], e["response"]["status"], e["comment"]) for e in entries] == [
        (1, 0, "cancelled; not sent"),
        (2, 0, "NetworkError"),
        (3, 0, "running"),
        (4, 401, ""),
    ]


def test_measures_are_the_lanes_with_their_stages_and_the_refresh_beside_them() -> None:
    story = Story()
    story.storm(2)
    story.whole(3, 4.0, 5.0, status=500)
    story.request(4, 5.0, STARTED)
    story.refresh(5.0, RefreshPhase.STARTED)
    story.call(5.0, EndpointPhase.ASKED)
    found = measures(story.trace)
    assert [(m.name, m.start, m.end) for m in found if m.track == "lane 2"] == [
        ("200 GET /v1/notes (#2)", 0.0, 3.0),
        ("wire", 0.0, 1.0),
        ("refused", 1.0, 2.0),
        ("replay", 2.0, 3.0),
    ]
    assert [m.colour for m in found if m.name.startswith("500")] == ["error"]
    assert [(m.name, m.start, m.end) for m in found if m.track in ("refresh", "endpoint")] == [
        ("refresh succeeded", 1.0, 2.0),
        ("refresh answered", 1.25, 1.75),
    ]
    assert not [m for m in found if "#4" in m.name], "it has not ended"
