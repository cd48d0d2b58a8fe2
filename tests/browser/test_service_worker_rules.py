"""The rules of docs/elements.md: what meets a request when something is missing, slow, old or hostile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserType

from tests.blank_pages import PAGES
from tests.browser.kept import Opening, opened
from tests.browser.test_audience import reach_loopback
from tests.browser.visit import REFUSED, Visit
from tests.browser.with_worker import CONNECT, ELEMENTS, MAKE_FILES, WITH_A_WORKER, begin, begin_here, controlled_page
from tests.live_server import ROOT, LiveServer
from tests.other_origin import OtherOrigin, other_origin
from tests.site.static_host import StaticHost, static_host

SIGNED_IN = "await api.resume()"
IMAGE = "image(`/api/files/dot.png?${Math.random()}`)"  # another each time: a page keeps its images in memory
TIMED = f"(async () => {{ const at = performance.now(); return [await {IMAGE}, performance.now() - at]; }})()"
AT_START = """
addEventListener("DOMContentLoaded", () => {
    const image = new Image();
    globalThis.early = new Promise(resolve => {
        image.onload = () => resolve(image.naturalWidth);
        image.onerror = () => resolve("error");
    });
    image.src = "/api/files/dot.png?early";
});
"""


def another(visit: Visit, path: str = "plain.html", *, python: bool = False) -> Visit:
    """Another page of the same browser; without Python unless it is said."""
    page = Visit(visit.context.new_page(), visit.server)
    page.page.goto(f"{visit.server.url}{path}", wait_until="load")
    if python:
        page.blank_has_begun()
    page.execute(ELEMENTS)
    return page


def without_python(visit: Visit) -> None:
    """`plain.html` loads no Python from now on."""
    visit.context.route("**/plain.js", lambda route: route.fulfill(body="", content_type="text/javascript"))


@pytest.mark.firefox
@controlled_page
def test_without_a_session_the_element_gets_the_401(kept: Visit) -> None:
    begin_here(kept, sign_in=False)
    kept.expect_console(REFUSED)
    width, took = kept.evaluate(TIMED)
    assert width == "error"
    assert took < 5_000, "a page that has no session says so"
    assert kept.run("ways()") == []
    assert kept.server.counters()["api_401s"] == 1


@pytest.mark.firefox
def test_a_page_without_python_is_answered_by_another_tab_and_alone_gets_the_401(visit: Visit) -> None:
    """No page alive, and Python that never comes: each request waits once, for the time that was said."""
    begin(visit, patience=1)
    without_python(visit)
    bare = another(visit)
    assert bare.evaluate(IMAGE) == 1
    assert visit.run("ways()") == [["dot.png", "image", "started", "sent", 200]]
    visit.page.goto("about:blank")
    bare.expect_console(REFUSED, times=2)
    assert bare.evaluate(IMAGE) == "error"
    width, took = bare.evaluate(TIMED)
    assert width == "error"
    assert took < 1_000, "no second wait for what never comes"
    assert bare.server.counters()["api_401s"] == 2


def test_an_image_of_a_page_that_is_reloaded_waits_for_its_python(visit: Visit) -> None:
    begin(visit)
    visit.page.add_init_script(AT_START)
    visit.page.reload(wait_until="commit")
    visit.blank_has_begun()
    visit.run(CONNECT)
    visit.run(SIGNED_IN)
    visit.run("await api.install_worker()")
    assert visit.evaluate("early") == 1
    assert visit.run("ways()") == [["dot.png", "image", "started", "sent", 200]]
    assert visit.server.counters()["api_401s"] == 0


@controlled_page
def test_a_worker_that_is_ended_and_starts_again_knows_the_audience(kept: Visit) -> None:
    """Also in the middle of a request, which the browser then gives to the worker anew."""
    begin_here(kept)
    devtools = kept.context.new_cdp_session(kept.page)
    devtools.send("ServiceWorker.enable")
    devtools.send("ServiceWorker.stopAllWorkers")
    assert kept.evaluate(IMAGE) == 1
    kept.server.fault("/api/files/page.css", "hold")
    kept.execute("globalThis.held = loaded('link', {rel: 'stylesheet', href: '/api/files/page.css'})")
    kept.server.wait_until_held()
    devtools.send("ServiceWorker.stopAllWorkers")
    assert kept.evaluate("held.then(element => element !== 'error')")
    assert kept.evaluate(IMAGE) == 1
    assert [way[-1] for way in kept.run("ways()")] == [200, 200, "cancelled", 200]
    kept.server.release(abandon=True)


@controlled_page
def test_a_page_that_took_the_question_and_goes_silent_is_given_up(kept: Visit) -> None:
    """As a page that is frozen: the element gets the 401, after ten seconds."""
    begin_here(kept)
    kept.run(
        "import reissue.browser.worker_talk as talk\nat_it, talk._STILL_AT_IT = talk._STILL_AT_IT, 3600\nskew = 3600"
    )
    kept.server.fault("/auth/refresh", "hold")
    kept.expect_console(REFUSED)
    assert kept.evaluate(IMAGE) == "error"
    assert kept.run("ways()[0][-1]") == "cancelled"
    kept.server.release()
    assert kept.evaluate(IMAGE) == 1
    kept.run("talk._STILL_AT_IT = at_it\nNone")


@pytest.mark.firefox
@controlled_page
def test_an_image_that_waits_when_the_user_signs_out_gets_the_401(kept: Visit) -> None:
    """S1: and never a token."""
    begin_here(kept)
    kept.run("skew = 3600")
    kept.server.fault("/auth/refresh", "hold")
    kept.expect_console(REFUSED)
    kept.execute(f"globalThis.waiting = {IMAGE}")
    kept.server.wait_until_held()
    kept.run("signing_out = asyncio.ensure_future(api.sign_out())\nNone")
    assert kept.evaluate("waiting") == "error"
    kept.server.release()
    kept.run("await signing_out")
    assert kept.server.counters()["api_401s"] == 1
    assert kept.run("ways()[0][-1]") == "failed"


@pytest.mark.firefox
def test_a_client_that_comes_later_widens_the_audience_and_a_request_on_its_way_is_answered(visit: Visit) -> None:
    """Two versions of the worker: the old one ends what it has begun."""
    begin(visit, connect=CONNECT.replace('connect("/api/"', 'connect("/api/files/"'))
    visit.server.fault("/api/files/dot.png", "hold")
    visit.execute(f"globalThis.waiting = {IMAGE}")
    visit.server.wait_until_held()
    visit.run("""
