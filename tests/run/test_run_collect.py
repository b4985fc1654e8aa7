"""Taking a solution out of a tree that a model has worked in, and saying what changed in it."""

from __future__ import annotations

import dataclasses
import os
from functools import partial
from pathlib import Path

import pytest

from cab_check.run.changes import changes_between, oddities
from cab_check.run.collect import belongs_to_solution, collect
from cab_check.sandbox.snapshot import take
from cab_check.tasks.loader import load

TASK = dataclasses.replace(
    load("polyglot/rust-error-handling"), allowed_paths=("src/**", "*.py"), expected_byproducts=("target/**",)
)


def solution(root: Path) -> dict[str, bytes]:
    return collect(root, take(root), partial(belongs_to_solution, TASK))


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def test_allowed_files_are_taken_by_content_and_others_are_not(tmp_path: Path) -> None:
    put(tmp_path, "src/a.rs", "src/deep/b.txt", "main.py", "deep/main.py", "target/x")
    assert solution(tmp_path) == {"src/a.rs": b"src/a.rs", "src/deep/b.txt": b"src/deep/b.txt", "main.py": b"main.py"}


@pytest.mark.parametrize(
    "name",
    [
        *("conftest.py", "sitecustomize.py", "usercustomize.py", "src/build.rs", "src/Cargo.toml", "src/Makefile"),
        *("src/.cargo/config.toml", "src/.git/hooks/x", "src/x.pth", "src/package.json", "src/__pycache__/a.pyc"),
    ],
)
def test_files_that_steer_tools_are_left_out_though_a_pattern_allows_them(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, "src/kept.rs")
    assert set(solution(tmp_path)) == {"src/kept.rs"}


def test_a_task_without_tests_of_ours_is_carried_over_whole(tmp_path: Path) -> None:
    foreign = dataclasses.replace(TASK, canary_test=None, allowed_paths=("**",))
    put(tmp_path, "Makefile", "tests/conftest.py")
    taken = collect(tmp_path, take(tmp_path), partial(belongs_to_solution, foreign))
    assert set(taken) == {"Makefile", "tests/conftest.py"}


def test_nothing_but_regular_files_of_ordinary_size_and_name_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "work"
    put(tmp_path, "secret.py")
    put(root, "src/kept.rs", "src/back\\slash.rs", "src/new\nline.rs")
    os.mkfifo(root / "src" / "pipe.rs")
    (root / "src" / "link.rs").symlink_to(tmp_path / "secret.py")
    (root / "src" / "folder").symlink_to(tmp_path)
    with (root / "src" / "huge.rs").open("wb") as file:
        file.truncate(1 << 34)
    assert set(solution(root)) == {"src/kept.rs"}


def test_a_folder_counts_only_where_nothing_in_it_does(tmp_path: Path) -> None:
    put(tmp_path, "src/lib.rs", "old/file")
    before = take(tmp_path)
    put(tmp_path, "src/a/b/new.rs", "target/debug/x", "target/debug/y", "stray/z")
    (tmp_path / "target" / "empty").mkdir()
    (tmp_path / "hollow").mkdir()
    (tmp_path / "old" / "file").unlink()
    (tmp_path / "old").rmdir()
    changes = changes_between(TASK, before, take(tmp_path))
    assert changes.added == ("hollow", "src/a/b/new.rs", "stray/z")
    assert (changes.removed, changes.modified) == (("old/file",), ())
    assert changes.unexpected == ("hollow", "stray/z", "old/file")
    assert changes.byproducts == {"target/**": 3}
    assert changes.total == 4


def test_a_changed_mode_and_a_file_turned_into_a_link_are_changes(tmp_path: Path) -> None:
    put(tmp_path, "src/lib.rs", "run.sh", "Cargo.toml")
    before = take(tmp_path)
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "Cargo.toml").unlink()
    (tmp_path / "Cargo.toml").symlink_to("/etc/passwd")
    changes = changes_between(TASK, before, take(tmp_path))
    assert changes.modified == changes.unexpected == ("Cargo.toml", "run.sh")


def test_what_could_not_be_looked_at_is_said_except_for_by_products(tmp_path: Path) -> None:
    for name in ("target/big", "src/big"):
        put(tmp_path, name)
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 30)
    (problem,) = oddities(TASK, take(tmp_path))
    assert problem.startswith("src/big")
