"""The directories that a box shows: made fresh, from contents that we hold, owned by nobody's leftovers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cab_check.sandbox import scratch
from cab_check.tasks.task import Task


@contextmanager
def work_directory(task: Task) -> Iterator[Path]:
    """A new work directory that holds the starting files, and nothing else: no tests, no solution, no repository."""
    with scratch.directory("task") as folder:
        yield lay_out(folder / "app", task.start_files())


def lay_out(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Make `folder` and write `files` into it, by relative path, readable for all whatever the umask; the folder."""
    folder.mkdir()
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder
