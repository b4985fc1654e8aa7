"""Scratch directories: private, removed whatever is in them, and cleaned after a dead owner."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch


def plant(folder: Path) -> None:
    """What a hostile model may leave: closed folders, a tree deeper than PATH_MAX, links, a FIFO, strange names."""
    for name, mode in (("closed", 0o000), ("no-x", 0o600)):
        (folder / name).mkdir()
        (folder / name / "inner").mkdir()
        (folder / name / "inner/file").write_text("x")
        (folder / name / "inner").chmod(mode)
        (folder / name).chmod(mode)
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to("/etc")
    (folder / "new\nline \x1b[31m").write_text("x")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def test_private_and_gone() -> None:
    with scratch.directory("test") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        lock = folder.with_suffix(".lock")
        assert lock.exists()
        plant(folder)
    assert not folder.exists() and not lock.exists()


def test_removal_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/link").symlink_to(tmp_path / "kept")
    scratch.remove(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
    assert (tmp_path / "kept/file").exists()


def test_stale_ones_go_and_live_ones_stay() -> None:
    root = scratch.base()
    with scratch.directory("live") as live:
        dead = root / "dead-0123456789ab"
        dead.mkdir()
        (dead / "file").write_text("x")
        assert scratch.clean_stale(root) >= 1
        assert live.exists() and not dead.exists()


def test_no_home_and_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert scratch.base().parent == tmp_path.resolve()


def test_nowhere_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    with pytest.raises(NoSandbox, match="no private directory"):
        scratch.base()


def test_a_folder_that_is_not_ours_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"cab-check-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NoSandbox, match="not ours"):
        scratch.base()
