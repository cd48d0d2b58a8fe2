"""Sealed folders: whole or absent, and named by what they were made from."""

import os
from pathlib import Path

import pytest

from runtime.sealed import DAY, digest_of, forget, sealed, write


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").touch()

    first = sealed(tmp_path, "thing", ["input"], make)
    assert sealed(tmp_path, "thing", ["input"], make) == first
    assert len(made) == 1
    assert [file.name for file in first.iterdir()] == ["file"]


def test_other_input_gives_another_folder_and_keeps_the_first(tmp_path: Path) -> None:
    first = sealed(tmp_path, "thing", ["input"], lambda folder: None)
    second = sealed(tmp_path, "thing", ["other"], lambda folder: None)
    assert first != second
    assert first.is_dir()


def test_a_build_that_is_interrupted_leaves_nothing_to_believe_in(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sealed(tmp_path, "thing", ["input"], make)
    assert list(tmp_path.iterdir()) == []


def test_two_builds_at_once_agree(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "file").touch()
        sealed(tmp_path, "thing", ["input"], lambda other: (other / "file").touch())

    folder = sealed(tmp_path, "thing", ["input"], make)
    assert list(tmp_path.iterdir()) == [folder]


def test_the_digest_sees_names_contents_and_borders_but_no_caches(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = digest_of([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    assert digest_of([tmp_path]) == before
    (tmp_path / "a.py").write_text("2")
    edited = digest_of([tmp_path])
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, edited, digest_of([tmp_path])}) == 3
    assert digest_of(["ab", "c"]) != digest_of(["a", "bc"])


def test_what_is_written_already_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "shim.mjs"
    write(file, "one")
    os.utime(file, (0, 0))
    write(file, "one")
    assert file.stat().st_mtime == 0
    write(file, "two")
    assert file.read_text() == "two"
    assert list(file.parent.iterdir()) == [file]


def test_folders_of_earlier_builds_go_after_a_day_but_never_the_current_one(tmp_path: Path) -> None:
    old, young, current = (tmp_path / name for name in ("old", "young", "current"))
    for folder in (old, young, current):
        folder.mkdir()
    long_ago = young.stat().st_mtime - DAY - 60
    os.utime(old, (long_ago, long_ago))
    os.utime(current, (long_ago, long_ago))
    forget(tmp_path, keep=[current])
    assert set(tmp_path.iterdir()) == {young, current}
