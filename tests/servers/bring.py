"""Brings what the servers of these tests need: npm packages and Glewlwyd. `make test` does it before the tests.

A test brings what it needs, too; several at once would each download it.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

from runtime import npm_packages  # noqa: E402
from runtime.steps import StepFailed, say  # noqa: E402
from tests.servers import glewlwyd  # noqa: E402


def modules() -> Path:
    """The folder `node_modules` of this folder's package.json."""
    return npm_packages.install(
        ROOT / ".runtime", Path(__file__).parent, name="npm-servers", packages="the servers of the tests"
    )


def main() -> None:
    modules()
    if reason := glewlwyd.absent():
        say(f"{reason}; its tests are left out")
    else:
        glewlwyd.brought()


if __name__ == "__main__":
    try:
        main()
    except StepFailed as error:
        sys.exit(str(error))
