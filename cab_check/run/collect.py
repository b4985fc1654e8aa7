"""Takes contents out of a tree that a model has worked in: regular files only, by what they hold, within the caps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from cab_check.sandbox.snapshot import Caps, Snapshot, read_file
from cab_check.tasks.globs import matches
from cab_check.tasks.task import Task

_PROTECTED_NAMES = frozenset(
    (
        *(
            "conftest.py",
            "sitecustomize.py",
            "usercustomize.py",
            "pytest.ini",
            "tox.ini",
            "setup.cfg",
            "pyproject.toml",
        ),
        *("Cargo.toml", "build.rs", "rust-toolchain", "rust-toolchain.toml", "Makefile", "GNUmakefile", "makefile"),
        *("package.json", ".npmrc", ".mocharc.json", "go.mod", "go.work"),
    )
)
_PROTECTED_FOLDERS = frozenset((".git", ".cargo", ".github", "__pycache__", "node_modules"))


def collect(root: Path, after: Snapshot, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Path -> contents of the regular files below `root` that are `wanted` and that the snapshot could read.

    A name that had to be escaped is left out: no task asks for such a file. Nothing may be running in the tree.
    """
    return {
        path: read_file(root, path, Caps().file_bytes)
        for path, entry in after.entries.items()
        if entry.kind == "file" and entry.sha256 is not None and "\\" not in path and wanted(path)
    }


def belongs_to_solution(task: Task, path: str) -> bool:
    """Whether `path` is carried into grading: allowed by the task, and no file that steers tools or tests.

    A task from elsewhere is not narrowed: its tests run on the whole tree on Harbor too.
    """
    if not matches(path, task.allowed_paths):
        return False
    return task.canary_test is None or not steers(path)


def steers(path: str) -> bool:
    """Whether a test runner, a build tool or Python itself takes orders from a file of that name."""
    name = PurePosixPath(path)
    return name.name in _PROTECTED_NAMES or name.suffix == ".pth" or not _PROTECTED_FOLDERS.isdisjoint(name.parts)
