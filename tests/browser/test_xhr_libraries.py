"""JavaScript's HTTP libraries over XMLHttpRequest, as they come from npm: signed in without a change."""

from __future__ import annotations

import pytest

from runtime.npm_packages import installed
from tests.browser.kept import Opening, opened
from tests.browser.test_install import javascript
from tests.browser.test_xhr import CONNECT
from tests.browser.visit import REFUSED, Visit
from tests.live_server import ROOT

SCRIPTS = {
    "axios": "axios/dist/axios.min.js",
    "htmx": "htmx.org/dist/htmx.min.js",
    "jQuery": "jquery/dist/jquery.min.js",
}
# htmx makes markup of text, and writes a style of its own: that is not ours to mend.
MARKUP = Opening(
    policy={"require-trusted-types-for": None, "trusted-types": None, "style-src": "'self' 'unsafe-inline'"}
)


def load(visit: Visit, name: str) -> None:
    """Run the library in the page, in a scope of its own, and keep its one name."""
    text = (installed(ROOT / ".runtime") / SCRIPTS[name]).read_text(encoding="utf-8")
    visit.execute(
        f"(function () {{ {text}\nglobalThis.{name} = typeof {name} === 'undefined' ? this.{name} : {name}; }}())"
    )


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.run(CONNECT)
    kept.expect_console(REFUSED, times=0, at_most=100)
    kept.expect_console("net::ERR_", times=0, at_most=10)
    return kept


def begin(visit: Visit) -> None:
    visit.server.control("/dev/revoke")
    visit.reset_counters()


def refreshes(visit: Visit) -> int:
    counters = visit.server.counters()
    assert counters["api_401s"] > 0, "the token was rejected"
    return int(counters["refreshes_asked"])


@pytest.mark.firefox
def test_axios(python: Visit) -> None:
    """Twenty at once, an upload with its progress, a cancellation, its timeout, and an error that says why."""
    load(python, "axios")
    javascript(python, "window.client = axios.create({adapter: 'xhr', baseURL: '/api/'})")
    begin(python)
    answers = javascript(
        python,
        """
        const all = [...Array(20).keys()].map(n => client.get("echo", {params: {n}}));
        return (await Promise.all(all)).map(answer => [answer.status, answer.data.n]);
        """,
    )
    assert answers == [[200, str(n)] for n in range(20)]
    assert refreshes(python) == 1
    begin(python)
    size, last, posted = javascript(
        python,
        """
        const loaded = [], form = new FormData();
        form.append("file", new Blob(["x".repeat(500_000)]), "name");
        const {data} = await client.post("upload", form, {onUploadProgress: event => loaded.push(event.loaded)});
        return [data.size, loaded.at(-1) > 500_000, (await client.post("notes", {text: "häß"})).data.text];
        """,
    )
    assert [size, last, posted] == [500_000, True, "häß"]
    assert refreshes(python) == 1
    begin(python)
    python.server.fault("/auth/refresh", "hold")
    javascript(
        python,
        """
        window.controller = new AbortController();
        const told = error => [error.name, error.code];
        window.cancelled = client.get("echo", {signal: controller.signal}).catch(told);
        window.late = client.get("echo", {timeout: 300}).catch(told);
        """,
    )
    python.server.wait_until_held()
    assert javascript(python, "controller.abort(); return [await cancelled, await late]") == [
        ["CanceledError", "ERR_CANCELED"],
        ["AxiosError", "ECONNABORTED"],
    ]
    python.server.release()
    python.run("await api.renew()")
    python.server.fault("/auth/refresh", "status", status=401)
    python.server.control("/dev/revoke")
    told = "error => [error.code, error.message.split(':')[0], error.request.reissueError.reason]"
    assert javascript(python, f"return client.get('me').catch({told})") == ["ERR_NETWORK", "SessionEnded", "refused"]


@pytest.mark.firefox
def test_jquery(python: Visit) -> None:
    load(python, "jQuery")
    begin(python)
    names, added, text = javascript(
        python,
        """
        const all = [...Array(20).keys()].map(n => jQuery.getJSON("/api/echo", {n}));
        const names = (await Promise.all(all)).map(({n}) => n);
        const added = await jQuery.ajax({
            url: "/api/notes", method: "POST", contentType: "application/json", data: JSON.stringify({text: "häß"})});
        return [names, added.text, await jQuery.get({url: "/api/me", dataType: "text"})];
        """,
    )
    assert names == [str(n) for n in range(20)]
    assert added == "häß"
    assert '"Ada' in text
    assert refreshes(python) == 1
    python.server.fault("/auth/refresh", "status", status=401)
    python.server.control("/dev/revoke")
    failed = "new Promise(resolve => jQuery.get('/api/me').fail((xhr, text) => resolve([xhr.status, text])))"
    assert javascript(python, f"return {failed}") == [0, "error"]


@pytest.mark.firefox
@opened(MARKUP)
def test_htmx(python: Visit) -> None:
    load(python, "htmx")
    begin(python)
    shown = javascript(
        python,
        """
        const element = n => `<p hx-get="/api/echo?n=${n}" hx-trigger="go" hx-swap="textContent"></p>`;
        document.body.insertAdjacentHTML("beforeend", `<main>
            ${[...Array(8).keys()].map(element).join("")}
            <form hx-post="/api/upload" hx-encoding="multipart/form-data" hx-target="#answer" hx-swap="textContent">
                <input name="text" value="häß"></form>
            <output id="answer"></output></main>`);
        const main = document.querySelector("main");
        htmx.process(main);
        const settled = target => new Promise(
            resolve => target.addEventListener("htmx:afterRequest", resolve, {once: true}));
        const parts = [...main.querySelectorAll("p, form")], all = parts.map(settled);
        for (const part of parts) if (part.localName === "p") htmx.trigger(part, "go");
        main.querySelector("form").requestSubmit();
        const ended = await Promise.all(all);
        const shown = [...main.querySelectorAll("p")].map(p => JSON.parse(p.textContent).n);
        const answer = JSON.parse(document.getElementById("answer").textContent).fields;
        main.remove();
        return [ended.map(({detail}) => detail.successful), shown, answer];
        """,
    )
    assert shown == [[True] * 9, [str(n) for n in range(8)], {"text": "häß"}]
    assert refreshes(python) == 1
