"""Brings the Pyodides of these tests from npm. `make test` does it before the tests, which would each download them."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

from runtime import npm_packages  # noqa: E402
from runtime.steps import StepFailed  # noqa: E402


def modules() -> Path:
    """The folder `node_modules` of this folder's package.json."""
    return npm_packages.install(
        ROOT / ".runtime", Path(__file__).parent, name="npm-places", packages="the Pyodides of other places"
    )


if __name__ == "__main__":
    try:
        modules()
    except StepFailed as error:
        sys.exit(str(error))
