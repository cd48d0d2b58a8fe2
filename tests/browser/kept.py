"""Pages with Python that outlive a test.

Starting Python takes seconds, and most tests of a blank page need one that is as new, not one that is new. So a page is
kept for others. After each test all is taken back that a test may leave: clients, tasks, names, nodes,
cookies, storage, routes, faults, and what was changed in other people's modules. Then page and library must be as they
were, down to each function of the browser and of the library. A page that is not is closed, and so is that of a test
that failed: the next test gets a new one.

Only one page is kept at a time, since of two pages in a browser only one has the focus. So the tests that want a page
opened in the same way run one after the other (tests/conftest.py puts them in that order).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Error

from tests.browser.visit import PATIENCE, Policy, Visit
from tests.live_server import forked_server


@dataclass(frozen=True, slots=True)
class Opening:
    """How a page is opened, and with which flags its server is started. Tests with equal openings share a page.

    `before` is called before the page is opened. `prepare` is Python that runs in the page once, when it is open: what
    it loads stays, and its names don't.
    """

    page: str = "blank.html"
    policy: Policy = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    before: Callable[[Visit], None] | None = None
    prepare: str = ""


def opened(
    *openings: Opening, ids: Sequence[str] | None = None, in_firefox: Opening | None = None
) -> pytest.MarkDecorator:
    """The fixture `kept`, and so the test, takes a page that was opened like this; one test for each opening.

    Of a test that is not marked `firefox`, `in_firefox` alone runs there as well.
    """
    names = ids if ids is not None else [pytest.HIDDEN_PARAM] * len(openings)
    params = [pytest.param(one, marks=pytest.mark.firefox if one == in_firefox else ()) for one in openings]
    return pytest.mark.parametrize("kept", params, ids=names, indirect=True)


NOTE_THE_PAGE = """(() => {
    const found = new Map();
    const look = owner => found.set(owner, new Map(Reflect.ownKeys(owner).map(
        key => [key, Object.getOwnPropertyDescriptor(owner, key) ?? {}])));
    look(globalThis);
    for (const {value} of [...found.get(globalThis).values()]) {
        if (typeof value !== "function") continue;
        look(value);
        if (value.prototype) look(value.prototype);
    }
    for (const owner of [navigator, document, localStorage, sessionStorage]) look(owner);
    const nodes = [document.head, document.body].map(node => [node, [...node.childNodes], node.cloneNode(false)]);
    Object.defineProperty(globalThis, Symbol.for("as new"), {value: {found, nodes, address: location.href}});
})()"""

# What is not as it was, by name; what was only added is taken away first.
COMPARE_THE_PAGE = """(async () => {
    const noted = globalThis[Symbol.for("as new")];
    if (!noted || noted.address !== location.href) return ["the page is another one"];
    const changed = [];
    localStorage.clear();
    sessionStorage.clear();
    for (const [node, children, alone] of noted.nodes) {
        for (const child of [...node.childNodes]) if (!children.includes(child)) child.remove();
        if (children.some(child => child.parentNode !== node)) changed.push(node.nodeName);
        if (!node.cloneNode(false).isEqualNode(alone)) changed.push(`the attributes of ${node.nodeName}`);
    }
    for (const [owner, before] of noted.found) {
        for (const key of Reflect.ownKeys(owner)) {
            if (before.has(key) || key === Symbol.for("as new")) continue;
            if (!Reflect.deleteProperty(owner, key)) changed.push(String(key));
        }
        for (const [key, was] of before) {
            const is = Object.getOwnPropertyDescriptor(owner, key) ?? {};
            if (was.get !== is.get || was.set !== is.set || !Object.is(was.value, is.value)) changed.push(String(key));
        }
    }
    for (const {name} of (await indexedDB.databases?.()) ?? []) {
        if (name.startsWith("IDBMap/")) continue;  // those are PyScript's
        const removed = new Promise((resolve, reject) => {
            const removal = indexedDB.deleteDatabase(name);
            removal.onsuccess = resolve;
            removal.onerror = removal.onblocked = reject;
        });
        await removed.catch(() => changed.push(name));
    }
    return changed;
})()"""

# Which service workers the page has, by scope, and by the scripts of their versions.
WORKERS = """navigator.serviceWorker?.getRegistrations().then(all => all.map(
    ({scope, installing, waiting, active}) => [scope, ...[installing, waiting, active].map(one => one?.scriptURL ?? "")]
)) ?? []"""

# Of other people's modules, those that tests patch: they are put back, down to attributes of their classes.
NOTE_THE_LIBRARY = """
def note():
    import sys
    import reissue
    clients = {"httpx2", "pyodide_http", "requests", "urllib3"}
    def loaded(packages):
        return {name: module for name, module in list(sys.modules.items()) if name.partition(".")[0] in packages}
    def look(packages):
        found = {}
        for name, module in loaded(packages).items():
            owners = {name: module}
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == name:
                    owners[f"{name}.{value.__qualname__}"] = value
            for path, owner in owners.items():
                found[path] = owner, dict(vars(owner))
        return found
    def changes(before):
        for path, (owner, was) in before.items():
            now = vars(owner)
            for key in {**was, **now}:
                if key not in was or key not in now or was[key] is not now[key]:
                    yield f"{path}.{key}", owner, key, was
    def clients_loaded():
        return loaded(clients).keys()
    def forget_names(names):
        for name in [name for name in names if not name.startswith("__")]:
            del names[name]
    noted = look({"reissue"}), look({"asyncio", "http", "urllib", *clients}), clients_loaded()
    sys.as_new = forget_names, changes, clients_loaded, *noted
    forget_names(globals())