other = reissue.connect(["/api/me", "/api/stream"], endpoint=reissue.Endpoint("/auth"))
await other.resume()
installing = asyncio.ensure_future(other.install_worker())
await asyncio.sleep(0)
None
""")
    visit.server.release()
    visit.run("await installing")
    assert visit.evaluate("waiting") == 1
    stream = """new Promise(resolve => {
        const source = new EventSource("/api/stream?lines=1");
        source.onmessage = ({data}) => { source.close(); resolve(data); };
        source.onerror = () => { source.close(); resolve("error"); };
    })"""
    visit.expect_console("ServiceWorker intercepted", times=0, at_most=1)  # Firefox, of a stream that is closed early
    assert visit.evaluate(stream) == "0"
    assert visit.evaluate(IMAGE) == 1
    assert visit.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 1


@pytest.mark.firefox
def test_without_the_worker_all_is_as_before(visit: Visit) -> None:
    begin(visit)
    visit.run("await api.uninstall_worker()")
    visit.expect_console(REFUSED, times=2)
    width, took = visit.evaluate(TIMED)
    assert width == "error"
    assert took < 5_000, "the page has said that it leaves"
    visit.page.reload(wait_until="commit")
    visit.blank_has_begun()
    visit.execute(ELEMENTS)
    assert visit.evaluate(f"Promise.all([{IMAGE}, !navigator.serviceWorker.controller])") == ["error", True]
    assert visit.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0


@controlled_page
def test_what_a_script_fetches_is_left_alone(kept: Visit) -> None:
    """X2: with a header of its own, by the gate, or without a token."""
    begin_here(kept)
    kept.expect_console(REFUSED, times=2)
    ask = """(async () => [
        (await fetch("/api/me")).status,
        (await fetch("/api/me", {headers: {Authorization: "Basic YTpi"}})).status,
        (await fetch("/dev/counters")).status,
        await image("/app/icon.svg").then(width => width !== "error"),
    ])()"""
    assert kept.evaluate(ask) == [401, 401, 200, True]
    kept.run("from reissue.browser import xhr_gate\nclients = xhr_gate._clients\napi.install()")
    assert kept.evaluate("fetch('/api/me').then(({status}) => status)") == 200
    assert [way[1] for way in kept.run("ways('/api/')")] == [None]
    kept.run("api.uninstall()\nxhr_gate._clients = clients\nNone")


@pytest.mark.firefox
def test_navigations_are_signed_in_only_if_the_app_asks_for_it(visit: Visit) -> None:
    begin(visit)
    without_python(visit)
    visit.run("await api.install_worker(navigations=True)")
    bare = another(visit)
    bare.page.goto(f"{visit.server.url}api/me")
    assert "Ada" in bare.page.content()
    visit.run("await api.install_worker()")
    assert bare.page.goto(f"{visit.server.url}api/me").status == 401  # type: ignore[union-attr]
    bare.expect_console(REFUSED)
    assert visit.run("ways('/api/me')") == [["me", "document", "started", "sent", 200]]


@pytest.mark.firefox
def test_a_form_of_another_site_is_not_signed_in(visit: Visit) -> None:
    """It would act for the user: cross-site request forgery."""
    begin(visit)
    without_python(visit)
    hostile = Visit(visit.context.new_page(), visit.server)
    place = visit.server.url.replace("127.0.0.1", "localhost")
    page = "<!doctype html><title>hostile</title>"
    visit.context.route(f"{place}hostile.html", lambda route: route.fulfill(body=page, content_type="text/html"))
    hostile.page.goto(f"{place}hostile.html")
    with hostile.page.expect_navigation() as answer:
        hostile.page.evaluate(
            """action => {
                const form = Object.assign(document.createElement("form"), {action, method: "post"});
                document.body.append(form);
                form.submit();
            }""",
            f"{visit.server.url}api/upload",
        )
    assert answer.value.status == 401
    assert visit.run("ways('/api/')") == []


# Where the worker can't be

bare_page = opened(Opening(policy={"worker-src": "'self'", "trusted-types": "reissue"}))
REFUSAL = """
try:
    await api.install_worker({})
