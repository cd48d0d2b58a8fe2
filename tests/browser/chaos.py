"""Seeded chaos over real pages: opened, closed, reloaded, crashed, offline, with a slow, failing and forgetful server.

`make chaos SECONDS=300 SEED=1` runs it; the suite runs half a minute. Whatever happens, nobody is signed out who did
not sign out, and no refresh token is presented twice, to a server that rotates them and grants no grace. The seed
decides what is done in which order; how it meets the pages' own work is the machine's affair.

A hostile script of the same origin writes to the channel and to what is stored, and a JWT that is nested some thousand
deep comes by the channel, by the store or as the endpoint's answer. Python is alive in every page all the while.

Left out is what no client can save without the server's grace (F6), an answer that is lost together with its cookie:

- A connection that breaks after the server has rotated: the faults `lost` and `truncate`, an answer that comes after
  the refresh's deadline, and a network that goes while a refresh is on the wire. So the network goes in a turn that the
  chaos itself has taken.
- An answer to a page that has been left, later than `endpoint_lock.LANDING`: slow answers are faster than that.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import click
from playwright.sync_api import Page, Route, sync_playwright
from reissue.tabs.endpoint_lock import LANDING

from tests.browser.browsers import chromium_launch_options
from tests.browser.tabs import Tab, Tabs
from tests.live_server import forked_server
from tests.simulation.strangers import FORMS, MARKS, granted_nested, message, nested_token

FEWEST, MOST = 2, 5  # pages
SLOW = 0.3  # seconds
TRANSIENT = {"NetworkError", "RefreshUnavailable", 401, 429, 500, 503}
"""What a request may end with while things go wrong. A 401 is that of a replay: a token may be revoked twice."""


REFRESH = "**/auth/refresh"
COUNTED = ("refreshes_asked", "refreshes_granted", "refreshes_refused", "reuse_detections", "api_requests")


class Chaos:
    """One run over `tabs`. `landing` (seconds) stands in for `endpoint_lock.LANDING`, on a machine that may be busy.

    With `hostile`, a script of the origin that is nobody's client does what it can. `store` is `connect`'s.
    """

    def __init__(
        self, tabs: Tabs, seed: int, *, landing: float = LANDING, hostile: bool = True, store: str = "memory"
    ) -> None:
        self.tabs = tabs
        self.options: dict[str, Any] = {"landing": landing, "store": store}
        self.hostile = hostile
        self.stranger: Page | None = None
        self.misled = False  # pages have gone on with a token that is none of theirs
        self.random = random.Random(seed)
        self.open: list[Tab] = []
        self.offline = False
        self.done: Counter[str] = Counter()
        self.outcomes: Counter[int | str | bool | None] = Counter()
        self.ended: list[str] = []

    def run(self, seconds: float) -> None:
        """Do one thing after the other for so long."""
        self.open = self.tabs.signed_in(FEWEST, **self.options)
        if self.hostile:
            self.stranger = self.tabs.context.new_page()
            self.stranger.goto(f"{self.tabs.server.url}nothing-is-here")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.step()
        self.calm()

    def step(self) -> None:
        """One thing, such as can be done now."""
        choices: dict[Callable[[], None], int] = {self.send: 8, self.expire: 4, self.revoke: 2, self.pass_time: 6}
        choices |= {self.slow_down: 3, self.fail: 3}
        if self.offline:
            choices[self.go_online] = 6
        else:
            choices |= {self.go_offline: 1, self.reload: 2}
            if len(self.open) < MOST:
                choices[self.open_another] = 3
        if self.stranger is not None:
            choices |= {self.write_to_channel: 4, self.write_to_store: 2, self.write_marks: 1, self.nest: 1}
        if len(self.open) > FEWEST:
            choices |= {self.close: 3, self.crash: 3}
        (act,) = self.random.choices(list(choices), list(choices.values()))
        self.done[act.__name__] += 1
        act()

    def calm(self) -> None:
        """Everything works again, and every open page gets its answer."""
        if self.offline:
            self.go_online()
        self.tabs.server.clear_faults()
        self.tabs.context.unroute(REFRESH)
        for tab in self.open:
            assert tab.run("1 + 1") == 2, "a page's Python has ended"
            self.outcomes.update(tab.outcomes())
        self.expire()  # and with it whatever Retry-After a page was given last
        final = [tab.fetch() for tab in self.open]
        for tab in self.open:
            self.look_at(tab)
        counters = self.tabs.server.counters()
        assert not counters["reuse_detections"], "a refresh token was presented twice"
        assert not counters["refreshes_refused"], "a refresh was refused"
        assert final == [200] * len(self.open), final
        assert not self.ended, self.ended
        allowed = TRANSIENT | {200, True} | ({"SessionChanged"} if self.misled else set())
        assert not self.outcomes.keys() - allowed, self.outcomes
        if self.stranger is not None:
            self.stranger.close()

    def report(self) -> str:
        """What was done, and what came of it."""
        counters = self.tabs.server.counters()
        lines: dict[str, Any] = {
            "done": dict(self.done.most_common()),
            "outcomes": {str(outcome): count for outcome, count in self.outcomes.most_common()},
            "told of an end": self.ended,
            "server": {name: counters[name] for name in COUNTED},
        }
        return "\n".join(f"{name}: {value}" for name, value in lines.items())

    def look_at(self, tab: Tab) -> None:
        """What a page was told: after this it may go."""
        self.ended += [end for end in tab.told("ended") if end != "ended replaced" or not self.misled]
        self.outcomes.update(tab.settled())

    # What is done

    def send(self) -> None:
        for tab in self.open:
            tab.start(self.random.randint(1, 5))

    def expire(self) -> None:
        self.tabs.expire(by=100)

    def revoke(self) -> None:
        self.tabs.server.control("/dev/revoke")

    def pass_time(self, most: float = 400) -> None:
        self.open[0].page.wait_for_timeout(self.random.uniform(0, most))

    def slow_down(self) -> None:
        path = self.random.choice(["/auth/refresh", "/auth/refresh", "/api/"])
        fields = {"seconds": self.random.uniform(0, SLOW), "after": self.random.random() < 0.5}
        self.tabs.server.fault(path, "delay", times=self.random.randint(1, 3), **fields)

    def fail(self) -> None:
        """Before anything is done."""
        path = self.random.choice(["/auth/refresh", "/auth/refresh", "/api/"])
        faults: list[dict[str, Any]] = [
            {"kind": "status", "status": 503},
            {"kind": "status", "status": 429, "retry_after": "1"},
            {"kind": "html", "status": 500},
            {"kind": "drop"},
        ]
        self.tabs.server.fault(path, times=self.random.randint(1, 3), **self.random.choice(faults))

    def write_to_channel(self) -> None:
        """What no page writes."""
        self.by_stranger("new BroadcastChannel(name).postMessage(text)", self.message())

    def write_to_store(self) -> None:
        """In place of what was there."""
        self.by_stranger("localStorage.setItem(name, text)", self.message())

    def write_marks(self) -> None:
        """Where pages say that somebody has signed out, and that they have the turn."""
        mark = self.random.choice(("untold", "turn"))
        self.by_stranger(f"localStorage.setItem(name + ' {mark}', text)", self.random.choice(MARKS))

    def nest(self) -> None:
        """A JWT that is nested some thousand deep. Pages may take it for a token, until it is refused."""
        self.misled = True
        match self.random.choice(("channel", "store", "answer")):
            case "channel":
                self.by_stranger("new BroadcastChannel(name).postMessage(text)", granted_nested(self.now))
            case "store":
                self.by_stranger("localStorage.setItem(name, text)", granted_nested(self.now))
            case _ if not self.offline:
                answer = json.dumps({"access_token": nested_token(), "expires_in": 60})

                def fulfill(route: Route) -> None:
                    route.fulfill(status=200, content_type="application/json", body=answer)

                self.tabs.context.route(REFRESH, fulfill, times=1)
                self.expire()

    def message(self) -> str:
        return message(self.random.choice(FORMS), self.random.randint(0, 99), now=self.now, bound=False)

    @property
    def now(self) -> float:
        return time.time() + self.tabs.skew

    def by_stranger(self, does: str, text: str) -> None:
        """Let it do that with the `name` that the pages go by, and this text."""
        assert self.stranger is not None
        self.stranger.evaluate(f"([name, text]) => {{ {does} }}", [self.open[0].channel(), text])

    def go_offline(self) -> None:
        page = self.open[0]
        name = json.dumps(page.channel())
        page.evaluate(
            f"new Promise(granted => void navigator.locks.request({name}, "
            "() => { granted(); return new Promise(end => { window.end_turn = end }) }))"
        )
        self.tabs.context.set_offline(True)
        page.evaluate("end_turn()")
        self.offline = True

    def go_online(self) -> None:
        self.tabs.context.set_offline(False)
        self.offline = False

    def open_another(self) -> None:
        (tab,) = self.tabs.open(1, **self.options)
        self.resume(tab)
        self.open.append(tab)

    def reload(self) -> None:
        self.leave("reloaded")

    def close(self) -> None:
        self.leave("closed")

    def crash(self) -> None:
        self.leave("crashed")

    def leave(self, how: str) -> None:
        """More often than not in the middle of a refresh; the others wait for it, or come just then."""
        tab = self.random.choice(self.open)
        self.look_at(tab)
        self.open.remove(tab)
        if self.random.random() < 0.7:
            self.tabs.server.fault("/auth/refresh", "delay", seconds=SLOW, after=self.random.random() < 0.5)
            self.expire()
            tab.start(1)
            if self.random.random() < 0.5:
                self.send()
            self.pass_time(SLOW / 2 * 1000)
        tab.leave(how)
        self.send()
        if how == "crashed":
            tab.page.close()  # Playwright can't set a context offline that shows a page without a renderer
        if how == "reloaded":
            self.resume(self.tabs.reopened(tab, **self.options))
            self.open.append(tab)

    def resume(self, tab: Tab) -> None:
        tab.run("begin(api.resume())")


@click.command()
@click.option("--seconds", default=300.0, show_default=True, help="How long.", type=click.FloatRange(1))
@click.option("--seed", default=None, help="Any number; by default the time.", type=int)
@click.option("--store", default=None, help="What the pages keep their session in; by default as the seed says.")
def main(seconds: float, seed: int | None, store: str | None) -> None:
    """Runs the chaos, and says what came of it."""
    seed = int(time.time()) if seed is None else seed
    store = store or ("memory", "local")[seed % 2]
    click.echo(f"SECONDS={seconds:g} SEED={seed} (store={store})")
    with forked_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_launch_options())
        tabs = Tabs(browser.new_context(), server)
        chaos = Chaos(tabs, seed, store=store)
        try:
            chaos.run(seconds)
        finally:
            click.echo(chaos.report())
        browser.close()


if __name__ == "__main__":
    main()
