"""The parts of the browser runtime, without network, Node or browser."""

import asyncio
import gzip
import importlib.util
import marshal
import pkgutil
import runpy
import sys
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brotli
import pytest

from runtime.build import filled
from runtime.compile_archive import compile_archive
from runtime.compressed import compress_folder
from runtime.lock import lock_content, needed_in_browser, top_level
from runtime.nodejs import is_new_enough
from runtime.pyscript_core import moved
from runtime.steps import ROOT, StepFailed, run

INFO = {"python": "3.14.2", "arch": "wasm32"}


def a_wheel(folder: Path, name: str, *needs: str) -> Path:
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    metadata = "".join([f"Name: {name}\n", *(f"Requires-Dist: {need}\n" for need in needs)])
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
    return wheel


def test_the_lock_gives_each_wheel_by_its_address_below_the_site(tmp_path: Path) -> None:
    folder = tmp_path / "wheels-123"
    folder.mkdir()
    wheels = [a_wheel(folder, "my_page", "PyJWT"), a_wheel(folder, "pyjwt")]
    lock = lock_content(INFO, wheels, tmp_path)
    assert lock["info"] == INFO
    assert list(lock["packages"]) == ["my-page", "pyjwt"]
    assert lock["packages"]["my-page"]["file_name"] == "wheels-123/my_page-1.0-py3-none-any.whl"
    assert lock["packages"]["my-page"]["imports"] == ["my_page"]
    assert lock["packages"]["my-page"]["depends"] == ["pyjwt"]


def test_a_dependency_that_no_wheel_brings_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="page needs pyjwt: add it to the group `browser`"):
        lock_content(INFO, [a_wheel(tmp_path, "page", "pyjwt")], tmp_path)


def test_dependencies_are_those_of_pyodide_and_not_of_this_machine() -> None:
    requirements = [
        "always>=1",
        "Old_Python; python_version < '3.11'",
        "cryptography; extra == 'crypto'",
        "here; sys_platform == 'emscripten'",
        "there; sys_platform != 'emscripten'",
    ]
    assert needed_in_browser(requirements, "3.14.2") == ["always", "here"]


def test_modules_and_packages_are_importable_but_metadata_is_not() -> None:
    members = ["six.py", "package/__init__.py", "package/part.py", "six-1.0.dist-info/METADATA"]
    assert top_level(members) == ["package", "six"]


def test_the_entry_point_imports_from_the_folder_of_its_version() -> None:
    assert moved('export{a as b}from"./core-x.js";', "core-1-abc") == 'export{a as b}from"./core-1-abc/core-x.js";'
    assert moved("import './x.js'", "f") == "import './f/x.js'"
    assert moved("body { color: red }", "f") == "body { color: red }"


def test_the_shim_is_filled_with_folders(tmp_path: Path) -> None:
    template = tmp_path / "shim.mjs"
    template.write_text('from "./{interpreter}/x"; load({lock: "./{lock}/"})')
    text = filled(template, interpreter=tmp_path / "i-1", lock=tmp_path / "l-2")
    assert text == 'from "./i-1/x"; load({lock: "./l-2/"})'


@pytest.mark.parametrize(
    ("version", "enough"), [("v22.1.0\n", True), ("v24.0.0", True), ("v20.9.9", False), ("", False)]
)
def test_an_old_node_is_not_used(version: str, enough: bool) -> None:
    assert is_new_enough(version) is enough


def test_text_is_compressed_and_what_is_small_or_packed_is_not(tmp_path: Path) -> None:
    text = b"import reissue\n" * 1000
    (tmp_path / "text.js").write_bytes(text)
    (tmp_path / "small.js").write_bytes(text[:100])
    (tmp_path / "packed.zip").write_bytes(
        brotli.compress(bytes(range(256)) * 4) + gzip.compress(Path(sys.executable).read_bytes()[:9999])
    )
    compress_folder(tmp_path)
    assert brotli.decompress((tmp_path / "text.js.br").read_bytes()) == text
    assert gzip.decompress((tmp_path / "text.js.gz").read_bytes()) == text
    assert len(list(tmp_path.iterdir())) == 5


