"""Servers and screens as processes of their own, for as long as a test needs them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the first line that it prints: it is ready then. Terminates it at the end.

    An empty line says that it has ended instead. `options` are those of `subprocess.Popen`.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    assert process.stdout
    try:
        yield process, process.stdout.readline()
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
