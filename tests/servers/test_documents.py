"""docs/servers.md against the servers that it speaks of, each really running."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.browser.visit import Visit
from tests.documents import AS_A_SERVER, AS_A_SETTING, run_by
from tests.servers.conftest import Start

APPS = {"Django REST framework with SimpleJWT": "django_app", "FastAPI, as its tutorial has it": "fastapi_app"}


def test_what_a_page_says_to_a_server_is_what_the_document_says(visit: Visit, start: Start) -> None:
    examples = {APPS[block.heading]: block.code for block in run_by(AS_A_SERVER)}
    assert sorted(examples) == sorted(APPS.values())
    urls = {app: start(app, visit.server.origin) for app in examples}
    visit.allowed_origins |= set(urls.values())
    visit.context.grant_permissions(["local-network-access"])
    visit.open_blank(policy={"connect-src": " ".join(["'self'", *urls.values()])})
    for app, example in examples.items():
        assert "https://api.example/" in example
        visit.run(example.replace("https://api.example", urls[app]) + "\nNone")
        assert visit.run("[api.state.value, api.expires_in > 0]") == ["signed_in", True], app
        visit.run("await api.close()")
    asked = [request.url for request in visit.requests if request.method == "POST"]
    assert all(any(url.startswith(server) for url in asked) for server in urls.values())


def test_the_servers_settings_are_those_that_run_here() -> None:
    (block,) = run_by(AS_A_SETTING)
    running = Path(__file__).with_name("django_app.py").read_text(encoding="utf-8")
    wanted = {node.targets[0].id: node.value for node in ast.parse(block.code).body}  # type: ignore[attr-defined]
    assert sorted(wanted) == ["SIMPLE_JWT", "urlpatterns"]
    for name, value in ast.literal_eval(wanted["SIMPLE_JWT"]).items():
        assert f'"{name}": {value}' in running, name
    for route in wanted["urlpatterns"].elts:
        assert ast.unparse(route).replace("'", '"') in running
    assert '"rest_framework_simplejwt.token_blacklist"' in running
