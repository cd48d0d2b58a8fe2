"""docs/servers.md against the servers that it speaks of, each really running."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.browser.visit import REFUSED, Visit
from tests.documents import AS_A_SERVER, AS_A_SETTING, AS_A_STRICT_SERVER, AS_FASTAPIS_LINES, run_by
from tests.servers.bound_server import CODE
from tests.servers.conftest import Start
from tests.servers.test_dpop import Server, opened

APPS = {"Django REST framework with SimpleJWT": "django_app", "FastAPI, as its tutorial has it": "fastapi_app"}


def test_what_a_page_says_to_a_server_is_what_the_document_says(visit: Visit, start: Start) -> None:
    examples = {APPS[block.heading]: block.code for block in run_by(AS_A_SERVER)}
    assert sorted(examples) == sorted(APPS.values())
    urls = {app: start(app, visit.server.origin, life=60) for app in examples}
    visit.allowed_origins |= set(urls.values())
    visit.context.grant_permissions(["local-network-access"])
    visit.open_blank(policy={"connect-src": " ".join(["'self'", *urls.values()])})
    places = {"django_app": f"{urls['django_app']}/api/me", "fastapi_app": f"{urls['fastapi_app']}/users/me/items/"}
    visit.run("import asyncio, js\nclients, told = {}, []")
    for app, example in examples.items():
        assert "https://api.example/" in example
        visit.run(f"{example.replace('https://api.example', urls[app])}\nclients[{app!r}] = api\nNone")
        assert visit.run("[api.state.value, api.expires_in > 0]") == ["signed_in", True], app
    visit.api = "http"  # which token goes where is looked at here

    # Both in one page: neither sees the other's token, renewal or end.
    visit.run(f"""
for api in clients.values():
    api.on(told.append)
    api.install()
async def asked():
    return sorted([r.status for r in await asyncio.gather(*(js.fetch(url) for url in {list(places.values())} * 4))])
None""")
    assert visit.run("await asked()") == [200] * 8
    visit.run("await clients['django_app'].renew()")
    assert visit.run("await asked()") == [200] * 8
    tokens = {
        app: {r.headers["authorization"] for r in visit.requests if r.url == url and r.method == "GET"}
        for app, url in places.items()
    }
    assert [len(tokens["django_app"]), len(tokens["fastapi_app"])] == [2, 1], "one was renewed, and nobody else"
    assert not tokens["django_app"] & tokens["fastapi_app"]
    visit.run("await clients['django_app'].sign_out()")
    visit.expect_console(REFUSED, times=4)
    assert visit.run("await asked()") == [200] * 4 + [401] * 4, "without a session a request goes out as it is"
    assert visit.run("clients['fastapi_app'].state.name") == "SIGNED_IN"
    visit.run("for api in clients.values():\n    api.uninstall()\n    await api.close()")


def test_a_422_of_fastapis_says_which_field_is_missing_and_how_to_send_it(visit: Visit, start: Start) -> None:
    """The tutorial's route wants a form, and the library sends JSON unless it is told otherwise."""
    url = start("fastapi_app", visit.server.origin, life=60)
    visit.allowed_origins.add(url)
    visit.context.grant_permissions(["local-network-access"])
    visit.open_blank(policy={"connect-src": f"'self' {url}"})
    visit.expect_console("status of 422")
    said = visit.run(f"""
import reissue
endpoint = reissue.Endpoint("{url}", sign_in="token", refresh=None, sign_out=None)
api = reissue.connect("{url}/users/", endpoint=endpoint)
try:
    await api.sign_in(username="johndoe", password="secret")
except reissue.GrantRefused as error:
    said = [str(error), error.description]
await api.close()
said
""")
    assert said == [
        f"{url}/token answered 422: invalid_grant. The server found no field 'username'. The fields were sent as JSON, "
        "and the server may want a form: Endpoint(…, encoding='form')",
        "username: Field required",
    ]


def test_the_lines_for_another_origin_are_those_that_run_here() -> None:
    (block,) = run_by(AS_FASTAPIS_LINES)
    running = (Path(__file__).parent / "apps" / "fastapi_app.py").read_text(encoding="utf-8")
    (call,) = (ast.unparse(node) for node in ast.parse(block.code).body if isinstance(node, ast.Expr))
    assert call.replace("'https://my.example'", "os.environ['PAGE']") in map(ast.unparse, ast.parse(running).body)


def test_the_servers_settings_are_those_that_run_here() -> None:
    (block,) = run_by(AS_A_SETTING)
    running = (Path(__file__).parent / "apps" / "django_app.py").read_text(encoding="utf-8")
    wanted = {node.targets[0].id: node.value for node in ast.parse(block.code).body}  # type: ignore[attr-defined]
    assert sorted(wanted) == ["SIMPLE_JWT", "urlpatterns"]
    for name, value in ast.literal_eval(wanted["SIMPLE_JWT"]).items():
        assert f'"{name}": {value}' in running, name
    for route in wanted["urlpatterns"].elts:
        assert ast.unparse(route).replace("'", '"') in running
    assert '"rest_framework_simplejwt.token_blacklist"' in running


def test_what_the_document_says_of_keys_step_ups_and_several_apis(visit: Visit, start: Start) -> None:
    """Each block runs as it stands, but for the addresses; then it is held to the words around it."""
    by_key, by_step, by_resource = (block.code for block in run_by(AS_A_STRICT_SERVER))
    server = Server(start("dpop_app", visit.server.origin))
    visit.allowed_origins.add(server.url)
    visit.api = server.url
    visit.context.grant_permissions(["local-network-access"])
    visit.expect_console(REFUSED, times=17, at_most=30)
    visit.expect_console("status of 400")
    opened(visit, server)  # and with it what asks eight times
    here = {
        '"https://login.example/auth"': f'"{server.url}/auth"',
        '"https://api.example/"': f'"{server.url}/api/"',
        '"https://files.example/': f'"{server.url}/files/',
        'connect("/api/"': f'connect("{server.url}/api/"',
        'Endpoint("/auth")': f'Endpoint("{server.url}/cookie/auth", credentials="include")',
    }

    def run(code: str) -> None:
        for there, instead in here.items():
            code = code.replace(there, instead)
        visit.run(f"await api.close()\n{code}\nNone")

    def sent_with(path: str) -> set[str]:
        return {request.headers["authorization"] for request in visit.requests_to(path)}

    run(by_key)
    assert visit.run("await eight()") == [200] * 8
    assert {token.partition(" ")[0] for token in sent_with("/api/notes")} == {"DPoP"}

    server.control(bound=False, resources=[f"{server.url}/files/"])
    visit.run(f"""
codes, asked = [{CODE!r}, None], []
async def ask_for_the_code():
    asked.append(None)
    return codes.pop(0)
""")
    run(by_step)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight('vault')") == [200] * 8
    assert visit.run("len(asked)") == 1, "once, however many requests wait"
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight('vault')") == ["StepUpRequired"] * 8, "declined"
    assert visit.run("[len(asked), api.state.name]") == [2, "SIGNED_IN"]
    assert server.errors("/cookie/auth/refresh") == [], "nothing is refreshed"

    run(by_resource)
    assert visit.run("response.status") == 200
    assert visit.run("await eight()") == [200] * 8
    (theirs,) = sent_with("/files/1")
    assert theirs not in sent_with("/api/notes")
    granted = server.control()["fields"][-1]
    assert (granted["resource"], granted["scope"]) == (f"{server.url}/files/", "read")
    visit.run("await api.close()")
    assert visit.run("await outcome(files.fetch(URL + '/files/1'))") == "SessionEnded"
