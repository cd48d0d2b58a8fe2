"""An API and an endpoint of another origin, by what a browser lets a page see of their answers."""

from __future__ import annotations

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.servers.conftest import Start
from tests.servers.test_dpop import NONCE, Server, opened

COOKIE = """
endpoint = Endpoint(URL + "/cookie/auth", credentials="include")
api = reissue.connect(URL + "/api/", endpoint=endpoint, name="cookie", **OPTIONS)
None
"""


@pytest.fixture
def bound(visit: Visit, start: Start) -> Server:
    server = Server(start("dpop_app", visit.server.origin))
    visit.allowed_origins.add(server.url)
    visit.api = f"{server.url}/api/"
    visit.context.grant_permissions(["local-network-access"])
    visit.expect_console(REFUSED, times=0, at_most=60)
    visit.expect_console("status of 400", times=0, at_most=10)
    return server


def test_a_refresh_cookie_of_another_origin_comes_and_goes_with_credentials(visit: Visit, bound: Server) -> None:
    """CORS with credentials; each kind of request that is not simple is asked for first."""
    bound.control(bound=False)
    opened(visit, bound)
    visit.context.unroute_all()  # while Playwright plays servers it answers preflights, too
    visit.run("OPTIONS = {}\n" + COOKIE)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight()") == [200] * 8
    asked = bound.control(forget=1, revoke=1)["preflights"]
    assert {(each["path"], each["for"]) for each in asked} == {
        ("/cookie/auth/login", "content-type"),
        ("/api/notes", "authorization"),
    }
    assert visit.run("await eight()") == [200] * 8
    assert bound.errors("/cookie/auth/refresh") == [""]
    assert bound.control()["fields"][0]["refresh_token"], "by the cookie: the page has none"
    opened(visit, bound)
    visit.run("OPTIONS = {}\n" + COOKIE)
    assert visit.run("await api.resume()") is True
    assert visit.run("await eight()") == [200] * 8
    # Without them the browser keeps no cookie of another origin, and sends none.
    visit.run(
        "api = reissue.connect(URL + '/api/', endpoint=Endpoint(URL + '/cookie/auth'), name='without')\n"
        "await api.sign_in(username='ada', password='lovelace')"
    )
    assert visit.run("await outcome(api.renew())") == "GrantRefused"


def test_a_bound_session_over_a_cookie_needs_its_headers_allowed_and_exposed(visit: Visit, bound: Server) -> None:
    """X3: what is not exposed can't be seen. A new nonce alone is enough to go by."""
    opened(visit, bound)
    visit.context.unroute_all()
    visit.run("OPTIONS = {'dpop': True}\n" + COOKIE)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    for exposed in (["DPoP-Nonce", "WWW-Authenticate"], ["DPoP-Nonce"]):
        bound.control(rotate=1, exposed=exposed)
        before = len(bound.errors("/api/notes"))
        assert visit.run("await outcome(api.fetch(URL + '/api/notes'))") == 200
        assert bound.errors("/api/notes")[before:] == [NONCE, ""]
        assert bound.errors("/cookie/auth/refresh") == []
    preflights = bound.control()["preflights"]
    assert {each["for"] for each in preflights if each["path"] == "/api/notes"} == {"authorization,dpop"}
    bound.control(forget=1, rotate=1, exposed=["WWW-Authenticate"])
    assert visit.run("await outcome(api.fetch(URL + '/api/notes'))") == 401
    assert bound.errors("/api/notes") == [NONCE], "there is no nonce to repeat it with"
    assert bound.errors("/cookie/auth/refresh") == []
    bound.control(exposed=["DPoP-Nonce", "WWW-Authenticate"])
    visit.run("await outcome(api.fetch(URL + '/api/notes'))")
    bound.control(forget=1, rotate=1, revoke=1)
    assert visit.run("await eight()") == [200] * 8
    assert bound.errors("/cookie/auth/refresh") == [NONCE, ""]


