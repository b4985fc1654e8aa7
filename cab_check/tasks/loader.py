"""Finds tasks by id among the bundled ones, or by path anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

from cab_check.base.errors import UnknownName, UsageError
from cab_check.base.text import nearest
from cab_check.tasks.digest import content_hash
from cab_check.tasks.manifest import Table
from cab_check.tasks.task import Origin, Task

BUNDLED = Path(__file__).parent / "bundled"
DEFAULT = "polyglot/python-error-handling"

_FOREIGN_GAPS = (
    "the task does not name its tests: its own reward file decides, and what runs in that sandbox could write it",
    "the task does not say which files a solution may touch: every change is taken as part of the solution",
)


@cache
def bundled() -> tuple[Task, ...]:
    """The tasks that come with cab-check, by id, the default one first."""
    tasks = [_read(file.parent) for file in sorted(BUNDLED.glob("*/*/task.toml"))]
    return tuple(sorted(tasks, key=lambda task: (task.id != DEFAULT, task.id)))


def load(id_or_path: str) -> Task:
    """The bundled task of that id, or the task in that folder.

    Raises UnknownName for an id that is not bundled and not a folder, UsageError for a folder that is not a task.
    """
    for task in bundled():
        if task.id == id_or_path:
            return task
    folder = Path(id_or_path).expanduser()
    if folder.is_dir():
        return _read(folder.resolve())
    known = [task.id for task in bundled()]
    if os.sep in id_or_path and (folder.is_absolute() or id_or_path.startswith((".", "~"))):
        raise UnknownName(f"There is no task folder {id_or_path}.", f"Bundled: {', '.join(known)}.")
    close = nearest(id_or_path, known)
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    raise UnknownName(f"There is no task {id_or_path}.{meant}", f"Bundled: {', '.join(known)}. Or give a folder.")


def _read(folder: Path) -> Task:
    for needed in ("task.toml", "instruction.md", "tests/test.sh", "environment"):
        if not (folder / needed).exists():
            raise UsageError(f"{folder} is not a task folder: it has no {needed}.", "A Harbor task folder is needed.")
    manifest = Table.read(folder / "task.toml")
    ours = manifest.table("metadata").table("cab")
    return _own(folder, manifest, ours) if ours.values else _foreign(folder, manifest)


def _own(folder: Path, manifest: Table, ours: Table) -> Task:
    ours.one_of("refusal", ("none",), "none")  # a task that wants a refusal has to be graded in another way
    return Task(
        id=ours.text("id"),
        folder=folder,
        name=manifest.table("task").text("name"),
        instruction=_instruction(folder),
        category=manifest.table("metadata").text("category"),
        origin=cast("Origin", ours.one_of("origin", ("bundled", "reconstructed", "foreign"))),
        origin_note=ours.text("origin_note", ""),
        content_hash=content_hash(folder),
        toolchains=ours.texts("toolchains"),
        allowed_paths=ours.texts("allowed_paths"),
        expected_byproducts=ours.texts("expected_byproducts", ()),
        answers=_answers(folder / "tests" / "answers.tsv"),
        canary_test=ours.text("canary"),
        agent_timeout_s=manifest.table("agent").seconds("timeout_sec", 600),
        verifier_timeout_s=manifest.table("verifier").seconds("timeout_sec", 600),
        integrity_tested=ours.flag("tests_integrity", False),
    )


def _foreign(folder: Path, manifest: Table) -> Task:
    """A Harbor folder that was not written for us: as far as it goes."""
    if not (folder / "environment" / "app").is_dir():
        raise UsageError(
            f"{folder}: has no environment/app; its starting files cannot be had without building its image.",
            "Put them into environment/app and copy that folder in the Dockerfile, or run the task on Harbor.",
        )
    name = manifest.table("task").text("name", folder.name)
    return Task(
        id=name,
        folder=folder,
        name=name,
        instruction=_instruction(folder),
        category=manifest.table("metadata").text("category", "unknown"),
        origin="foreign",
        origin_note="A Harbor task folder from elsewhere.",
        content_hash=content_hash(folder),
        toolchains=("python",),
        allowed_paths=("**",),
        expected_byproducts=(),
        answers={},
        canary_test=None,
        agent_timeout_s=manifest.table("agent").seconds("timeout_sec", 600),
        verifier_timeout_s=manifest.table("verifier").seconds("timeout_sec", 600),
        gaps=_FOREIGN_GAPS,
    )


def _instruction(folder: Path) -> str:
    """The words of instruction.md without the canary comments that Harbor strips from its head too."""
    lines = _text(folder / "instruction.md").strip().splitlines()
    while lines and lines[0].lstrip().startswith(("<!--", "# canary")) and "canary" in lines[0].lower():
        lines.pop(0)
    text = "\n".join(lines).strip()
    if not text:
        raise UsageError(f"{folder / 'instruction.md'} says nothing.", "Write what the model is asked to do.")
    return text


def _answers(file: Path) -> Mapping[str, str]:
    """Test id -> what it must observe, from lines of both with a tab between them."""
    answers: dict[str, str] = {}
    for count, line in enumerate(_text(file).strip().split("\n"), start=1):
        test, tab, answer = line.partition("\t")
        if not (test and tab and answer) or test in answers:
            raise UsageError(f"{file}:{count}: must be a test's id, a tab and what it observes, each test once.")
        answers[test] = answer
    return answers


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read as UTF-8 text: {error}") from error
