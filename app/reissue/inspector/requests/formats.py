"""The trace in other programs' formats: JSON, an HTTP archive, and measures for the browser's own profiler.

It holds what events tell: URLs without their queries, and no header, body or token.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from .lanes import label
from .life import Life, Outcome, Stage
from .trace import Trace

_COLOURS = {
    Stage.RESUME: "secondary-light",
    Stage.ADMISSION: "secondary-light",
    Stage.REFRESH: "tertiary-light",
    Stage.WIRE: "primary",
    Stage.STEP_UP: "secondary",
    Stage.REFUSED: "error",
    Stage.REPLAY: "tertiary",
}


def as_json(trace: Trace, *, now: float, wall: float) -> str:
    """The whole trace. Times are seconds since its first event; `wall` is the epoch's time (s) at its nought."""
    first = trace.first or 0.0

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - first, 6)

    def plain(value: Any) -> Any:
        return value.value if isinstance(value, Enum) else value

    def stretches(items: Any) -> list[dict[str, Any]]:
        times = ("at", "ended_at", "expires_at")
        return [
            {
                name: since(getattr(item, name)) if name in times else plain(getattr(item, name))
                for name in item.__slots__
            }
            for item in items
        ]

    requests = [
        {
            "number": life.number,
            "method": life.method,
            "url": life.url,
            "replayable": life.replayable,
            "outcome": life.outcome.value,
            "status": life.status,
            "error": life.error,
            "at": since(life.at),
            "ended_at": since(life.ended_at),
            "steps": [{"at": since(at), "stage": stage.value} for at, stage in life.steps],
        }
        for life in trace.requests.lives
    ]
    content = {
        "format": "reissue-trace",
        "version": 1,
        "began": _date(wall + first),
        "seconds": since(now),
        "dropped": trace.requests.dropped,
        "requests": requests,
        "refreshes": stretches(trace.refreshes),
        "calls": stretches(trace.calls),
        "tokens": stretches(trace.tokens),
        "marks": stretches(trace.marks),
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def as_har(trace: Trace, *, now: float, wall: float, version: str) -> str:
    """HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): one entry for each time that a request was sent.

    A request that was answered with a 401 and sent again is two entries. What it waited for before is `blocked`. The
    endpoint's own calls are not in it: what they send is not told.
    """
    entries = [entry for life in trace.requests.lives for entry in _entries(life, now, wall)]
    entries.sort(key=lambda entry: str(entry["startedDateTime"]))
    log = {"version": "1.2", "creator": {"name": "reissue", "version": version}, "pages": [], "entries": entries}
    return json.dumps({"log": log}, ensure_ascii=False, indent=1)


def _entries(life: Life, now: float, wall: float) -> list[dict[str, Any]]:
    spans = life.spans(now)
    entries, blocked_since = [], life.at
    for place, (stage, began, ended) in enumerate(spans):
        if stage not in (Stage.WIRE, Stage.REPLAY):
            continue
        refused = place + 1 < len(spans)
        status = 401 if refused else life.status
        entries.append(_entry(life, wall, blocked_since, began, ended, status, "" if refused else _comment(life)))
        blocked_since = ended
    if spans[-1][0] not in (Stage.WIRE, Stage.REPLAY) and life.outcome not in (Outcome.DONE, Outcome.REJECTED):
        end = spans[-1][2]
        entries.append(_entry(life, wall, blocked_since, end, end, None, f"{_comment(life)}; not sent"))
    return entries


def _comment(life: Life) -> str:
    if life.outcome in (Outcome.DONE, Outcome.REJECTED):
        return ""
    return life.error or life.outcome.value


def _entry(
    life: Life, wall: float, called: float, sent: float, ended: float, status: int | None, comment: str
) -> dict[str, Any]:
    blocked, wait = _milliseconds(sent - called), _milliseconds(ended - sent)
    unknown = {"cookies": [], "headers": [], "headersSize": -1, "bodySize": -1}
    return {
        "startedDateTime": _date(wall + called),
        "time": round(blocked + wait, 3),
        "request": {"method": life.method, "url": life.url, "httpVersion": "", "queryString": [], **unknown},
        "response": {
            "status": status or 0,
            "statusText": "",
            "httpVersion": "",
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            **unknown,
        },
        "cache": {},
        "timings": {"blocked": blocked, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": wait, "receive": 0},
        "comment": comment,
        "_request": life.number,
    }


@dataclass(frozen=True, slots=True)
class Measure:
    """One entry for `performance.measure`: from `start` to `end` (s), in a track of the profiler."""

    name: str
    start: float
    end: float
    track: str
    colour: str


GROUP = "reissue"


def measures(trace: Trace) -> list[Measure]:
    """All that has ended, as measures. Each lane is a track; refreshes, calls and tokens have tracks of their own."""
    found = []
    for life in trace.requests.lives:
        if life.ended_at is None:
            continue
        track = f"lane {trace.requests.flow.lane_of[life.number] + 1}"
        colour = "error" if life.ended_badly else "primary-light"
        whole = Measure(f"{label(life)} (#{life.number})", life.at, life.ended_at, track, colour)
        stages = [
            Measure(stage.value, began, ended, track, _COLOURS[stage])
            for stage, began, ended in life.spans(life.ended_at)
            if stage in _COLOURS and ended > began
        ]
        found += [whole, *stages]
    for refresh in trace.refreshes:
        if refresh.ended_at is not None:
            found.append(Measure(f"refresh {refresh.phase.value}", refresh.at, refresh.ended_at, "refresh", "tertiary"))
    for call in trace.calls:
        if call.ended_at is not None:
            found.append(
                Measure(f"{call.call} {call.phase.value}", call.at, call.ended_at, "endpoint", "tertiary-dark")
            )
    return found


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _date(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
