"""Python's servers, each as its own documentation sets it up: sign-in to sign-out, by the lines of docs/servers.md.

To add a server, write its app, its section, and a row here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.browser.visit import Visit
from tests.documents import AS_A_KNOWN_SERVER, AS_A_SERVER, run_by
from tests.servers.conftest import LIFE, Start, turn_the_clock

FOR_GOOD = 40 * 24 * 3600  # seconds after which no refresh token and no session is valid


@dataclass(frozen=True, slots=True)
class Row:
    """A server. `heading` is that of its section, whose lines are run as they stand, but for the server's URL.

    `api` is a path that wants a user, `refresh` the path that is asked when its token is rejected ("": none). `words`
    are the server's own about a wrong password.
    """

    heading: str
    app: str
    api: str
    refresh: str
    words: str
    user: str = "ada"
    password: str = "lovelace"
    life: int = LIFE  # seconds that a token, or a session, is valid
    renews: bool = True  # else a session lasts as long as its token
    cookies: bool = False  # the page sees no token
    posts: bool = False  # with a CSRF token, read anew for each request
    revoke: str = ""  # where a refresh token is revoked that never expires
    outlives: tuple[str, ...] = ()  # of "access" and "refresh": what the server still accepts after a sign-out


ROWS = (
    Row(
        "Django REST framework with SimpleJWT",
        app="django_app",
        api="/api/me",
        refresh="/api/token/refresh/",
        words="No active account found with the given credentials",
        outlives=("access",),
    ),
    Row(
        "Flask-JWT-Extended",
        app="flask_header_app",
        api="/protected",
        refresh="/refresh",
        words="Bad username or password",
        outlives=("access",),
    ),
    Row(
        "Flask-JWT-Extended with cookies",
        app="flask_cookie_app",
        api="/protected",
        refresh="/refresh",
        words="Bad username or password",
        cookies=True,
        posts=True,
        outlives=("access", "refresh"),
    ),
    Row(
        "django-allauth headless, for apps",
        app="allauth_app",
        api="/api/me",
        refresh="/_allauth/app/v1/tokens/refresh",
        words="The username and/or password you specified are not correct.",
    ),
    Row(
        "django-allauth headless, for browsers",
        app="allauth_app",
        api="/api/me",
        refresh="/_allauth/browser/v1/auth/session",
        life=14 * 24 * 3600,
        words="The username and/or password you specified are not correct.",
        renews=False,
        cookies=True,
        posts=True,
    ),
    Row(
        "django-oauth-toolkit",
        app="oauth_toolkit_app",
        api="/api/me",
        refresh="/o/token/",
        words="Invalid credentials given.",
        revoke="/o/revoke_token/",
    ),
    Row(
        "dj-rest-auth",
        app="dj_rest_auth_app",
        api="/api/me",
        refresh="/dj-rest-auth/token/refresh/",
        words="Unable to log in with provided credentials.",
        cookies=True,
        posts=True,
        outlives=("access",),
    ),
    Row(
        "fastapi-users",
        app="fastapi_users_app",
        api="/authenticated-route",
        refresh="",
        words="LOGIN_BAD_CREDENTIALS",
        user="ada@example.com",
        renews=False,
        outlives=("access",),
    ),
    Row(
        "fastapi-users with a cookie",
        app="fastapi_users_app",
        api="/authenticated-route",
        refresh="/users/me",
        words="LOGIN_BAD_CREDENTIALS",
        user="ada@example.com",
        renews=False,
        cookies=True,
        outlives=("access",),
    ),
    Row(
        "Litestar with a cookie",
        app="litestar_app",
        api="/some-path",
        refresh="/me",
        words="Wrong user name or password",
        renews=False,
        cookies=True,
        outlives=("access",),
    ),
    Row(
        "FastAPI, as its tutorial has it",
        app="fastapi_app",
        api="/users/me/items/",
        refresh="",
        words="Incorrect username or password",
        user="johndoe",
        password="secret",
        renews=False,
        outlives=("access",),
    ),
)
LINES = {block.heading: block.code for test in (AS_A_KNOWN_SERVER, AS_A_SERVER) for block in run_by(test)}
CLIENT = """
import asyncio, functools, time
import js, reissue
from pyodide.http import pyfetch

connect = reissue.connect
reissue.connect = lambda url, **given: connect(url, clock=lambda: time.time() + skew, **given)

async def outcome(call):
    try:
        response = await call
    except reissue.ReissueError as error:
        return [type(error).__name__, getattr(error, "reason", None) or getattr(error, "description", error.status)]
    return getattr(response, "status", response)

async def ten(**options):
    return await asyncio.gather(*(outcome(api.fetch({api!r}, **options)) for _ in range(10)))

async def sign_in(password={password!r}):
    return await outcome(api.sign_in(username={user!r}, password=password))
