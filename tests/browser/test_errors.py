"""What a page's errors and warnings say to the app's author, where only a browser shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.test_audience import CONNECT, reach_loopback
from tests.browser.visit import REFUSED, Visit
from tests.other_origin import OtherOrigin, other_origin

WHAT_TO_DO = ": correct one of them, or send it with auth=False"

WHY = """
import reissue
async def why(url, **settings):
    api = reissue.connect("/api/", endpoint=reissue.Endpoint(url, **settings), tabs=False)
    await api.adopt("not-of-this-server")
    try:
        await api.fetch("/api/me")
    except reissue.SessionEnded as error:
        return [str(error), error.url, error.status]
    finally:
        await api.close()
"""

ALLOWED = ("--allow-origin", "http://127.0.0.1:*", "--allow-origin", "http://localhost:*")
beside_another = opened(Opening(flags=ALLOWED, before=reach_loopback))


@pytest.fixture(scope="module")
def other() -> Iterator[OtherOrigin]:
    with other_origin() as other:
        yield other


@pytest.fixture(scope="module")
def other_site() -> Iterator[OtherOrigin]:
    with other_origin("localhost") as other:
        yield other


@beside_another
def test_a_session_that_has_ended_says_whether_its_cookie_can_have_been_sent(
    kept: Visit, other: OtherOrigin, other_site: OtherOrigin
) -> None:
    """Told apart: no refresh at all, a cookie that fetch did not send, and one that two sites may not share. Two ports
    of a host are one site.
    """
    here = kept.server.origin
    kept.allowed_origins |= {other.origin, other_site.origin}
    kept.expect_console(REFUSED, times=6, at_most=30)
    kept.run(WHY)
    answer = f"{here}/auth/refresh answered 204: "
    said, url, status = kept.run('await why("/auth")')
    assert (url, status) == (f"{here}/auth/refresh", 204)
    assert said.startswith(f"the session is over: {answer}")
    assert "cookie" not in said
    said, url, status = kept.run('await why("/auth", refresh=None)')
    assert (url, status) == (None, None)
    assert "renews no tokens (refresh=None)" in said
    for there, setting, words in (
        (
            other.origin,
            "same-origin",
            "The browser sent no cookie, since the endpoint is on another origin than the page",
        ),
        (other.origin, "include", "Sign in again"),
        (other_site.origin, "include", "The browser may have sent no cookie, since the endpoint is on another origin"),
    ):
        said, url, status = kept.run(f'await why("{there}", refresh="refused", credentials="{setting}")')
        assert (url, status) == (f"{there}/refused", 401)
        assert said.startswith(f"the session is over: {there}/refused answered 401: invalid_grant. {words}")


RESUME = """
import reissue
async def resumed(url, **settings):
    api = reissue.connect("/api/", endpoint=reissue.Endpoint(url, **settings), tabs=False)
    told = []
    api.on(lambda event: told.append(event) if isinstance(event, reissue.CookieEvent) else None)
    try:
        return [await api.resume(), await api.resume(), [[event.url, event.status] for event in told]]
    finally:
        await api.close()
"""


@beside_another
def test_a_reload_that_finds_nobody_says_if_the_cookie_was_not_sent(kept: Visit, other: OtherOrigin) -> None:
    """Once on the console and as an event; and a first visitor to the page's own origin reads nothing."""
    other = other.from_now_on()
    kept.allowed_origins.add(other.origin)
    kept.expect_console(REFUSED, times=4, at_most=4)
    kept.run(RESUME)
    assert kept.run('await resumed("/auth")') == [False, False, []]
    there = f'"{other.origin}", refresh="refused"'
    assert kept.run(f'await resumed({there}, credentials="include")') == [False, False, []]
    assert kept.warned == []
    assert kept.run(f"await resumed({there})") == [False, False, [[f"{other.origin}/refused", 401]]]
    (line,) = kept.warned
    assert line.startswith(f"reissue: {other.origin}/refused answered 401, so nobody is signed in. ")
    assert "credentials='include'" in line
    assert [request.headers.get("cookie") for request in other.requests if request.method == "POST"] == [None] * 4


@beside_another
def test_a_request_that_misses_the_audience_is_told_on_the_console_and_as_an_event(
    kept: Visit, other: OtherOrigin
) -> None:
    """Once for its path, and once for its origin, without the query."""
    here = kept.server.origin
    kept.allowed_origins.add(other.origin)
    assert kept.run(CONNECT) == 200
    kept.run("told = []; api.on(lambda event: told.append(event) if hasattr(event, 'audience') else None); None")
    urls = ["/dev/counters?key=s3cr3t", "/dev/counters", f"{other.origin}/api/notes", f"{other.origin}/api/", "/api/me"]
    assert kept.run(f"[await outcome(url) for url in {urls}]") == [200] * 5
    assert kept.run("[[event.phase.value, event.url] for event in told]") == [
        ["path", f"{here}/dev/counters"],
        ["origin", f"{other.origin}/api/notes"],
    ]
    assert [line.partition(" went out without a token, since its ")[::2] for line in kept.warned] == [
        (f"reissue: GET {here}/dev/counters", f"path is not that of the audience {here}/api/{WHAT_TO_DO}"),
        (f"reissue: GET {other.origin}/api/notes", f"origin is not that of the audience {here}/api/{WHAT_TO_DO}"),
    ]


@pytest.mark.parametrize("audience", ["api", "127.0.0.1:8000/api/", "api.example/v1/", "localhost/api"])
@opened(Opening())
def test_an_audience_that_may_be_a_host_or_a_folder_is_refused(kept: Visit, audience: str) -> None:
    said = kept.run(f"""
import reissue
try:
    reissue.connect("{audience}", endpoint=reissue.Endpoint("/auth"))
except ValueError as error:
    said = str(error)
said
""")
    assert "http" in said
    assert "./" in said
