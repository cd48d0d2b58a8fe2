"""The static site as files: what `make site` writes, without a browser."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import brotli
import click
import pytest
from click.testing import CliRunner

from devserver.files import CODINGS
from runtime.build import Parts, build
from runtime.publish.__main__ import main, publish
from runtime.publish.addresses import is_immutable, rewrite
from runtime.publish.demo import origin
from runtime.publish.headers import headers_file, immutable_places
from runtime.publish.sizes import read_sizes
from runtime.steps import StepFailed

ROOT = Path(__file__).resolve().parents[2]
# A page names its files, and these are the files that nothing names, or that a person names by hand.
STABLE = {
    "index.html",
    "_headers",
    "sizes.json",
    "embed/index.html",
    "embed/pyscript.toml",
    "embed/reissue/shim.mjs",
    "embed/reissue-popup.html",
    "embed/reissue-popup.js",
    "embed/reissue-worker.js",
    "embed/reissue/start.js",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with its API elsewhere, under a sub-path."""
    site = tmp_path_factory.mktemp("site") / "dist"
    publish(site, api="https://api.example:8443/v1/", base="/my-app/")
    return site


def files_of(site: Path) -> dict[str, bytes]:
    return {file.relative_to(site).as_posix(): file.read_bytes() for file in site.rglob("*") if file.is_file()}


def served(site: Path) -> set[str]:
    """The addresses, without the compressed peers."""
    return {address for address in files_of(site) if not address.endswith(tuple(CODINGS.values()))}


def test_every_file_is_hashed_but_the_pages_and_what_people_name_by_hand(site: Path) -> None:
    stable = {address for address in served(site) if not is_immutable(address)}
    documents = {address for address in stable if address.startswith("docs/")}  # linked to from elsewhere
    assert stable - documents == STABLE
    assert {"docs/guide.html", "docs/pictures/jwt.svg", "docs/source/reissue/entry.py.txt"} <= documents


def test_nothing_refers_to_the_root_of_the_host_or_to_another_host(site: Path) -> None:
    """So that it works below any path."""
    for address in ("index.html", "embed/index.html", "embed/reissue/start.js", "embed/reissue/shim.mjs"):
        text = (site / address).read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|href|config|from)\s*=?\s*["'](?:/|(?!data:)\w+:)""", text), address


def test_all_that_is_referred_to_is_there(site: Path) -> None:
    checked = 0
    for address in sorted(served(site)):
        file = site / address
        if file.suffix not in (".html", ".toml", ".mjs", ".js") or "/interpreter-" in address or "/core-" in address:
            continue
        text = file.read_text(encoding="utf-8")
        # A page's and a configuration's are relative to the page, a script's to itself.
        folder = address.partition("/")[0]
        page = site / folder if folder in ("docs", "embed") else site
        start = file.parent if file.suffix in (".mjs", ".js") else page
        pattern = r"""(?:\b(?:src|href|config|core)=|interpreter = |interpreter": |from |at\()["']([\w./-]+)["']"""
        for reference in re.findall(pattern, text):
            assert (start / reference).exists(), (address, reference)
            checked += 1
    assert checked > 15


def test_a_document_finds_the_python_that_runs_its_code(site: Path) -> None:
    """The demo's own, and the library's copy of PyScript; and no compressed neighbour says otherwise."""
    guide = (site / "docs" / "guide.html").read_text(encoding="utf-8")
    for pattern, name in ((r'data-core="\.\./([^"]+)"', "core.js"), (r'"interpreter": "\.\./([^"]+)"', "shim-")):
        (address,) = re.findall(pattern, guide)
        assert name in address
        assert is_immutable(address)
        assert (site / address).is_file()


def test_compressed_neighbours_say_the_same(site: Path) -> None:
    files = files_of(site)
    compressed = [address for address in files if address.endswith(".br")]
    assert {"index.html.br", "sizes.json.br"} - set(compressed) == {"sizes.json.br"}
    assert any(address.endswith(".wasm.br") for address in compressed)
    for address in compressed:
        plain = address.removesuffix(".br")
        if len(files[plain]) < 2_000_000:  # the largest come from .runtime as they are
            assert brotli.decompress(files[address]) == gzip.decompress(files[f"{plain}.gz"]) == files[plain]


def test_what_could_be_compressed_is(site: Path) -> None:
    for address, size in read_sizes(site).items():
        if size["bytes"] > 4096 and not address.endswith((".whl", ".png", ".webp")):
            assert size["br"] <= size["gz"] < size["bytes"], address


def test_the_sizes_are_those_of_the_files(site: Path) -> None:
    sizes, files = read_sizes(site), files_of(site)
    assert set(sizes) == served(site) - {"sizes.json"}
    for address, size in sizes.items():
        assert size["bytes"] == len(files[address])
        assert size.get("br") == (len(files[f"{address}.br"]) if f"{address}.br" in files else None)
        assert size["immutable"] == is_immutable(address)


def test_the_api_stands_in_the_page_and_in_its_policy(site: Path) -> None:
    page, headers = ((site / name).read_text(encoding="utf-8") for name in ("index.html", "_headers"))
    assert '<meta name="reissue-api" content="https://api.example:8443/v1/">' in page
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert "connect-src 'self' https://api.example:8443;" in policy
    assert f"{policy.removesuffix(' ')}; frame-ancestors 'none'" in headers
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


