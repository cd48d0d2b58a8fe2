"""The actions of a page with Python. Each takes its step, and gives the result that is sent to the server."""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import js
import pyodide_js
import reissue
from js import Object, bench
from pyodide.ffi import create_proxy, to_js
from pyodide.http import pyfetch

Step = dict[str, Any]
Send = Callable[[str], Awaitable[Any]]
PATH = "/api/echo?n=0"


def as_object(step: Step) -> Any:
    return to_js(step, dict_converter=Object.fromEntries)


async def signed_in(kind: str = "valid", *, life: float = 3600) -> tuple[Any, str]:
    """A client whose token is valid, revoked or expired; and the token."""
    begun = await bench.begin(kind, life)
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    await api.adopt(begun.token, expires_in=begun.expires_in)
    return api, begun.token


def by_reissue(api: reissue.Interceptor) -> Send:
    async def send(path: str) -> Any:
        return await (await api.fetch(path)).json()

    return send


def by_pyfetch(token: str, **options: Any) -> Send:
    """The floor: Pyodide's own, which can't renew a token, so it gets a valid one."""
    headers = {"Authorization": f"Bearer {token}"}

    async def send(path: str) -> Any:
        return await (await pyfetch(path, headers=headers, **options)).json()

    return send


async def storm(step: Step) -> Step:
    api, token = await signed_in(step["kind"])
    gc.collect()
    if step["client"] == "installed":
        with api.installed():
            result = (await bench.storm(as_object(step))).to_py()
    else:
        send = by_pyfetch(token) if step["client"] == "pyfetch" else by_reissue(api)
        result = await python_storm(send, step["count"])
    await api.close()
    return {**step, **result, **(await bench.counters()).to_py()}


async def python_storm(send: Send, count: int) -> Step:
    async def is_good(path: str) -> bool:
        try:
            return bool((await send(path))["good"])
        except (reissue.ReissueError, OSError, KeyError):
            return False

    began = time.perf_counter()
    outcomes = await asyncio.gather(*(is_good(f"/api/echo?n={n}") for n in range(count)))
    return {"seconds": time.perf_counter() - began, "answered": sum(outcomes)}


async def each(send: Send, count: int) -> float:
    """Microseconds for each of `count` requests, one after the other."""
    began = time.perf_counter()
    for _ in range(count):
        await send(PATH)
    return (time.perf_counter() - began) / count * 1e6


async def overhead(step: Step) -> Step:
    """Microseconds for each request by pyfetch alone and by reissue, block by block, in turns."""
    stubbed = step["network"] == "none"
    if stubbed:
        bench.replaceFetch(bench.stub)
    api, token = await signed_in_without_network() if stubbed else await signed_in()
    ways = {"pyfetch": by_pyfetch(token, **({"fetcher": bench.stub} if stubbed else {})), "reissue": by_reissue(api)}
    for send in ways.values():
        await each(send, step["size"])
    found: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    for block in range(step["blocks"]):
        for name in list(ways)[:: 1 if block % 2 else -1]:
            found[name].append(await each(ways[name], step["size"]))
    await api.close()
    bench.replaceFetch(None)
    return found


async def signed_in_without_network() -> tuple[Any, str]:
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), tabs=False)
    await api.adopt("x" * 300, expires_in=3600)
    return api, "x" * 300


async def gate(step: Step) -> Step:
    """What `install()` costs each call of `fetch`: whole requests, and the decision by itself; µs for each."""
    found: dict[str, list[float]] = {}
    for network in ("none", "loopback"):
        await whole_requests(step, network, found)
    bench.replaceFetch(bench.prompt)
    api, _ = await signed_in_without_network()
    api.install()
    decisions(step, {"native": bench.prompt, "gate.js": js.fetch}, found)
    api.uninstall()
    forget_the_gate()
    api.install()
    decisions(step, {"Python": js.fetch}, found)
    api.uninstall()
    await api.close()
    bench.replaceFetch(None)
    return found


