"""The rows above the lanes: the axis of time, the token's life, and the calls to the endpoint."""

from collections.abc import Mapping

from ...events import EndpointPhase, RefreshPhase
from .picture import Picture, width_of
from .records import Call, MarkKind
from .trace import Trace
from .window import Window

AXIS = 11
"""The baseline of the axis's figures."""

TOKEN = 18
CALLS = 38
ROW = 14
"""Where the rows begin, and their height, in pixels."""

HEIGHT = 58

MARKS = {
    MarkKind.SESSION_STARTED: "requests.mark.session_started",
    MarkKind.SESSION_ENDED: "requests.mark.session_ended",
    MarkKind.TAKEN_OVER: "requests.mark.taken_over",
    MarkKind.STORE: "requests.mark.store",
    MarkKind.SIGN_OUT: "requests.mark.sign_out",
    MarkKind.WITHOUT_TOKEN: "requests.mark.without_token",
    MarkKind.WITHOUT_COOKIE: "requests.mark.without_cookie",
}


def draw_bands(picture: Picture, trace: Trace, window: Window, now: float, height: int) -> None:
    """What goes through all lanes: refreshes as bands, marks as lines, and now."""
    picture.use("band", "band_bad", "grid")
    for time, _ in _ticks(trace, window):
        picture.box("grid", window.x(time), HEIGHT, 1, height - HEIGHT)
    _draw_refreshes(picture, trace, window, now, height)
    for mark in trace.marks:
        if window.left <= mark.at <= window.right:
            picture.box("mark", window.x(mark.at), TOKEN, 1, height)


def draw_axis(picture: Picture, trace: Trace, window: Window, now: float, words: Mapping[str, str]) -> None:
    """The three rows above the lanes."""
    for time, figure in _ticks(trace, window):
        x = window.x(time)
        picture.box("grid", x, 0, 1, HEIGHT)
        room = window.width - x - 4
        if width_of(figure) <= room:  # half a figure would be another one
            picture.write(x + 4, AXIS, figure, room, style="quiet")
    _draw_tokens(picture, trace, window, now, words)
    _draw_calls(picture, trace, window, now, words)


def call_key(call: Call) -> str:
    """The key of the call's name in the strings."""
    return "requests.call.nobody" if call.found_nobody else f"requests.call.{call.call}"


def _ticks(trace: Trace, window: Window) -> list[tuple[float, str]]:
    return [] if trace.first is None else window.ticks(trace.first)


def _draw_tokens(picture: Picture, trace: Trace, window: Window, now: float, words: Mapping[str, str]) -> None:
    picture.use("token", "token_over", "mark")
    for token in trace.tokens:
        end = token.until(max(now, window.right))
        if end < window.left or token.at > window.right:
            continue
        left, good = window.x(token.at), end if token.expires_at is None else min(end, token.expires_at)
        right = window.x(end)
        if good > token.at:
            picture.box("token", left, TOKEN, max(1, window.x(good) - left - 1), ROW)
        if good < end:  # it has expired, and no other token has replaced it
            picture.box("token_over", window.x(good), TOKEN + ROW // 2 - 1, max(1, right - window.x(good)), 2)
        shown = max(2, left + 4)
        if token.expires_at is None:
            text = words["requests.token.no_end"]
        elif token.ended_at is None and token.expires_at <= now:
            text = words["requests.token.expired"]
        else:
            text = words["requests.token.good_for"].format(seconds=f"{token.expires_at - token.at:,.0f}")
        style = "on_token" if window.x(good) - shown > width_of(text) else ""
        if style:
            picture.write(shown + 2, TOKEN + 11, text, right - shown - 4, style=style)
    for mark in trace.marks:
        if window.left <= mark.at <= window.right:
            x = window.x(mark.at)
            if mark.kind is MarkKind.TAKEN_OVER:
                picture.diamond("mark", x, TOKEN + ROW // 2, 7)
            else:
                picture.box("mark", x - 2, TOKEN - 1, 5, ROW + 2)


def _draw_refreshes(picture: Picture, trace: Trace, window: Window, now: float, height: int) -> None:
    for refresh in trace.refreshes:
        end = refresh.until(now)
        if end >= window.left and refresh.at <= window.right:
            bad = refresh.phase in (RefreshPhase.REFUSED, RefreshPhase.UNAVAILABLE)
            left = window.x(refresh.at)
            picture.box("band_bad" if bad else "band", left, CALLS - 2, max(2, window.x(end) - left), height)


def _draw_calls(picture: Picture, trace: Trace, window: Window, now: float, words: Mapping[str, str]) -> None:
    picture.use("band", "band_bad", "admission", "call", "call_bad")
    # Around the calls, since a refresh may wait for the lock: only the call itself is filled.
    _draw_refreshes(picture, trace, window, now, HEIGHT - CALLS + 2)
    free = 0  # the pixel up to which the row has text
    for call in trace.calls:
        end = call.until(now)
        if end < window.left or call.at > window.right:
            continue
        left = window.x(call.at)
        width = max(2, window.x(end) - left)
        failed = "admission" if call.found_nobody else "call_bad"
        picture.box(failed if call.phase is EndpointPhase.FAILED else "call", left, CALLS, width, ROW - 6)
        name = words[call_key(call)]
        start = max(free, left + width + 5)
        if start + width_of(name) <= window.width and start < left + width + 60:
            picture.write(start, CALLS + 9, name, window.width - start)
            free = start + round(width_of(name)) + 8