note()
None
"""

# A module that is loaded by a test stays, as it was written: who changes one asks for a page of their own. An HTTP
# client may be patched by whoever loads it, so the page is not kept unless its opening has loaded the client.
COMPARE_THE_LIBRARY = """
import asyncio, gc, sys
import reissue
async def end():
    panels = sys.modules.get("reissue.inspector.panel")
    for found in gc.get_objects():
        if panels and type(found) is panels.Inspector:
            found.close()
        elif issubclass(type(found), reissue.Interceptor):
            while found.uninstall():
                pass
            await found.close()
    while left := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in left:
            task.cancel()
        await asyncio.wait(left)
await end()
def changed():
    import sys
    forget_names, changes, clients_loaded, library, others, clients = sys.as_new
    forget_names(globals())
    for path, owner, key, was in list(changes(others)):
        if path not in sys.modules and not key.startswith("__annot"):  # those are a cache
            setattr(owner, key, was[key]) if key in was else delattr(owner, key)
    return [path for path, *_ in changes(library) if path not in sys.modules] + sorted(clients_loaded() - clients)
changed()
"""


class KeptVisit(Visit):
    """A visit that begins anew for each test."""

    workers: list[list[str]]  # as the page was opened

    def begin_anew(self) -> None:
        """As if the page had just been opened."""
        for seen in (self.console, self.warned, self.requests, self.tokens, self.expected):
            seen.clear()
        self.imports_later_modules = False
        self.allowed_origins, self.api = {self.server.origin}, f"{self.server.origin}/api/"
        self.stop_recording()
        self.page.on("request", self._sent)


class StillOpen(AssertionError):
    """A request of a test goes on though its page no longer wants the answer."""


class KeptPages:
    """The page of one browser that is kept."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._kept: tuple[Opening, KeptVisit, ExitStack] | None = None

    def visit(self, opening: Opening, *, new: bool = False) -> KeptVisit:
        """A page that is as new, or new, at a server that is."""
        if self._kept is None or new or self._kept[0] != opening:
            self.close()
            self._kept = self._opened(opening)
        visit = self._kept[1]
        visit.begin_anew()
        visit.page.bring_to_front()  # a frame or a download of an earlier test may have taken the focus
        return visit

    def _opened(self, opening: Opening) -> tuple[Opening, KeptVisit, ExitStack]:
        with ExitStack() as stack:
            server = stack.enter_context(forked_server(*opening.flags))
            context = self._browser.new_context()
            stack.callback(context.close)
            visit = KeptVisit(context.new_page(), server)
            visit.page.set_default_timeout(PATIENCE)
            if opening.before is not None:
                opening.before(visit)
            visit.open_blank(opening.page, policy=opening.policy)
            visit.evaluate(NOTE_THE_PAGE)
            visit.run(f"{opening.prepare}\nNone")
            visit.run(NOTE_THE_LIBRARY)
            visit.workers = visit.evaluate(WORKERS)
            return opening, visit, stack.pop_all()

    def give_back(self, visit: KeptVisit) -> None:
        """Take back what the test has left; close the page unless it is then as new.

        Fails if a request to the API is still open after that: then something keeps its connection.
        """
        try:
            left = self._left_by_the_test(visit)
        except StillOpen:
            self.drop(visit)
            raise
        if left:
            print("The page is not kept:", *left)
            self.drop(visit)

    def drop(self, visit: KeptVisit) -> None:
        """Close a page, and its server."""
        if self._kept is not None and self._kept[1] is visit:
            self.close()

    def close(self) -> None:
        """Close the page that is kept, if there is one."""
        if self._kept is not None:
            _, _, stack = self._kept
            self._kept = None
            stack.close()

    def _left_by_the_test(self, visit: KeptVisit) -> list[str]:
        """What can't be taken back."""
        server, context = visit.server, visit.context
        server.clear_faults()
        try:
            for page in context.pages:
                if page is not visit.page:
                    page.close()
            context.set_offline(False)
            visit.page.unroute_all()
            visit.asking.routes_are_gone()
            left: list[str] = visit.run(COMPARE_THE_LIBRARY)
            left += visit.evaluate(COMPARE_THE_PAGE)
            if visit.evaluate(WORKERS) != visit.workers:
                left.append("its service workers are others")
            context.clear_cookies()
        except (AssertionError, Error) as error:  # no answer: another page is there, or none
            return [str(error)]
        try:
            visit.until(lambda: server.counters()["api_in_flight"] == 0)
        except AssertionError:
            raise StillOpen("a request to the API is still open, though the page no longer wants its answer") from None
        server.control("/dev/skew", {"seconds": 0})
        server.control("/dev/counters/reset")
        return left
