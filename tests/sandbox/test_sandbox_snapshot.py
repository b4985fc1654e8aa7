"""Snapshots of hostile trees, and reading single files out of them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cab_check.sandbox.snapshot import Caps, compare, escape, read_file, take


def test_kinds_modes_and_hashes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inner").write_bytes(b"")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "into").symlink_to("folder")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        found = take(tmp_path)
    kinds = {path: entry.kind for path, entry in found.entries.items()}
    assert kinds == {
        "file": "file",
        "folder": "folder",
        "folder/inner": "file",
        "link": "symlink",
        "into": "symlink",
        "fifo": "fifo",
        "socket": "socket",
    }
    file = found.entries["file"]
    assert (file.mode, file.size) == (0o640, 3)
    assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found.problems == ()


def test_compare(tmp_path: Path) -> None:
    for name in ("same", "gone", "edited", "chmodded"):
        (tmp_path / name).write_text(name)
    (tmp_path / "turned").symlink_to("a")
    before = take(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "edited").write_text("EDITED")
    (tmp_path / "chmodded").chmod(0o700)
    (tmp_path / "turned").unlink()
    (tmp_path / "turned").symlink_to("b")
    (tmp_path / "new").mkdir()
    assert compare(before, take(tmp_path)) == (("new",), ("gone",), ("chmodded", "edited", "turned"))
    assert compare(before, before) == ((), (), ())


def test_a_large_file_is_known_by_its_size_and_time(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    sparse.touch()
    os.truncate(sparse, 200 << 30)
    before = take(tmp_path)
    assert before.entries["sparse"].sha256 is None
    assert "not read" in before.problems[0]
    os.utime(sparse, (1, 1))
    assert compare(before, take(tmp_path))[2] == ("sparse",)


@pytest.mark.parametrize(
    ("caps", "problem"),
    [
        (Caps(entries=3), "more than 3 entries"),
        (Caps(depth=2), "deeper than 2"),
        (Caps(total_bytes=5), "not read"),
        (Caps(file_bytes=2), "not read"),
    ],
)
def test_caps_are_kept_and_said(tmp_path: Path, caps: Caps, problem: str) -> None:
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    assert any(problem in said for said in take(tmp_path, caps).problems)


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100, 0o200])
def test_a_root_that_was_closed_is_opened_up_and_said(tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").write_text("x")
    tmp_path.chmod(mode)
    found = take(tmp_path)
    assert list(found.entries) == ["file"]
    assert found.problems == (f".: was closed to its owner (mode {mode:o})",)
    assert read_file(tmp_path, "file", 1) == b"x"


def test_second_names_are_noted(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert any("2 names" in said for said in take(tmp_path).problems)


def test_many_folders_side_by_side_do_not_use_up_descriptors(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / str(number)).mkdir()
    found = take(tmp_path)
    assert len(found.entries) == 3000 and not found.problems


def test_read_file(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/lib.rs").write_bytes(b"fn")
    assert read_file(tmp_path, "src/lib.rs", 2) == b"fn"
    with pytest.raises(ValueError, match="larger"):
        read_file(tmp_path, "src/lib.rs", 1)


@pytest.mark.parametrize("relative", ["../outside", "/etc/passwd", "a/../../outside", "", "."])
def test_read_file_keeps_inside(tmp_path: Path, relative: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").write_text("secret")
    with pytest.raises(ValueError, match="not a path inside"):
        read_file(tmp_path / "in", relative, 100)


def test_read_file_takes_regular_files_only(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "way").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    for name in ("link", "fifo", "folder"):
        with pytest.raises(ValueError, match="no regular file"):
            read_file(root, name, 100)
    with pytest.raises(OSError):
        read_file(root, "way/secret", 100)


def test_names_are_shown_escaped() -> None:
    assert escape(b"a\x1b[31m\xff\n\\") == "a\\u001b[31m\\xff\\u000a\\\\"
    assert escape("ä‮".encode()) == "ä\\u202e"


@settings(database=None)
@given(st.binary(max_size=20), st.binary(max_size=20))
def test_no_two_names_are_shown_alike(one: bytes, other: bytes) -> None:
    assert (escape(one) == escape(other)) == (one == other)