"""
ENDED = [["SessionEnded", "refused"]] * 10


class Page:
    """A page with a client of the server, and the clocks of all three."""

    def __init__(self, visit: Visit, url: str, row: Row) -> None:
        self.visit, self.url, self.row = visit, url, row
        self.run = visit.run
        self.skew = 0.0
        visit.allowed_origins.add(url)
        visit.api = f"{url}/"
        # The blank page comes from Playwright, not from an address: without this, Chromium keeps it from loopback.
        visit.context.grant_permissions(["local-network-access"])
        visit.expect_console(r"status of 4\d\d", times=0, at_most=200)
        visit.open_blank(policy={"connect-src": f"'self' {url}"})

    def connect(self) -> None:
        """Run the lines of the document."""
        self.run(
            f"skew = {self.skew}\n"
            + CLIENT.format(api=self.url + self.row.api, user=self.row.user, password=self.row.password)
        )
        assert "https://api.example/" in LINES[self.row.heading]
        self.run(LINES[self.row.heading].replace("https://api.example", self.url) + "\nNone")

    def reload(self) -> None:
        self.visit.page.reload()
        self.visit.blank_has_begun()
        self.connect()

    def revoke(self) -> None:
        """End a refresh token that never expires."""
        token = self.run("api._lifecycle.alive.credential.refresh_token")
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=120)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", self.row.revoke, urlencode({"token": token, "client_id": "page"}), headers)
        assert connection.getresponse().status == 200
        connection.close()

    def later(self, seconds: float) -> None:
        """Turn the server's clock, and those of the page."""
        self.later_at_the_server(seconds)
        self.later_in_the_browser(seconds)

    def later_at_the_server(self, seconds: float) -> None:
        turn_the_clock(self.url, seconds)

    def later_in_the_browser(self, seconds: float) -> None:
        self.skew += seconds
        self.run(f"skew = {self.skew}")
        for cookie in self.visit.context.cookies():  # the browser's own clock can't be turned
            if cookie["expires"] != -1 and cookie["expires"] <= time.time() + seconds:
                self.visit.context.clear_cookies(name=cookie["name"])

    @property
    def refreshes(self) -> int:
        return len(self.visit.requests_to(self.row.refresh))

    def over_a_rejected_token(self, **options: str) -> None:
        """Ten requests at once: one refresh, and each is sent again; or the session ends where nothing renews."""
        before = self.refreshes
        outcomes = self.run(f"await ten(**{options!r})")
        assert self.refreshes - before == (1 if self.row.refresh else 0)
        if self.row.renews:
            assert outcomes == [200] * 10
        else:
            assert outcomes == ENDED
            self.signs_in()

    def held(self) -> Any:
        """The tokens of this session, or its cookies."""
        if self.row.cookies:
            return self.visit.context.cookies()
        return self.run("(lambda held: [held.access_token, held.refresh_token])(api._lifecycle.alive.credential)")

    def accepted(self, held: Any) -> tuple[str, ...]:
        """What the server still accepts of these, as if they had been stolen before the sign-out."""
        api = self.url + self.row.api
        if self.row.cookies:
            self.visit.context.add_cookies(held)
            access = self.run(f"(await js.fetch({api!r}, credentials='include')).status") == 200
            refresh = self.row.renews and self.run("await api.resume()")
        else:
            access = (
                self.run(f"(await pyfetch({api!r}, headers={{'Authorization': 'Bearer {held[0]}'}})).status") == 200
            )
            self.run(f"await api.adopt({held[0]!r}, refresh_token={held[1]!r}, expires_in=300)")
            refresh = self.row.renews and self.run("await outcome(api.renew())") is None
        return tuple(name for name, accepted in (("access", access), ("refresh", refresh)) if accepted)

    def signs_in(self) -> None:
        assert self.run("await sign_in()") is not False
        assert self.run("api.state.name") == "SIGNED_IN"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.heading)
def test_a_server_of_python_is_used_by_the_lines_of_the_document(visit: Visit, start: Start, row: Row) -> None:
    page = Page(visit, start(row.app, visit.server.origin), row)
    page.connect()
    assert page.run("await ten()") == [200] * 10

    page.later(row.life + 1)
    sent = len(visit.requests_to(row.api))
    page.over_a_rejected_token()
    if not row.cookies:
        assert len(visit.requests_to(row.api)) - sent == (10 if row.renews else 0), "known to have expired: not sent"
    page.later_at_the_server(row.life + 1)
    page.over_a_rejected_token()
    if row.posts:
        assert page.run("await ten(method='POST')") == [200] * 10
        page.later_at_the_server(row.life + 1)
        page.over_a_rejected_token(method="POST")

    page.reload()
    assert page.run("await ten()") == [200] * 10, "the session outlives a reload"

    if row.revoke:
        page.revoke()
    page.later_at_the_server(FOR_GOOD)
    before = page.refreshes
    assert page.run("await ten()") == ENDED
    assert page.refreshes - before == (1 if row.refresh else 0)
    assert page.run("api.state.name") == "SIGNED_OUT"
    page.later_in_the_browser(FOR_GOOD)
    assert page.run("await sign_in('hopper')") == ["GrantRefused", row.words]
    page.signs_in()  # nothing keeps the user out
    assert page.run("await ten()") == [200] * 10

    held = page.held()
    assert page.run("await outcome(api.sign_out())") is None
    assert page.run("[api.state.name, await api.resume()]") == ["SIGNED_OUT", False]
    assert page.run("await ten()") == [["SessionEnded", "signed_out"]] * 10
    assert page.accepted(held) == row.outlives


def test_every_server_of_the_document_has_a_row() -> None:
    assert sorted(LINES) == sorted(row.heading for row in ROWS)