def test_the_compiled_library_is_imported_without_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "sources.zip", tmp_path / "compiled.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("reissue_probe/", "")
        archive.writestr("reissue_probe/__init__.py", "answer = 42")
        archive.writestr("reissue_probe/data.txt", "kept")
    compile_archive(str(source), str(target), root="/lib/python314.zip", optimize=0)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["reissue_probe/__init__.pyc", "reissue_probe/data.txt"]
        pyc = archive.read("reissue_probe/__init__.pyc")
    assert pyc[:8] == importlib.util.MAGIC_NUMBER + b"\1\0\0\0"  # PEP 552: by hash, never checked
    assert marshal.loads(pyc[16:]).co_filename == "/lib/python314.zip/reissue_probe/__init__.py"
    monkeypatch.syspath_prepend(str(target))
    assert importlib.import_module("reissue_probe").answer == 42


def test_a_compiled_wheel_lists_the_files_that_it_has(tmp_path: Path) -> None:
    source, target, record = tmp_path / "sources.whl", tmp_path / "compiled.whl", "probe-1.dist-info/RECORD"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("probe.py", '"""Told."""\nassert False\n')
        archive.writestr(record, "probe.py,sha256=x,1\n")
    compile_archive(str(source), str(target), root="/site", optimize=2)
    with zipfile.ZipFile(target) as archive:
        lines = [line.split(",") for line in archive.read(record).decode().splitlines()]
        pyc = archive.read("probe.pyc")
    assert lines == [["probe.pyc", "", ""], [record, "", ""]]
    names: dict[str, object] = {}
    exec(marshal.loads(pyc[16:]), names)  # without asserts
    assert names.get("__doc__") is None


def test_compiled_functions_have_no_docstrings_and_classes_keep_theirs(tmp_path: Path) -> None:
    """Python would make up a text for a dataclass without one."""
    source, target = tmp_path / "sources.zip", tmp_path / "compiled.zip"
    text = """'''Told.'''
from __future__ import annotations
class Told:
    '''Kept.'''
    def only_told(self):
        '''Told.'''
    async def answer(self):
        '''Told.'''
        return 42
"""
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("probe.py", text)
    compile_archive(str(source), str(target), root="/site", optimize=0)
    names: dict[str, Any] = {}
    with zipfile.ZipFile(target) as archive:
        exec(marshal.loads(archive.read("probe.pyc")[16:]), names)
    told = names["Told"]
    assert [each.__doc__ for each in (told, told.only_told, told.answer)] == ["Kept.", None, None]
    assert names.get("__doc__") is None
    assert told().only_told() is None
    assert asyncio.run(told().answer()) == 42


BRINGER = (ROOT / "runtime" / "first_modules.py").read_text(encoding="utf-8")
PACKAGE = {
    "__init__.py": "from . import base\nfrom .upper.top import answer\n",
    "base.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .rare import never\nbase = 40\n",
    "upper/__init__.py": "",
    "upper/top.py": "from ..base import base\ndef answer():\n    from ..rare import two\n    return base + two\n",
    "page.py": "try:\n    from .tried import tried\nexcept ImportError:\n    tried = None\n",
    "fails.py": "1 / 0\n",
    "tried.py": "tried = 1 / 1\n",
    "rare.py": "from pkgutil import get_data\ntwo = len(get_data(__package__, 'upper/data.txt'))\n",
    "upper/data.txt": "ab",
}


