"""How a test asks a page: JavaScript and Python of the test's own, past no part of the page's policy.

The policy has no 'unsafe-eval', which Playwright's own `evaluate` needs. In Chromium the developer tools are let
through. Firefox, by WebDriver BiDi, has nothing of the kind that Playwright would hand out: there an expression comes
as a module of the page's own origin, and the answer as a line in the console. A module, since the policy lets nobody
set the address of a script element to a text (Trusted Types).
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, ConsoleMessage, FilePayload, Page, Route, TimeoutError

STALLED = 300_000  # ms after which a promise is given up: the developer tools themselves would wait for ever
ANSWER = "answer to the test"  # how a line begins that is for nobody else
TAKEN = f"{ANSWER}: taken, "
ALIVE = "'alive'"
FOLDER = "/-asked-by-the-test-/"

# A file that is given to this element is a question: what a locator does needs no eval, no focus and no network.
ASKED = """
(() => {
    const answer = async (number, asked) => {
        let told;
        try {
            told = {value: await asked};
        } catch (error) {
            told = {error: String(error)};
        }
        console.debug(`ANSWER ${number} ${JSON.stringify(told)}`);
    };
    const add = () => {
        const input = document.createElement("input");
        Object.assign(input, {type: "file", id: "asked-by-the-test", hidden: true});
        input.addEventListener("input", async event => {
            event.stopImmediatePropagation();
            const [file] = input.files, [kind, number] = file.name.split(" "), text = JSON.parse(await file.text());
            console.debug(`TAKEN${number}`);
            if (kind === "python") {
                answer(number, window.run_python(text));
                return;
            }
            answer(number, import(text).then(module => module.default?.()));
        });
        document.documentElement.append(input);
    };
    document.documentElement ? add() : addEventListener("readystatechange", add, {once: true, capture: true});
})()
""".replace("ANSWER", ANSWER).replace("TAKEN", TAKEN)


class Asking(Protocol):
    """What a visit needs of an engine."""

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited; an error fails the test."""

    def execute(self, script: str) -> None:
        """Run JavaScript that is no expression, to its end; what it gives to `globalThis` stays."""

    def python(self, source: str) -> Any:
        """What the page's `run_python` answers."""

    def routes_are_gone(self) -> None:
        """The page routes nothing any more, this one's own included."""


def asking(page: Page) -> Asking:
    """The way of the engine that shows this page."""
    browser = page.context.browser
    assert browser
    return DeveloperTools(page) if browser.browser_type.name == "chromium" else InsertedScripts(page)


def bounded(expression: str) -> str:
    """The same in JavaScript, rejected when it takes too long: a test that fails says more than a run that hangs."""
    return f"""(() => {{
        let timer;
        const stalled = new Promise((_, reject) => {{
            timer = setTimeout(() => reject(new Error("nothing came of it in {STALLED} ms")), {STALLED});
        }});
        return Promise.race([({expression}), stalled]).finally(() => clearTimeout(timer));
    }})()"""


class DeveloperTools:
    """Chromium's own protocol."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools: CDPSession | None = None

    def value(self, expression: str) -> Any:
        return self._told(bounded(expression)).get("value")

    def execute(self, script: str) -> None:
        self._told(f"{script};null")

    def python(self, source: str) -> Any:
        return self.value(f"window.run_python({json.dumps(source)})")

    def routes_are_gone(self) -> None:
        """It has none."""

    def _told(self, script: str) -> dict[str, Any]:
        if self._devtools is None:  # kept: when one is detached, Chromium tells an offline page that it is online
            self._devtools = self._page.context.new_cdp_session(self._page)
        question = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = self._devtools.send("Runtime.evaluate", question)
        thrown = answer.get("exceptionDetails")
        assert thrown is None, f"{thrown.get('exception', {}).get('description', thrown)}\nthrown by {script}"
        result: dict[str, Any] = answer["result"]
        return result


class InsertedScripts:
    """Files of the page's own origin that only the test knows. JavaScript comes by network, and so not while offline;
    Python comes without."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._numbers = count(1)
        self._scripts: dict[str, str] = {}
        self._routed = False
        self._taken: set[int] = set()  # the numbers of the questions that arrived
        page.on("console", self._heard)
        page.add_init_script(ASKED)

    def value(self, expression: str) -> Any:
        return self._asked(f"export default async () => {bounded(expression)}")

    def execute(self, script: str) -> None:
        self._asked(script)

    def python(self, source: str) -> Any:
        return self._answered("python", next(self._numbers), source)

    def routes_are_gone(self) -> None:
        self._routed = False

    def _asked(self, script: str) -> Any:
        if not self._routed:  # not sooner: where anything is routed, the browser keeps nothing in its cache
            self._page.route(f"**{FOLDER}*", self._give)
            self._routed = True
        number = next(self._numbers)
        path = f"{FOLDER}{number}.js"
        self._scripts[path] = script
        return self._answered("script", number, path)

    def _answered(self, kind: str, number: int, text: str, *, timeout: float = STALLED) -> Any:
        start = f"{ANSWER} {number} "
        question: FilePayload = {
            "name": f"{kind} {number}",
            "mimeType": "text/plain",
            "buffer": json.dumps(text).encode(),
        }
        try:
            with self._page.expect_console_message(lambda line: line.text.startswith(start), timeout=timeout) as line:
                self._page.locator("#asked-by-the-test").set_input_files(question)
        except TimeoutError:
            asked = "was asked" if number in self._taken else "was never asked"
            raise AssertionError(
                f"no answer in {timeout} ms; the page {asked}: {text}{self._whether_alive(text)}"
            ) from None
        told = json.loads(line.value.text.removeprefix(start))
        assert "error" not in told, (text, told["error"])
        return told.get("value")

    def _whether_alive(self, text: str) -> str:
        """Whether its Python answers anything at all, once it has failed to answer this."""
        if text == ALIVE:
            return ""
        try:
            return f"\nPython still answers: {self._answered('python', next(self._numbers), ALIVE, timeout=10_000)}"
        except AssertionError as error:
            return f"\nPython: {error}"

    def _heard(self, line: ConsoleMessage) -> None:
        if line.text.startswith(TAKEN):
            self._taken.add(int(line.text.removeprefix(TAKEN)))

    def _give(self, route: Route) -> None:
        script = self._scripts.pop(urlsplit(route.request.url).path)
        route.fulfill(body=script, content_type="text/javascript; charset=utf-8")