def test_the_headers_file_lets_be_cached_for_ever_what_never_changes_and_nothing_else(site: Path) -> None:
    rules = {
        path: dict(line.strip().split(": ", 1) for line in lines.splitlines())
        for path, lines in re.findall(r"^(/\S*)\n((?:  .*\n)+)", (site / "_headers").read_text(), re.MULTILINE)
    }
    assert all(path.startswith("/my-app/") for path in rules)
    for address in served(site) - {"_headers"}:
        hits = [
            rule
            for path, rule in rules.items()
            if re.fullmatch(re.escape(path).replace(r"\*", ".*"), f"/my-app/{address}")
        ]
        names = [name for rule in hits for name in rule]
        assert len(names) == len(set(names)), f"hosts send both values of a header that two rules set: {address}"
        cached = [rule["Cache-Control"] for rule in hits if "Cache-Control" in rule]
        assert ("immutable" in "".join(cached)) == is_immutable(address), address
    assert all(path.count("*") <= 1 for path in rules), "Cloudflare Pages takes one"


def test_a_place_is_a_folder_where_one_can_stand_for_its_files() -> None:
    digest = "0123456789ab"
    addresses = ["index.html", f"a/b-{digest}/c/d.js", f"a/b-{digest}/e.js", f"f-{digest}.mjs", "core-C9KDLldu.js"]
    assert immutable_places(addresses) == [f"a/b-{digest}/*", f"f-{digest}.mjs"]
    assert "/f-0123456789ab.mjs\n  Cache-Control: public" in headers_file("/", {}, addresses)


def test_the_same_sources_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    publish(tmp_path / "again", api="https://api.example:8443/v1/", base="/my-app/")
    assert files_of(tmp_path / "again") == files_of(site)


def test_a_new_build_takes_the_old_ones_place_and_leaves_other_files_alone(tmp_path: Path) -> None:
    site = tmp_path / "dist"
    (site / "mine").mkdir(parents=True)
    (site / "mine" / "CNAME").write_text("my.example")
    publish(site)
    old = site / "app-000000000000"
    old.mkdir()
    (old / "boot.js").write_text("old")
    (old / "boot.js.br").write_text("old")
    sizes = json.loads((site / "sizes.json").read_text())
    sizes["files"]["app-000000000000/boot.js"] = {"bytes": 3, "immutable": True}
    (site / "sizes.json").write_text(json.dumps(sizes))
    publish(site, api="http://127.0.0.1:9/")
    assert not old.exists()
    assert (site / "mine" / "CNAME").read_text() == "my.example"
    assert "http://127.0.0.1:9/" in (site / "index.html").read_text()
    assert served(site) == {*read_sizes(site), "sizes.json", "mine/CNAME"}


def test_a_site_may_be_built_with_the_whole_standard_library_and_with_further_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the build alone, since compressing takes half a minute."""
    asked: list[dict[str, Any]] = []

    def unchanged(runtime: Path, **options: Any) -> Parts:
        asked.append(options)
        return build(runtime)

    monkeypatch.setattr("runtime.publish.__main__.build", unchanged)
    options = ["--whole", "--packages", "numpy pandas", "--pyodide", "/pyodide"]
    done = CliRunner().invoke(main, [*options, "--to", str(tmp_path / "dist")])
    assert done.exit_code == 0, done.output
    assert asked == [{"whole": True, "packages": ["numpy", "pandas"], "distribution": "/pyodide"}]


def test_what_is_removed_lies_in_the_site(tmp_path: Path) -> None:
    site, precious = tmp_path / "dist", tmp_path / "precious"
    site.mkdir()
    precious.write_text("kept")
    (site / "sizes.json").write_text(json.dumps({"files": {"../precious": {}}}))
    with pytest.raises(ValueError, match="isn't in"):
        publish(site)
    assert precious.exists()


def test_a_reference_that_moved_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "boot.js").write_text("import x")
    with pytest.raises(StepFailed, match=r"boot\.js doesn't say y any more"):
        rewrite(tmp_path / "boot.js", {"x": "z", "y": "z"})


@pytest.mark.parametrize(
    "url", ["api.example", "//api.example", "/api", "https://a b/", "https://a;b/", "javascript:1"]
)
def test_an_api_that_is_no_url_is_refused(url: str) -> None:
    """It goes into the policy, where a semicolon would begin another directive."""
    with pytest.raises(click.BadParameter, match="is no URL"):
        origin(url)


def test_an_edit_of_the_page_leaves_the_runtimes_addresses_alone(site: Path, tmp_path: Path) -> None:
    """A visitor who has Python already doesn't load it again."""
    copy = tmp_path / "checkout"
    folders = ("app", "devserver", "docs", "runtime")
    for name in (*folders, "index.html", "pyscript.toml", "pyproject.toml", "README.md", "LICENSE", "serve.py"):
        source = ROOT / name
        shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / name, copy)
    (copy / ".runtime").symlink_to(ROOT / ".runtime")
    (copy / "app" / "page.css").write_text("p { color: red }")
    command = [sys.executable, "-m", "runtime.publish", "--api", "https://api.example:8443/v1/", "--base", "my-app"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert f"python3 -m http.server --directory {copy / 'dist'}" in done.stdout
    assert "asks for its API at https://api.example:8443/v1/." in done.stdout
    before, after = files_of(site), files_of(copy / "dist")
    changed = {address.split("/")[0] for address, content in after.items() if before.get(address) != content}
    assert {re.sub("-[0-9a-f]{12}$", "", name) for name in changed} <= {
        *("app", "index.html", "index.html.br", "index.html.gz", "_headers", "_headers.br", "_headers.gz"),
        *("docs", "sizes.json"),  # the documents look like the page
    }
