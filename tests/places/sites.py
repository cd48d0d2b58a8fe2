"""The sites of other places, made by the commands of docs/notebooks.md, with this project's wheel in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from runtime.steps import run
from tests.places.bring import ENVIRONMENT

PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")


def make(commands: str, folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run a document's commands in this folder, with JupyterLite and marimo installed; the first that fails ends it."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    run(
        "sh", "-e", "-c", commands, cwd=folder, env={**os.environ, "PATH": path, **settings},
        failed="the site can't be made: is .runtime/places there (`make test` makes it)?",
    )  # fmt: skip
