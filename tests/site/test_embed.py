"""docs/embedding.md, word for word: the library in a site that knows nothing of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from runtime.publish.sizes import Size, read_sizes
from tests.blank_pages import PAGES
from tests.browser.inserted import MARKUP, PLAIN, WAYS, expect_refusals, let_through
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.live_server import ROOT
from tests.site.guide import GUIDE, assert_told, block, loaded
from tests.site.static_host import StaticHost

PAGE, SETTINGS = block("html", "<!doctype"), block("toml", "interpreter")
(PYTHON_OF_THE_PAGE,) = re.findall(r"import js.*?(?=</script>)", PAGE, re.DOTALL)
CONNECT = block("python", "API = ")
# What lets a test run Python of its own, in the page's own names.
RUNNER = (
    (PAGES / "blank.py")
    .read_text(encoding="utf-8")
    .replace('{"__name__": "__test__"}', "globals()")
    .replace('"status"', '"who"')
)
RENEWED = """
try:
    await api.renew()
    outcome = "renewed"
except reissue.ReissueError as error:
    outcome = type(error).__name__
outcome
"""
STORM = "[r.status for r in await asyncio.gather(*(api.fetch(f'{API}/api/me') for _ in range(20)))]"


@pytest.fixture
def site(host: StaticHost, published: Path) -> Path:
    """What the guide's first lines make."""
    make, *commands = block("sh", "cp ").splitlines()
    assert make == "make site"
    (host.folder / "dist").symlink_to(published)
    site = host.folder / "my-site"
    for command in commands:
        subprocess.run(command, shell=True, cwd=host.folder, check=True)
    (site / "index.html").write_text(PAGE, encoding="utf-8")
    (site / "pyscript.toml").write_text(SETTINGS, encoding="utf-8")
    return site


def through_this_host(visit: Visit, host: StaticHost) -> None:
    """As a reverse proxy does: the API beside the page."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(f"{host.origin}/")
        route.fulfill(response=route.fetch(url=visit.server.url + path))

    visit.context.route(re.compile(rf"^{re.escape(host.origin)}/(auth|api)/"), answer)


def test_the_ten_lines_run_as_they_stand(visit: Visit, host: StaticHost, site: Path, published: Path) -> None:
    home = f"{host.origin}/my-site/"
    visit.expect_console("status of 501")
    visit.expect_console("PythonError: .*")
    visit.page.goto(home)
    expect(visit[".py-error"]).to_contain_text("auth/refresh answered 501", timeout=STARTED)
    assert "*auth/refresh answered 501*" in GUIDE
    through_this_host(visit, host)
    visit.page.goto(home)
    expect(visit["#who"]).to_have_text("Not signed in.", timeout=STARTED)
    assert visit.server.counters()["refreshes_without_cookie"] == 1
    files = embedded(published)
    assert_told("the page above, first visit", loaded(visit, home, files))
    assert_told("all of `reissue/`", {address: size for address, size in files.items() if "reissue/" in address})


def test_python_comes_beside_pyscript(visit: Visit, host: StaticHost, site: Path) -> None:
    through_this_host(visit, host)
    pyscript = re.compile(r"/pyscript/core-")
    visit.page.route(pyscript, lambda route: None)  # held
    with visit.page.expect_request("**/*.wasm"):
        visit.page.goto(f"{host.origin}/my-site/", wait_until="commit")
    visit.page.unroute(pyscript)  # lets go what is held
    expect(visit["#who"]).to_have_text("Not signed in.", timeout=STARTED)
    assert len([request for request in visit.requests if request.url.endswith(".wasm")]) == 1


def test_a_shim_that_is_missing_is_named(visit: Visit, host: StaticHost, site: Path) -> None:
    """As after half an upload."""
    (site / "reissue" / "shim.mjs").unlink()
    visit.expect_console("status of 404", times=1, at_most=2)
    visit.expect_console("shim.mjs", times=1, at_most=2)
    with visit.page.expect_event("pageerror") as told:
        visit.page.goto(f"{host.origin}/my-site/")
    assert "shim.mjs" in str(told.value)


def embedded(published: Path) -> dict[str, Size]:
    """The sizes of what lies in `dist/embed/`."""
    return {k.removeprefix("embed/"): v for k, v in read_sizes(published).items() if k.startswith("embed/")}


@pytest.mark.firefox
def test_the_api_may_be_elsewhere_under_the_guides_policy(visit: Visit, site: Path) -> None:
    open_page(visit, site, visit.server.origin)
    visit.run("import asyncio; await api.sign_in(username='ada', password='lovelace')")
    visit.server.control("/dev/revoke")
    visit.reset_counters()
    visit.expect_console(REFUSED, times=1, at_most=20)  # a request that comes after the first 401 waits at once
    assert visit.run(STORM) == [200] * 20
    assert visit.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_inserted_markup_does_not_become_python_on_the_guides_page(visit: Visit, site: Path) -> None:
    """X13: by its own policy; what is no Python may be inserted, so that PyScript's `display` goes on working."""
    visit.expect_console("policy: trusted-types-sink", times=1, at_most=99)
    expect_refusals(visit)
    page = PAGE.replace(PYTHON_OF_THE_PAGE, RUNNER)
    (site / "index.html").write_text(page, encoding="utf-8")
    visit.page.goto(f"{visit.home}my-site/")
    expect(visit["#who"]).to_have_text("ready", timeout=STARTED)
    for markup in MARKUP:
        assert let_through(visit, markup) == [], markup
    assert visit.evaluate("document.body.id") == ""
    visit.run("import pyscript; pyscript.display('<b>told & shown</b>'); None")
    expect(visit.page.get_by_text("<b>told & shown</b>")).to_be_visible()
    insertions = [way for way in WAYS if "document.write" not in way]
    assert let_through(visit, PLAIN, insertions) == insertions


