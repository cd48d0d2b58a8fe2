"""`make check`, as part of the tests; and what every test must keep."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("command", ["ruff format --check .", "ruff check .", "mypy"], ids=["format", "lint", "types"])
def test_the_code_passes(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_what_make_quick_picks_is_there() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\nquick:")[2].partition("\n\n")[0]
    paths = set(re.findall(r"tests/\w+(?:/\w+)*(?:\.py)?", recipe)) - {"tests/browser/browsers.py"}
    assert paths == {"tests/reissue", "tests/test_contract.py", "tests/browser/test_renewal.py"}
    assert all((ROOT / path).exists() for path in paths)
    (page,) = re.findall(r"-k (\w+)", recipe)
    assert f"def {page}" in (ROOT / "tests/browser/test_renewal.py").read_text("utf-8")


def test_an_id_that_holds_an_address_is_an_error_that_names_the_test(tmp_path: Path) -> None:
    """Two processes would collect two different tests, and `pytest -n 2` would run none."""
    module = tmp_path / "test_addresses.py"
    module.write_text(
        "import pytest\n@pytest.mark.parametrize('value', [1, object()], ids=repr)\ndef test_anything(value): ...\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:playwright", "-p", "tests.conftest", "-c", os.devnull, module],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "give them an id=" in done.stdout
    assert "test_anything[<object object at 0x" in done.stdout
    assert "test_anything[1]" not in done.stdout
