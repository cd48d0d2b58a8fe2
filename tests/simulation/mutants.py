"""Faults put into a copy of the core, each a bug that such a library has had. The simulator must catch them all."""

# ruff: noqa: E501

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

CORE = Path(__file__).resolve().parents[2] / "app" / "reissue"


@dataclass(frozen=True)
class Mutant:
    """`before` stands in `module` exactly once, and becomes `after`."""

    name: str
    module: str
    before: str
    after: str


MUTANTS = [
    Mutant(
        "a late 401 refreshes again (Q2)", "session",
        "if rejected is not self._credential:\n                return await self.obtain()\n            self._rejected",
        "self._rejected",
    ),
    Mutant(
        "each caller refreshes for itself (Q1)", "singleflight",
        "if task is None or task.done():", "if True:",
    ),
    Mutant(
        "a waiter takes the refresh along (Q11)", "singleflight",
        "await asyncio.wait((task,))", "await task",
    ),
    Mutant(
        "the error of a refresh that nobody awaits is not consumed (X6)", "singleflight",
        "task.exception()  # consumed: every waiter may be gone", "pass",
    ),
    Mutant(
        "a late answer signs in again (S1)", "interceptor",
        "if self._closed or sign_outs != self._sign_outs:\n            raise", "if self._closed:\n            raise",
    ),
    Mutant(
        "resume overwrites a newer session", "interceptor",
        " or self._alive_session() is not None:\n            return None", ":\n            return None",
    ),
    Mutant(
        "the session is not looked at after the wait (S1, S3)", "session",
        "        # Since then, others ran: look again (Q15).\n        self._check_alive()\n", "",
    ),
    Mutant(
        "a session that is over still gives its token (S1)", "session",
        '        self._check_alive()\n        credential = self._credential\n', "        credential = self._credential\n",
    ),
    Mutant(
        "a network failure signs out (F1)", "session",
        "except GrantRefused as refusal:", "except (GrantRefused, OSError) as refusal:",
    ),
    Mutant(
        "endpoint calls overlap (S2)", "interceptor",
        "async with self._endpoint_calls, asyncio.timeout(self._deadline):", "async with asyncio.timeout(self._deadline):",
    ),
    Mutant(
        "no deadline (Q13)", "interceptor",
        "async with self._endpoint_calls, asyncio.timeout(self._deadline):", "async with self._endpoint_calls:",
    ),
    Mutant(
        "replay without end (Q4)", "interceptor",
        "            response = await self._transport(_attach(request, credential))\n",
        "            response = await self._transport(_attach(request, credential))\n"
        "            response = await self._transport(_attach(request, credential))\n",
    ),
    Mutant(
        "an answer that is no refusal is replayed, too", "interceptor",
        "return bool(outcome.status == 401)", "return True",
    ),
    Mutant(
        "a request follows the user who is signed in now (S3)", "interceptor",
        "credential = await session.renew(rejected=credential)\n",
        "session = self._session or session\n        credential = await session.renew(rejected=credential)\n",
    ),
    Mutant(
        "the end is told at every look (F10)", "session",
        "if self._ended is not None:\n            return False", "if self._ended is not None and False:\n            return False",
    ),
    Mutant(
        "a failed request keeps its slot", "admission",
        "        self._held.pop(slot, None)\n        self._call_next()", "        self._call_next()",
    ),
    Mutant(
        "sign-out leaves the session on", "interceptor",
        "        session.end(reason)\n        self._dismiss()", "        self._dismiss()",
    ),
    Mutant(
        "the refused session ends without a refusal (F9)", "session",
        "error = unavailable(cause)", "error = unavailable(cause); self.end('refused')",
    ),
]  # fmt: skip


@contextmanager
def mutated(mutant: Mutant, folder: Path) -> Iterator[ModuleType]:
    """The package with one fault in it; the real one is back at the end."""
    copy = folder / "reissue"
    shutil.copytree(CORE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    path = copy / f"{mutant.module}.py"
    source = path.read_text(encoding="utf-8")
    assert source.count(mutant.before) == 1, (
        f"{mutant.name}: {mutant.before!r} stands {source.count(mutant.before)} times"
    )
    path.write_text(source.replace(mutant.before, mutant.after), encoding="utf-8")

    real = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "reissue"}
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module("reissue")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "reissue"]:
            del sys.modules[name]
        sys.modules.update(real)
