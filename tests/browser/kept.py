"""Pages with Python that outlive a test.

Starting Python takes seconds, and most tests of a blank page need one that is as new, not one that is new. So a page is
kept for others. After each test all is taken back that a test may leave: clients, tasks, names, nodes,
cookies, storage, routes, faults. Then page and library must be as they were, down to each function of the browser and
of the library. A page that is not is closed, and so is that of a test that failed: the next test gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from playwright.sync_api import Browser, Error

from tests.browser.visit import Visit
from tests.live_server import forked_server

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
    const databases = (await indexedDB.databases?.()) ?? [];
    const theirs = databases.map(({name}) => name).filter(name => !name.startsWith("IDBMap/"));  // those are PyScript's
    return [...changed, ...theirs];
})()"""

NOTE_THE_LIBRARY = """
import sys
import reissue
def look():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "reissue":
            owners = {name: module}
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == name:
                    owners[f"{name}.{value.__qualname__}"] = value
            for path, owner in owners.items():
                found[path] = dict(vars(owner))
    return found
sys.as_new = look, look(), {"look", *globals()}
None
"""

# A module that is loaded by a test stays, as it was written: who changes one asks for a page of their own.
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
    look, before, names = sys.as_new
    for name in globals().keys() - names:
        del globals()[name]
    after, missing = look(), object()
    return [
        f"{path}.{key}"
        for path, was in before.items()
        for key in {**was, **after[path]}
        if was.get(key, missing) is not after[path].get(key, missing) and f"{path}.{key}" not in sys.modules
    ]
changed()
"""


class KeptVisit(Visit):
    """A visit that begins anew for each test."""

    def begin_anew(self) -> None:
        """As if the page had just been opened."""
        for seen in (self.console, self.requests, self.tokens, self.expected):
            seen.clear()
        self.allowed_origins = {self.server.origin}
        self.stop_recording()
        self.page.on("request", self._sent)


class KeptPages:
    """The pages of one browser, by what was done to them before Python started."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._kept: dict[object, tuple[KeptVisit, ExitStack]] = {}

    def visit(self, *, before: Callable[[Visit], None] | None, new: bool = False) -> KeptVisit:
        """A page that is as new, or new, at a server that is; `before` is called before the page is opened."""
        for key, (kept, _) in list(self._kept.items()):
            if new or key is not before:  # one at a time: of two pages in a browser only one has the focus
                self.drop(kept)
        if before not in self._kept:
            with ExitStack() as stack:
                server = stack.enter_context(forked_server())
                context = self._browser.new_context()
                stack.callback(context.close)
                visit = KeptVisit(context.new_page(), server)
                visit.page.set_default_timeout(30_000)  # ms, on a machine that is busy
                if before is not None:
                    before(visit)
                visit.open_blank()
                visit.evaluate(NOTE_THE_PAGE)
                visit.run(NOTE_THE_LIBRARY)
                self._kept[before] = visit, stack.pop_all()
        visit, _ = self._kept[before]
        visit.begin_anew()
        return visit

    def give_back(self, visit: KeptVisit) -> None:
        """Take back what the test has left; close the page unless it is then as new."""
        if left := self._left_by_the_test(visit):
            print("The page is not kept:", *left)
            self.drop(visit)

    def drop(self, visit: KeptVisit) -> None:
        """Close a page, and its server."""
        for key, (kept, stack) in list(self._kept.items()):
            if kept is visit:
                del self._kept[key]
                stack.close()

    def close(self) -> None:
        """Close them all."""
        for visit, _ in list(self._kept.values()):
            self.drop(visit)

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
            context.clear_cookies()
        except (AssertionError, Error) as error:  # no answer: another page is there, or none
            return [str(error)]
        server.control("/dev/skew", {"seconds": 0})
        server.control("/dev/counters/reset")
        return left
