"""`python -m http.server`, the plainest file host there is: no headers of ours, no compression, no routes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import started


@dataclass(frozen=True, slots=True)
class StaticHost:
    """Serves what is in `folder` when it is asked for. `origin` has no slash at the end."""

    folder: Path
    origin: str


@contextmanager
def static_host(folder: Path) -> Iterator[StaticHost]:
    """Serves until the block ends."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with started(command, stderr=subprocess.DEVNULL) as (_, first_line):
        words = first_line.split()
        yield StaticHost(folder, f"http://127.0.0.1:{int(words[words.index('port') + 1])}")