except reissue.ReissueError as error:
    said = str(error)
said
"""


def test_a_browser_without_service_workers_says_so(kept: Visit) -> None:
    """A private window, or a page that is not served over HTTPS: everything else works."""
    kept.run(CONNECT)
    kept.execute("Object.defineProperty(navigator, 'serviceWorker', {value: undefined, configurable: true})")
    assert "HTTPS or localhost" in kept.run(REFUSAL.format(""))
    kept.execute("delete navigator.serviceWorker")


@bare_page
def test_a_browser_that_refuses_to_say_what_is_registered_says_so(kept: Visit) -> None:
    """Where a site may store nothing, `navigator.serviceWorker` is there, and refuses everything that it is asked."""
    kept.run(CONNECT)
    kept.execute("""
        const refuse = () => Promise.reject(new DOMException("The operation is insecure.", "SecurityError"));
        navigator.serviceWorker.getRegistration = navigator.serviceWorker.register = refuse;
    """)
    assert "did not take the service worker" in kept.run(REFUSAL.format(""))
    kept.execute("delete navigator.serviceWorker.getRegistration; delete navigator.serviceWorker.register")


@pytest.mark.only_browser("firefox")
@pytest.mark.parametrize("has_workers", [pytest.param(True, marks=pytest.mark.firefox), False])
def test_a_private_window_of_firefox_has_the_worker_or_says_at_once_that_there_is_none(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], server: LiveServer, *, has_workers: bool
) -> None:
    """Before this preference was there, Firefox had no service worker in a private window. All else works without."""
    preferences = {
        **browser_type_launch_args["firefox_user_prefs"],
        "browser.privatebrowsing.autostart": True,
        "dom.serviceWorkers.privateBrowsing.enabled": has_workers,
    }
    with browser_type.launch(**{**browser_type_launch_args, "firefox_user_prefs": preferences}) as browser:
        visit = Visit(browser.new_page(), server)
        visit.open_blank(policy=WITH_A_WORKER)
        visit.run(CONNECT)
        visit.execute(ELEMENTS)
        visit.run('await api.sign_in(username="ada", password="lovelace")')
        visit.run(MAKE_FILES)
        said, took = visit.run(
            f"began, said = time.monotonic(), ''\n{REFUSAL.format('')}\n[said, time.monotonic() - began]"
        )
        assert ("some browsers have none in a private window" in said) is not has_workers
        assert took < 5, "it waits for nothing that never comes"
        visit.run("api.install()")
        assert visit.evaluate("fetch('/api/me').then(response => response.status)") == 200
        if has_workers:
            assert visit.evaluate(IMAGE) == 1
        visit.check()


@pytest.mark.firefox
def test_a_policy_that_forbids_workers_is_named(kept: Visit) -> None:
    """The demo's own policy."""
    kept.run(CONNECT)
    kept.expect_console("worker-src|TrustedScriptURL|Content.Security.Policy|trusted", times=0, at_most=4)
    assert "worker-src 'self'" in kept.run(REFUSAL.format(""))


