"""What an agent changed in its work directory, against what the task asked for: the basis of the blast radius."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from cab_check.run.result import Changes
from cab_check.sandbox.snapshot import Snapshot, compare
from cab_check.tasks.globs import matches
from cab_check.tasks.task import Task


def changes_between(task: Task, before: Snapshot, after: Snapshot) -> Changes:
    """The changes, by-products counted apart. A folder counts only where nothing in it does."""
    added, removed, modified = compare(before, after)
    made = Counter(pattern for path in (*_leaves(added), *modified) if (pattern := _byproduct(task, path, after)))
    added, modified = (
        tuple(path for path in paths if _byproduct(task, path, after) is None) for paths in (_leaves(added), modified)
    )
    changed = (*added, *_leaves(removed), *modified)
    return Changes(
        added=added,
        removed=_leaves(removed),
        modified=modified,
        unexpected=tuple(path for path in changed if not matches(path, task.allowed_paths)),
        byproducts=dict(made),
    )


def oddities(task: Task, after: Snapshot) -> tuple[str, ...]:
    """What the snapshot could not look at, as sentences, without what concerns by-products."""
    return tuple(
        problem for problem in after.problems if not matches(problem.partition(":")[0], task.expected_byproducts)
    )


def _leaves(paths: Iterable[str]) -> tuple[str, ...]:
    """`paths` without the folders of other paths among them."""
    known = tuple(paths)
    folders = {str(folder) for path in known for folder in PurePosixPath(path).parents}
    return tuple(path for path in known if path not in folders)


def _byproduct(task: Task, path: str, after: Snapshot) -> str | None:
    """The pattern of the task's by-products that `path` fits; an empty folder fits if what it could hold does."""
    if matches(path, task.allowed_paths):
        return None
    shown = f"{path}/_" if after.entries[path].kind == "folder" else path
    return next((pattern for pattern in task.expected_byproducts if matches(shown, (pattern,))), None)