@pytest.fixture
def in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A wheel whose first modules come in one file; what is imported of it is forgotten."""
    source, target = tmp_path / "sources.whl", tmp_path / "compiled.whl"
    with zipfile.ZipFile(source, "w") as archive:
        for name, text in PACKAGE.items():
            archive.writestr(f"reissue_first/{name}", text)
        archive.writestr("reissue_first-1.dist-info/RECORD", "")
    first = "reissue_first,reissue_first.page,reissue_first.fails"
    compile_archive(str(source), str(target), root="/site", optimize=0, first=first, first_modules=BRINGER)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.syspath_prepend(str(target))
    yield target
    for name in [name for name in sys.modules if name.startswith("reissue_first")]:
        del sys.modules[name]


def test_what_every_page_imports_comes_in_one_file(in_one_file: Path) -> None:
    """The modules that the first ones import, but for those that a function imports when it is called."""
    with zipfile.ZipFile(in_one_file) as archive:
        names = [name.partition("/")[2] for name in archive.namelist() if name.startswith("reissue_first/")]
        assert set(names) == {"__init__.pyc", "first.marshal", "rare.pyc", "upper/data.txt"}
        listed = archive.read("reissue_first-1.dist-info/RECORD").decode().splitlines()
    assert "reissue_first/first.marshal,," in listed
    package = importlib.import_module("reissue_first")
    assert package.answer() == 42
    top = sys.modules["reissue_first.upper.top"]
    assert top.__file__ == str(in_one_file / "reissue_first" / "upper" / "top.pyc")
    assert top.answer.__code__.co_filename == "/site/reissue_first/upper/top.py"
    assert pkgutil.get_data("reissue_first.upper", "data.txt") == b"ab"
    assert importlib.import_module("reissue_first.page").tried == 1
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("reissue_first.absent")


def test_what_comes_in_one_file_is_like_any_other_module(in_one_file: Path) -> None:
    package = importlib.import_module("reissue_first")
    assert package.__doc__ is None, "it has none, and the file that brings the modules is not the package"
    with pytest.raises(ZeroDivisionError) as raised:
        exec("import reissue_first.fails", {})
    files = [frame.filename for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert files[1:] == ["<string>", "/site/reissue_first/fails.py"], "nothing of how it is imported"
    assert runpy.run_module("reissue_first.page")["tried"] == 1
    assert importlib.reload(package) is package
    assert len([finder for finder in sys.meta_path if type(finder).__module__ == "reissue_first"]) == 1


@pytest.fixture
def in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A library of which `reissue_rare`, `reissue_single`, and a module of `reissue_often`, come later."""
    source, target, later = (tmp_path / name for name in ("sources.zip", "compiled.zip", "later.zip"))
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("reissue_rare/__init__.py", "answer = 42")
        archive.writestr("reissue_rare/part.py", "from . import answer")
        archive.writestr("reissue_rare/data.txt", "ab")
        archive.writestr("reissue_rare/__main__.py", "from . import answer\nran = __name__")
        archive.writestr("reissue_rarely.py", "answer = 43")
        archive.writestr("reissue_single.py", "answer = 43\nran = __name__")
        archive.writestr("reissue_often/__init__.py", "")
        archive.writestr("reissue_often/now.py", "answer = 44")
        archive.writestr("reissue_often/later.py", "from .now import answer")
    bringer = (ROOT / "runtime" / "later_modules.py").read_text(encoding="utf-8")
    compile_archive(
        str(source),
        str(target),
        root="/x",
        optimize=2,
        later="reissue_rare,reissue_s*,reissue_often.l*",
        later_modules=bringer.replace("/lib/later_modules.zip", str(tmp_path / "brought.zip")),
        later_target=str(later),
    )
    monkeypatch.syspath_prepend(str(target))
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield later
    for name in [name for name in sys.modules if name.startswith("reissue_") or name == "_later_modules"]:
        del sys.modules[name]


def arriving(monkeypatch: pytest.MonkeyPatch, *answers: str | bytes) -> list[str | bytes]:
    """Let the page be given these answers; what is left of them."""
    left = list(answers)
    again = False  # was the answer no archive?

    def fetched(past_caches: bool) -> object:
        nonlocal again
        assert past_caches is again
        answer = left.pop(0)
        again = not again and isinstance(answer, bytes)
        return answer if isinstance(answer, str) else SimpleNamespace(to_bytes=lambda: answer)

    monkeypatch.setitem(sys.modules, "later_modules", SimpleNamespace(fetched=fetched, url="/later.zip"))
    return left


