"""docs/notebooks.md says what is tested: its table has the versions that are pinned."""

from __future__ import annotations

import json
import re

import pytest

from runtime.npm_packages import locked_version
from tests.documents import text_of
from tests.places.bring import HERE

PINS = (HERE / "requirements.txt").read_text(encoding="utf-8")
PACKAGES = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
OWN = locked_version("pyodide")
MARIMOS = PACKAGES["node_modules/marimo-pyodide"]["version"]


def pinned(package: str) -> str:
    (version,) = re.findall(rf"^{package}==(\S+)", PINS, re.MULTILINE)
    return str(version)


@pytest.mark.parametrize(
    ("place", "version", "pyodide"),
    [
        ("JupyterLite", pinned("jupyterlite-core"), OWN),
        ("marimo", pinned("marimo"), MARIMOS),
        ("PyScript", locked_version("@pyscript/core"), OWN),
        ("SharedWorker", "", OWN),
        ("Flet", pinned("flet-web"), MARIMOS),
    ],
)
def test_the_document_names_the_versions_that_are_tested(place: str, version: str, pyodide: str) -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:]]
        for line in text_of("docs/notebooks.md").splitlines()
        if line.startswith("| ")
    ]
    named = [(cells[1], cells[2]) for cells in rows if place in cells[0]]
    assert named
    assert set(named) == {(version, pyodide)}