@bare_page
def test_a_scope_or_an_audience_that_cannot_work_is_refused(kept: Visit) -> None:
    kept.run(CONNECT)
    assert "does not cover this page" in kept.run(REFUSAL.format('scope="/elsewhere/"'))
    kept.run('api = reissue.connect("/", endpoint=reissue.Endpoint("/auth"))\nNone')
    assert "covers the page itself" in kept.run(REFUSAL.format(""))


# Other origins


@pytest.fixture(scope="module")
def other_server() -> Iterator[OtherOrigin]:
    with other_origin() as other:
        yield other


@pytest.fixture
def other(other_server: OtherOrigin) -> OtherOrigin:
    return other_server.from_now_on()


@pytest.fixture
def server_flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if "own_site" in request.fixturenames:
        return ("--allow-page", request.getfixturevalue("own_site").origin)
    return ("--allow-origin", "http://127.0.0.1:*", "--allow-origin", "http://localhost:*")


@pytest.mark.firefox
def test_a_redirect_to_another_origin_does_not_take_the_token_along(visit: Visit, other: OtherOrigin) -> None:
    """X1."""
    visit.allowed_origins.add(other.origin)
    reach_loopback(visit)
    begin(visit, policy={"img-src": f"'self' {other.origin}"})
    visit.evaluate(f"image('/api/files/dot.png?to={other.origin}/elsewhere.png')")
    (seen,) = [request for request in other.requests if request.method == "GET"]
    assert "authorization" not in seen.headers
    (token,) = visit.tokens
    assert not other.saw(token)


def test_each_request_to_another_origin_has_a_proof_of_its_own(visit: Visit, other: OtherOrigin) -> None:
    """DPoP: an image without `crossorigin` is sent with CORS, with the header, and without cookies."""
    connect = CONNECT.replace('connect("/api/"', f'connect("{other.origin}/"').replace("clock=", "dpop=True, clock=")
    visit.allowed_origins.add(other.origin)
    visit.api = f"{other.origin}/"
    reach_loopback(visit)
    begin(visit, sign_in=False, connect=connect, policy={"img-src": f"'self' {other.origin}"})
    visit.run('await api.adopt("a.b.c", token_type="DPoP", expires_in=600)')
    for number in range(2):
        visit.evaluate(f"image('{other.origin}/{number}.png')")
    sent = [request for request in other.requests if request.method == "GET"]
    assert [request.headers["authorization"] for request in sent] == ["DPoP a.b.c"] * 2
    assert len({request.headers["dpop"] for request in sent}) == 2
    assert [request.headers["sec-fetch-mode"] for request in sent] == ["cors"] * 2


@pytest.mark.firefox
def test_where_an_api_has_no_cors_the_image_is_sent_as_it_was(visit: Visit) -> None:
    """`localhost` is another origin than 127.0.0.1, and the server lets no page of ours read its answers."""
    foreign = visit.server.origin.replace("127.0.0.1", "localhost")
    visit.allowed_origins.add(foreign)
    visit.api = f"{foreign}/api/"
    visit.expect_console("CORS|ERR_|401|blocked|NetworkError|ServiceWorker intercepted", times=0, at_most=20)
    reach_loopback(visit)
    begin(
        visit, sign_in=False, connect=CONNECT.replace('"/api/"', f'"{foreign}/api/"'),
        policy={"img-src": f"'self' {foreign}"},
    )  # fmt: skip
    visit.run('await api.sign_in(username="ada", password="lovelace")')
    visit.evaluate(f"image('{foreign}/api/me')")
    assert visit.run("ways('/api/')") == [["me", "image", "started", "sent", "failed"]]
    assert visit.server.counters()["api_401s"] == 1, "that came without a token"


# A site's own worker, and an API on another origin


@pytest.fixture
def own_site(tmp_path: Path, runtime: None) -> Iterator[StaticHost]:
    """A site without headers of ours: the browser runtime, a page, and a worker of the site's own."""
    shutil.copytree(ROOT / ".runtime" / "site", tmp_path, dirs_exist_ok=True)
    for name in ("plain.html", "plain.js", "start.js", "runner.py"):
        shutil.copy(PAGES / name, tmp_path)
    shutil.copy(ROOT / "app" / "reissue" / "browser" / "reissue-worker.js", tmp_path)
    (tmp_path / "own.js").write_text(
        """
        importScripts("/reissue-worker.js");
        addEventListener("fetch", event => {
            const {pathname} = new URL(event.request.url);
            if (pathname === "/own") event.respondWith(new Response("from the site's own worker"));
        });
        addEventListener("message", ({data, source}) => {
            if (!data.ask) return;
            const {port1, port2} = new MessageChannel();
            port1.onmessage = ({data}) => source.postMessage({told: Object.keys(data)});
            const question = {method: "GET", destination: "image", life: "hostile", number: data.ask};
            source.postMessage({reissue: 1, url: data.ask, ...question}, [port2]);
        });
        """
    )
    with static_host(tmp_path) as host:
        yield host


