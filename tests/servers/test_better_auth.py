"""better-auth (npm): by its cookie alone, and with JWTs for an API of another server."""

from __future__ import annotations

from tests.browser.visit import REFUSED, Visit
from tests.documents import AS_A_BETTER_SERVER, run_by
from tests.servers.conftest import Start, asked

APP = "better_auth_app.mjs"
LIFE = 60
BLOCKS = {block.heading: block.code for block in run_by(AS_A_BETTER_SERVER)}
PREPARED = """
import asyncio, time
import reissue

skew = 0
URL = {url!r}

async def outcome(call):
    try:
        response = await call
    except (reissue.ReissueError, OSError) as error:
        return [type(error).__name__, getattr(error, "reason", None) or getattr(error, "description", None)]
    return getattr(response, "status", response)

async def eight():
    return await asyncio.gather(*(outcome(api.fetch(API + "me")) for _ in range(8)))
"""


class Page:
    """A page of another origin, with the lines of the document."""

    def __init__(self, visit: Visit, start: Start, heading: str, *, api: str) -> None:
        self.visit = visit
        self.url = start(APP, visit.server.origin, life=LIFE)
        code = BLOCKS[heading].replace('"https://app.example/api/"', "API").replace('"https://app.example', 'URL + "')
        *lines, self.sign_in = code.replace("reissue.connect(", "reissue.connect(clock=CLOCK, audience=").splitlines()
        self.settings = "\n".join(lines)
        self.api = f"{self.url}{api}"
        visit.allowed_origins.add(self.url)
        visit.api = f"{self.url}/"
        visit.context.grant_permissions(["local-network-access"])
        visit.begin_blank(policy={"connect-src": f"'self' {self.url}"})
        self.begun()

    def reopen(self) -> None:
        self.visit.page.reload()
        self.begun()

    def begun(self) -> None:
        """The page, anew."""
        self.visit.blank_has_begun()
        clock = f"API = {self.api!r}\nCLOCK = lambda: time.time() + skew"
        self.visit.run(f"{PREPARED.format(url=self.url)}\n{clock}\n{self.settings}\nNone")

    def signs_in(self) -> None:
        self.visit.expect_console(REFUSED, times=1, at_most=40)
        wrong = self.sign_in.replace("await api", "await outcome(api").replace("lovelace", "hopperhopper")
        assert self.visit.run(f"{wrong})") == ["GrantRefused", "Invalid email or password"]
        self.visit.run(f"{self.sign_in}\nNone")
        assert self.visit.run("await eight()") == [200] * 8


def test_better_auth_is_asked_once_by_its_cookie(visit: Visit, start: Start) -> None:
    page = Page(visit, start, "better-auth", api="/cookie/")
    assert visit.run("await api.resume()") is False, "it answers 200, and null"
    page.signs_in()
    assert visit.run("dict(api.claims)") == {}, "the page has no token"
    before = len(visit.requests_to("/api/auth/get-session"))
    asked(page.url, "/dev/expire")
    assert visit.run("await eight()") == [200] * 8
    assert len(visit.requests_to("/api/auth/get-session")) == before + 1
    page.reopen()
    assert visit.run("await api.resume()") is True
    assert visit.run("await eight()") == [200] * 8
    asked(page.url, "/dev/end")
    assert visit.run("await eight()") == [["SessionEnded", "refused"]] * 8
    visit.run(f"{page.sign_in}\nawait api.sign_out()")
    page.reopen()
    assert visit.run("await api.resume()") is False, "its cookie is gone"


def test_better_auth_gives_jwts_for_another_server(visit: Visit, start: Start) -> None:
    page = Page(visit, start, "better-auth, with JWTs", api="/api/")
    page.signs_in()
    assert visit.run("api.claims['email']") == "ada@example.com"
    before = len(visit.requests_to("/api/auth/token"))
    visit.run(f"skew = {LIFE}\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(visit.requests_to("/api/auth/token")) == before + 1, "expired"
    asked(page.url, "/dev/expire")
    assert visit.run("await eight()") == [200] * 8
    assert len(visit.requests_to("/api/auth/token")) == before + 2, "rejected"
    page.reopen()
    assert visit.run("await api.resume()") is True
    assert visit.run("await eight()") == [200] * 8
    asked(page.url, "/dev/end")
    asked(page.url, "/dev/expire")
    assert visit.run("await eight()") == [["SessionEnded", "refused"]] * 8
    visit.run(f"{page.sign_in}\nawait api.sign_out()")
    page.reopen()
    assert visit.run("await api.resume()") is False