async def whole_requests(step: Step, network: str, found: dict[str, list[float]]) -> None:
    stubbed = network == "none"
    bench.replaceFetch(bench.stub if stubbed else None)
    native = js.fetch
    api, token = await (signed_in_without_network() if stubbed else signed_in())
    carried = as_object({"Authorization": f"Bearer {token}"})
    api.install()
    ways = {
        "native": (native, "/api/echo", carried),
        "outside": (js.fetch, "/open/x", None),
        "native outside": (native, "/open/x", None),
        "inside": (js.fetch, "/api/echo", None),
    }
    for turn in range(step["rounds"] + 1):
        for name, way in ways.items():
            taken = await bench.whole(*way, step["size"])
            if turn:  # the first warms up
                found.setdefault(f"{network}: {name}", []).append(taken)
    api.uninstall()
    if not stubbed:
        await whole_by_xhr(step, api, carried, found)
    await api.close()


async def whole_by_xhr(step: Step, api: Any, carried: Any, found: dict[str, list[float]]) -> None:
    """The same by XMLHttpRequest, whose own functions are back in their places while nothing is installed."""
    for turn in range(step["rounds"] + 1):
        native = await bench.wholeByXhr("/api/echo", carried, step["size"])
        with api.installed():
            inside = await bench.wholeByXhr("/api/echo", None, step["size"])
        if turn:
            found.setdefault("loopback: native XHR", []).append(native)
            found.setdefault("loopback: XHR", []).append(inside)


def decisions(step: Step, ways: dict[str, Any], found: dict[str, list[float]]) -> None:
    for turn in range(step["rounds"] + 1):
        for name, fetch in ways.items():
            for place in ("other", "text", "url", "request"):
                taken = bench.calls(fetch, place, step["size"] * 20)
                if turn:
                    found.setdefault(f"{name}, {place}", []).append(taken)


def forget_the_gate() -> None:
    """As in a page that has no gate.js."""
    pyodide_js.unregisterJsModule("reissue_gate")
    sys.modules.pop("reissue_gate", None)


def sizes() -> list[int]:
    """Bytes of JavaScript's heap, bytes of Python's memory, blocks that Python has allocated."""
    gc.collect()
    heap, memory = bench.heaps(pyodide_js)
    return [heap, memory, sys.getallocatedblocks()]


async def memory(step: Step) -> Step:
    """Sizes after every so many requests; tokens live 20 s, so renewals are among them."""
    api, _ = await signed_in(life=20)
    send = by_reissue(api)
    found = [[0, *sizes()]]
    for done in range(step["batch"], step["requests"] + 1, step["batch"]):
        await asyncio.gather(*(send(PATH) for _ in range(step["batch"])))
        if done % step["every"] == 0:
            found.append([done, *sizes()])
    await api.close()
    return {"sizes": found}


async def connections(step: Step) -> Step:
    """Sizes after every so many clients that were connected, used and closed."""
    found = [[0, *sizes()]]
    for done in range(1, step["count"] + 1):
        api, _ = await signed_in()
        await by_reissue(api)(PATH)
        await api.close()
        if done % step["every"] == 0:
            found.append([done, *sizes()])
    return {"sizes": found}


async def tab(step: Step) -> Step:
    """One of several tabs with one session, whose token has expired when they begin, after some requests before."""
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    await api.resume()
    for _ in range(step["before"]):
        await python_storm(by_reissue(api), step["count"])
    at = await bench.meet(as_object(step))
    if step["tab"] == 0:  # all others take over a token that will have expired
        await bench.begin("valid", 2)
        await api.renew()
    await bench.until(at)
    result = await python_storm(by_reissue(api), step["count"])
    ended = time.time() * 1000
    await asyncio.sleep(2)  # the last tab may still ask the others
    await api.close()
    return {"at": at, "ended": ended, "answered": result["answered"]}


ACTIONS = {action.__name__: action for action in (storm, overhead, gate, memory, connections, tab)}


async def run(text: str) -> str:
    step = json.loads(text)
    return json.dumps(await ACTIONS[step["action"]](step))


js.startJob(create_proxy(run))
