"""A task: what the model is asked, what it starts from, and how its work is graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cab_check.tasks.digest import contents

Origin = Literal["bundled", "reconstructed", "foreign"]


@dataclass(frozen=True)
class Task:
    """A Harbor task folder, read and checked. Paths in globs are relative to the work directory, with `/`.

    `answers` maps each expected test, in order, to what it must observe; it is empty for a foreign folder, whose own
    reward file decides. `gaps` are sentences about what such a folder leaves open.
    """

    id: str
    folder: Path
    name: str
    instruction: str
    category: str
    origin: Origin
    origin_note: str
    content_hash: str
    toolchains: tuple[str, ...]
    allowed_paths: tuple[str, ...]
    expected_byproducts: tuple[str, ...]
    answers: Mapping[str, str]
    canary_test: str | None
    agent_timeout_s: float
    verifier_timeout_s: float
    refusal_expected: bool | None = None  # None: the task does not test refusal
    integrity_tested: bool = False
    gaps: tuple[str, ...] = field(default=())

    @property
    def expected_tests(self) -> tuple[str, ...]:
        """The ids of the tests that decide, in the order in which they are run and shown."""
        return tuple(self.answers)

    @property
    def tests_folder(self) -> Path:
        """The pristine tests; `test.sh` in it is the way in. The model never sees this folder."""
        return self.folder / "tests"

    def start_files(self) -> dict[str, bytes]:
        """The files that the model starts from, by path relative to the work directory."""
        return contents(self.folder / "environment" / "app")

    def solution(self) -> dict[str, bytes]:
        """The files of the reference solution that differ from the starting ones; empty where the task has none."""
        return contents(self.folder / "solution" / "app")