@pytest.mark.parametrize("exposed", [True, False], ids=["exposed", "withheld"])
def test_a_401_is_a_401_whether_its_reason_can_be_read_or_not(visit: Visit, bound: Server, exposed: bool) -> None:
    """Q19, Q1: but a stronger sign-in can be asked for only if it can."""
    bound.control(bound=False, exposed=["WWW-Authenticate"] if exposed else [])
    opened(visit, bound, "step_up=step_up")
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    bound.control(revoke=1)
    assert visit.run("await eight()") == [200] * 8
    assert bound.errors("/auth/refresh") == [""]
    assert visit.run("await outcome(api.fetch(URL + '/api/vault'))") == (200 if exposed else 401)
    assert visit.run("wanted") == ([[["gold"], None]] if exposed else [])
    assert len(bound.errors("/auth/refresh")) == (1 if exposed else 2)


def test_a_401_without_cors_headers_is_a_network_error_unless_the_app_knows_better(visit: Visit, bound: Server) -> None:
    """Q19: by default it starts no refresh; a predicate is given the error, and can say that it does."""
    visit.expect_console("CORS policy", times=1, at_most=20)
    visit.expect_console("net::ERR_FAILED", times=1, at_most=20)
    bound.control(bound=False)
    opened(visit, bound)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight('bare/notes')") == [200] * 8
    bound.control(revoke=1, forget=1)
    assert visit.run("await outcome(api.fetch(URL + '/api/bare/notes'))") == "NetworkError"
    assert (bound.errors("/auth/refresh"), visit.run("api.state.name")) == ([], "SIGNED_IN")
    visit.run("""
seen = []
def refused(outcome):
    seen.append(type(outcome).__name__)
    return isinstance(outcome, OSError) or outcome.status == 401
api = connected(should_renew=refused, name="knowing")
await api.sign_in(username="ada", password="lovelace")
""")
    bound.control(revoke=1, forget=1)
    assert visit.run("await eight('bare/notes')") == [200] * 8
    assert bound.errors("/auth/refresh") == [""]
    assert visit.run("sorted(seen)") == ["JudgedResponse"] * 8 + ["NetworkError"] * 8, "the replays are judged as well"


def test_clients_of_several_apis_share_a_session_and_each_has_its_token(visit: Visit, bound: Server) -> None:
    """RFC 8707, T1: over one refresh token, which is presented once, in one tab and in two."""
    bound.control(resources=[f"{bound.url}/files/"])
    visit.api = bound.url
    opened(visit, bound, "dpop=True")
    files = f"files = api.for_resource(URL + '/files/', resource='{bound.url}/files/', scope='read')\n"
    both = """
both = ((api, "/api/notes"), (files, "/files/1"))
await asyncio.gather(*(outcome(client.fetch(URL + path)) for client, path in both for _ in range(4)))
"""
    visit.run(f"{files}await api.sign_in(username='ada', password='lovelace')")
    assert visit.run(both) == [200] * 8
    tokens = {
        path: {request.headers["authorization"] for request in visit.requests_to(path)}
        for path in ("/api/notes", "/files/1")
    }
    assert [len(held) for held in tokens.values()] == [1, 1]
    assert not set.intersection(*tokens.values())
    other = Visit(visit.context.new_page(), visit.server)
    other.allowed_origins, other.api = visit.allowed_origins, visit.api
    other.expect_console(REFUSED, times=1, at_most=60)
    other.expect_console("status of 400", times=1, at_most=3)
    opened(other, bound, "dpop=True")
    assert other.run(f"{files}await api.resume()") is True
    assert other.run(both) == [200] * 8
    bound.control(revoke=1)
    assert visit.run(both) == [200] * 8
    assert other.run(both) == [200] * 8
    presented = [fields["refresh_token"] for fields in bound.control()["fields"] if "refresh_token" in fields]
    assert len(set(presented)) == len(presented) >= 4
    visit.run("files.install()")
    assert visit.evaluate(f"fetch('{bound.url}/files/2').then(r => r.status)") == 200
    visit.run("await api.sign_out()")
    ended = "await outcome(files.fetch(URL + '/files/1'))"
    assert (visit.run(ended), other.run(ended)) == ("SessionEnded", "SessionEnded")
    visit.run("await api.close()")
    other.check()