def test_an_api_of_another_site_gets_no_strict_cookie_and_can_do_without(visit: Visit, site: Path) -> None:
    """As the guide says of two sites: 127.0.0.1 and localhost are two, their ports would be one."""
    foreign = visit.server.origin.replace("127.0.0.1", "localhost")
    visit.allowed_origins.add(foreign)
    visit.api = f"{foreign}/api/"
    open_page(visit, site, foreign)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run(RENEWED) == "GrantRefused"
    assert visit.server.counters()["refreshes_without_cookie"] == 1
    visit.run("""
endpoint = reissue.Endpoint(f"{API}/auth/body", cookie=False)
api = reissue.connect(f"{API}/api/", endpoint=endpoint, name="without a cookie")
await api.sign_in(username="ada", password="lovelace")
None
""")
    assert visit.run(RENEWED) == "renewed"


def open_page(visit: Visit, site: Path, api: str) -> None:
    """The guide's page with its lines for an API elsewhere, under its policy; ready for `visit.run`."""
    (policy,) = re.findall("Content-Security-Policy: (.*); frame-ancestors 'none'", block("text", "/reissue/py/*"))
    page = re.sub(r"(?<=content=\").*?(?=\")", policy, PAGE, count=1)
    page = page.replace(PYTHON_OF_THE_PAGE, CONNECT + RUNNER).replace("https://api.example", api)
    (site / "index.html").write_text(page, encoding="utf-8")
    visit.page.goto(f"{visit.home}my-site/")
    expect(visit["#who"]).to_have_text("ready", timeout=STARTED)


def test_what_the_guide_shows_is_what_the_site_brings(published: Path) -> None:
    assert (published / "embed" / "index.html").read_text(encoding="utf-8") == PAGE
    assert (published / "embed" / "pyscript.toml").read_text(encoding="utf-8") == SETTINGS
    assert len(PAGE.splitlines()) == 10
    rules = re.findall(
        r"^/(reissue/\w+)/\*\n  Cache-Control: .*immutable$", block("text", "/reissue/py/*"), re.MULTILINE
    )
    for address, size in embedded(published).items():
        assert address.startswith(tuple(f"{rule}/" for rule in rules)) == size["immutable"], address


def test_the_guides_commands_exist() -> None:
    make, host, serve = block("sh", "serve.py").splitlines()
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/serve.stamp", *make.split()[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '-m runtime.publish --api "http://127.0.0.1:8000/" --base "/"' in done.stdout
    assert host == "python3 -m http.server 9000 --directory dist &"
    assert (
        serve.split()[-2]
        in subprocess.run(
            [sys.executable, "serve.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    )
