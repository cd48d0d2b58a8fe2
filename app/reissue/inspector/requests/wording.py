"""One request, or one moment, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...events import RefreshPhase
from . import axis
from .flow import STACK, Flow
from .life import Life, Stage
from .records import Call, Mark, MarkKind
from .trace import Trace
from .window import Window

Words = Mapping[str, str]

WARNINGS = (MarkKind.WITHOUT_TOKEN, MarkKind.WITHOUT_COOKIE)


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a request: when it began, after the call, and how long it took."""

    stage: Stage
    name: str
    after: str
    took: str


def duration(seconds: float) -> str:
    """A length of time with a fitting unit."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.0f} min"


def outcome(life: Life, words: Words) -> str:
    """How a request ended, or the stage that it is at."""
    if life.ended_at is None:
        return words[f"requests.stage.{life.stage.value}"]
    detail = life.status if life.status is not None else life.error
    name = words[f"requests.outcome.{life.outcome.value}"]
    return name if detail is None else f"{name}, {detail}"


def steps(life: Life, now: float, words: Words) -> list[Step]:
    """The stages of a request, without a CALLED that took no time."""
    return [
        Step(stage, words[f"requests.stage.{stage.value}"], duration(began - life.at), duration(ended - began))
        for stage, began, ended in life.spans(now)
        if stage is not Stage.CALLED or ended - began >= 0.001 or len(life.steps) == 1
    ]


def sentence(life: Life, now: float, words: Words) -> str:
    """A request in one sentence, for a screen reader."""
    parts = [
        f"{words['requests.details'].format(number=life.number)}: {life.method} {life.url}",
        outcome(life, words),
        duration(life.duration(now)),
        *(f"{step.name} {step.took}" for step in steps(life, now, words)),
    ]
    if not life.replayable:
        parts.append(f"{words['requests.details.body']} {words['requests.details.once']}")
    return ", ".join(parts)


def lines(life: Life, now: float, words: Words) -> list[str]:
    """A request in several lines, for the tooltip."""
    first = f"#{life.number}  {life.method}  {outcome(life, words)}  {duration(life.duration(now))}"
    found = [first, life.url, *(f"{step.after}  {step.name}  {step.took}" for step in steps(life, now, words))]
    if not life.replayable:
        found.append(f"{words['requests.details.body']}: {words['requests.details.once']}")
    return found


def counts(flow: Flow, time: float, words: Words) -> list[str]:
    """How many requests were at which stage at that time."""
    found = [(stage, flow.levels[stage].at(time)) for stage in reversed(STACK)]
    return [f"{count:,}  {words[f'requests.stage.{stage.value}']}" for stage, count in found if count]


def of_the_axis(trace: Trace, window: Window, now: float, x: int, y: int, words: Words) -> list[str]:
    """What the rows above the lanes show at this point."""
    time, near = window.time(x), 6 * window.span / window.width
    if y >= axis.CALLS:
        for refresh in trace.refreshes:
            end = refresh.until(now)
            if refresh.at - near <= time <= end + near:
                detail = f": {refresh.error}" if refresh.error else ""
                asked = [call for call in trace.calls if refresh.at <= call.at <= end]
                return [
                    f"{words[f'requests.refresh.{refresh.phase.value}']}{detail}",
                    duration(end - refresh.at),
                    *(
                        f"{words[f'requests.call.{call.call}']}  {duration(call.until(now) - call.at)}"
                        for call in asked
                    ),
                ]
        return [
            f"{words[axis.call_key(call)]}  {_error_of(call)}{duration(call.until(now) - call.at)}"
            for call in trace.calls
            if call.at - near <= time <= call.until(now) + near
        ][:1]
    marks = [mark for mark in trace.marks if abs(mark.at - time) <= near]
    if marks:
        return [of_a_mark(mark, words) for mark in marks]
    for token in trace.tokens:
        end = token.until(max(now, window.right))
        if token.at <= time <= end:
            if token.expires_at is None:
                return [words["requests.token.no_end"]]
            if token.expires_at <= time:
                return [words["requests.token.expired"]]
            return [words["requests.token.good_for"].format(seconds=f"{token.expires_at - token.at:,.0f}")]
    return []


def of_a_mark(mark: Mark, words: Words) -> str:
    """A marked moment: what happened, and why."""
    text = words[axis.MARKS[mark.kind]]
    if mark.kind in WARNINGS:
        return text.format(url=mark.detail, audience=mark.audience)
    return f"{text} ({mark.detail})" if mark.detail else text


def warning(trace: Trace, words: Words) -> str:
    """The latest request that left without a token or a cookie, and why; empty if none did."""
    found = (mark for mark in reversed(trace.marks) if mark.kind in WARNINGS)
    return next((of_a_mark(mark, words) for mark in found), "")


def lanes_in_sight(first: int, last: int, count: int, words: Words) -> str:
    """Which lanes are shown, counted from 1, if there are more to scroll to; else empty."""
    if first <= 1 and last >= count:
        return ""
    return words["requests.lanes"].format(first=first, last=min(last, count), count=count)


def _error_of(call: Call) -> str:
    return f"{call.error}  " if call.error and not call.found_nobody else ""


def totals(trace: Trace, matching: int, words: Words) -> str:
    """How many requests there are, and what they are doing now."""
    count = trace.requests.count
    key = "requests.totals" if matching == count else "requests.totals.matching"
    parts = [words[key].format(count=f"{count:,}", matching=f"{matching:,}")]
    wire = sum(trace.requests.flow.levels[stage].now for stage in (Stage.WIRE, Stage.REPLAY))
    if wire:
        parts.append(words["requests.totals.wire"].format(count=f"{wire:,}"))
    if trace.requests.running > wire:
        parts.append(words["requests.totals.waiting"].format(count=f"{trace.requests.running - wire:,}"))
    if trace.requests.dropped:
        parts.append(words["requests.totals.dropped"].format(count=f"{trace.requests.dropped:,}"))
    return " · ".join(parts)


def news(trace: Trace, words: Words) -> str:
    """The latest news for a screen reader: the last refresh, or the end of the session if that came later."""
    told = [
        (mark.at, of_a_mark(mark, words) if mark.audience else words[axis.MARKS[mark.kind]])
        for mark in list(trace.marks)[-1:]
    ]
    for refresh in list(trace.refreshes)[-1:]:
        at = refresh.at if refresh.phase is RefreshPhase.STARTED else refresh.until(refresh.at)
        told.append((at, words[f"requests.refresh.{refresh.phase.value}"]))
    return max(told, key=lambda item: item[0], default=(0.0, ""))[1]