def begin_there(visit: Visit, site: StaticHost) -> str:
    """A page of this site, with the site's own worker; gives the origin of the API."""
    visit.allowed_origins.add(site.origin)
    visit.page.goto(f"{site.origin}/plain.html")
    visit.blank_has_begun()
    there = visit.server.origin
    connect = CONNECT.replace('"/api/"', f'"{there}/api/"').replace('"/auth"', f'"{there}/auth"')
    visit.run(connect.replace('f"/api/', f'f"{there}/api/'))
    visit.execute(ELEMENTS)
    visit.run('await api.sign_in(username="ada", password="lovelace")')
    visit.run(MAKE_FILES)
    visit.run('events.clear()\nawait api.install_worker("/own.js")')
    return there


@pytest.mark.firefox
def test_a_sites_own_worker_imports_it_and_the_api_is_elsewhere(visit: Visit, own_site: StaticHost) -> None:
    """An image without `crossorigin` is sent with CORS. That the API allows it overrules its CORP."""
    there = begin_there(visit, own_site)
    assert visit.evaluate("fetch('/own').then(answer => answer.text())") == "from the site's own worker"
    assert visit.evaluate(f"image('{there}/api/files/dot.png')") == 1
    assert visit.run("ways()") == [["dot.png", "image", "started", "sent", 200]]


@pytest.mark.firefox
def test_a_video_of_an_api_elsewhere_is_signed_in_and_can_be_sought(visit: Visit, own_site: StaticHost) -> None:
    """Each of its requests has a `Range`. A part of a file is given on as it came, so `crossorigin` or the API's own
    Cross-Origin-Resource-Policy must allow it.
    """
    there = begin_there(visit, own_site)
    seek = f"""(async () => {{
        const settings = {{crossOrigin: "anonymous", src: "{there}/api/files/tone.wav", preload: "auto"}};
        const video = await loaded("video", settings, "loadedmetadata");
        if (video === "error") return video;
        video.currentTime = 6;
        await new Promise(resolve => video.addEventListener("seeked", resolve, {{once: true}}));
        return [video.duration, video.currentTime];
    }})()"""
    assert visit.evaluate(seek) == [8, 6]
    ways = visit.run("ways()")
    assert ways
    assert {(name, destination) for name, destination, *_ in ways} == {("tone.wav", "video")}
    assert {way[-1] for way in ways} <= {206, "cancelled"}, "a part is left when another is wanted"
    assert 206 in {way[-1] for way in ways}


def test_a_worker_that_asks_about_a_url_outside_the_audience_gets_nothing(visit: Visit, own_site: StaticHost) -> None:
    """X1: the page compares for itself."""
    there = begin_there(visit, own_site)
    ask = """url => new Promise(resolve => {
        navigator.serviceWorker.addEventListener("message", ({data}) => data.told && resolve(data.told), {once: false});
        navigator.serviceWorker.controller.postMessage({ask: url});
    })"""
    for url in (f"{own_site.origin}/api/me", f"{there}/apix/me", f"{there}/api/..%2fdev/counters", "https:", "x:y"):
        assert visit.evaluate(f"({ask})({url!r})") == ["no"], url
    assert visit.evaluate(f"({ask})('{there}/api/me')") == ["fields"]


@pytest.mark.firefox
@controlled_page
def test_the_apps_own_test_for_a_rejected_token_reads_the_response(kept: Visit) -> None:
    """`should_renew`: a 200 whose body says that the token was rejected."""
    judge = """
async def judge(outcome):
    return not isinstance(outcome, OSError) and outcome.status == 200 and b"rejected" in await outcome.bytes()
"""
    begin_here(kept, connect=judge + CONNECT.replace("clock=", "should_renew=judge, clock="))
    kept.server.fault("/api/files/dot.png", "status", status=200, body={"error": "rejected"})
    assert kept.evaluate(IMAGE) == 1
    assert kept.run("ways()") == [["dot.png", "image", "started", "sent", "refused", "replayed", 200]]
    assert kept.server.counters()["refreshes_asked"] == 1