def test_what_comes_later_is_brought_once_and_is_like_any_other_module(
    in_two_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = arriving(monkeypatch, in_two_parts.read_bytes())
    assert importlib.import_module("reissue_rarely").answer == 43
    assert importlib.import_module("reissue_often.now").answer == 44
    assert left, "nothing was asked for yet"
    assert importlib.import_module("reissue_rare.part").answer == 42
    assert importlib.import_module("reissue_often.later").answer == 44
    assert pkgutil.get_data("reissue_rare", "data.txt") == b"ab"
    often = importlib.import_module("reissue_often")
    assert often.later is sys.modules["reissue_often.later"]
    assert often.later.__name__ == "reissue_often.later"


def test_to_look_for_what_comes_later_brings_nothing(in_two_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = arriving(monkeypatch, in_two_parts.read_bytes())
    found = importlib.util.find_spec("reissue_rare"), importlib.util.find_spec("reissue_single")
    assert [spec and spec.submodule_search_locations is not None for spec in found] == [True, False]
    assert left


def test_what_comes_later_is_run_and_loaded_and_reloaded_like_any_other_module(
    in_two_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `python -m` does it, and as a loader of plugins does. What runs as `__main__` leaves the page's own alone."""
    arriving(monkeypatch, in_two_parts.read_bytes())
    main = sys.modules["__main__"]
    assert runpy.run_module("reissue_single", run_name="__main__")["ran"] == "__main__"
    assert runpy.run_module("reissue_rare", run_name="__main__")["ran"] == "__main__"
    assert sys.modules["__main__"] is main
    spec = importlib.util.find_spec("reissue_single")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert vars(module)["answer"] == 43
    assert "reissue_single" not in sys.modules
    single = importlib.import_module("reissue_single")
    vars(single)["answer"] = 0
    assert importlib.reload(single) is single
    assert vars(single)["answer"] == 43
    assert not [name for name in vars(single) if "later" in name]


def test_an_apps_own_module_comes_before_one_that_comes_later(
    in_two_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an app's own `profile.py` or `platform.py` does, whatever was imported before it."""
    arriving(monkeypatch, in_two_parts.read_bytes())
    own = tmp_path / "own"
    own.mkdir()
    (own / "reissue_single.py").write_text("answer = 'own'", encoding="utf-8")
    monkeypatch.syspath_prepend(str(own))
    places = sys.path.copy()
    assert importlib.import_module("reissue_rare").answer == 42
    assert importlib.import_module("reissue_single").answer == "own"
    assert sys.path == places


def test_what_came_instead_of_the_archive_is_asked_for_past_every_cache(
    in_two_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app's start page, which its server gives for any URL, or a part of the archive: with status 200."""
    archive = in_two_parts.read_bytes()
    left = arriving(monkeypatch, b"<!doctype html>", archive[:-30], b"", b"", b"", archive)
    for _ in range(2):
        with pytest.raises(
            ImportError, match=r"reissue_single .* did not arrive \(another file came from /later.zip\)"
        ):
            importlib.import_module("reissue_single")
    assert importlib.import_module("reissue_single").answer == 43
    assert not left


def test_what_does_not_arrive_says_so_and_is_tried_again(in_two_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arriving(monkeypatch, "status 404 from /later.zip", in_two_parts.read_bytes())
    with pytest.raises(ImportError, match=r"reissue_rare is in the second part.*\(status 404 from /later.zip\)") as no:
        importlib.import_module("reissue_rare.part")
    assert no.value.name == "reissue_rare"
    assert importlib.import_module("reissue_rare.part").answer == 42


def test_a_step_that_fails_says_what_to_do_and_what_the_command_said() -> None:
    with pytest.raises(StepFailed) as failure:
        run(sys.executable, "-c", "print('first'); raise SystemExit('no route to host')", failed="Check the network.")
    assert failure.value.message == "Check the network.\n  first\n  no route to host"


def test_a_command_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"^Install it\."):
        run(tmp_path / "absent", failed="Install it.")
