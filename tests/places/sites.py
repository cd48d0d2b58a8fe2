"""The sites of other places, made by the commands of docs/notebooks.md, with this project's wheel in them."""

from __future__ import annotations

import json
import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from playwright.sync_api import Route

from runtime.steps import run
from tests.browser.visit import Visit
from tests.live_server import LiveServer, running_server
from tests.places.bring import ENVIRONMENT
from tests.places.steps import NO_ANSWER, STEPS

PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")


def make(commands: str, folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run a document's commands in this folder, with JupyterLite and marimo installed; the first that fails ends it."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    run(
        "sh", "-e", "-c", commands, cwd=folder, env={**os.environ, "PATH": path, **settings},
        failed="the site can't be made: is .runtime/places there (`make test` makes it)?",
    )  # fmt: skip


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[LiveServer]:
    """Serve the folder at `/places/`, beside the API, for every step."""
    with running_server("--folder", str(folder), *flags, program="tests/places/server.py") as server:
        server.fault(*NO_ANSWER, times=9)
        yield server


def answering(visit: Visit, origin: str, folder: Path) -> None:
    """Answer what is asked of another origin with the files of this folder, by their names."""

    def answer(route: Route) -> None:
        file = folder / route.request.url.partition("?")[0].rpartition("/")[2]
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(path=file, headers={"Access-Control-Allow-Origin": "*", "Content-Type": kind})

    visit.context.route(f"{origin}/**", answer)
    visit.allowed_origins.add(origin)


def taking(steps: Iterable[str]) -> str:
    """Python that takes these steps, wherever `await` may stand; `_told` is then what came of them, as JSON."""
    sources = json.dumps({name: STEPS[name][0] for name in steps})
    return f'''import json as _json
from pyodide.code import eval_code_async as _run
_names, _came = {{}}, {{}}
for _name, _source in _json.loads(r"""{sources}""").items():
    try:
        _came[_name] = await _run(_source, _names)
    except Exception as _error:
        _came[_name] = repr(_error)
_told = _json.dumps(_came)
'''


def wanted(steps: Iterable[str]) -> dict[str, object]:
    """What shall come of them."""
    return {name: STEPS[name][1] for name in steps}
