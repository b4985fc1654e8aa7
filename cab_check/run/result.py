"""What a run of a task ends in: one result per trial, plain numbers for scoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cab_check.agent.result import AgentResult
from cab_check.sandbox.box import Isolation

TestState = Literal["passed", "failed", "missing"]


@dataclass(frozen=True, slots=True)
class Grade:
    """The grader's answer. `passed` is true only if every expected test passed and the canary failed as it must.

    `reason` is one sentence for a person; `exit_code` and the output tails are those of the task's own tests.
    """

    passed: bool
    reason: str
    tests: tuple[tuple[str, TestState], ...] = ()
    exit_code: int | None = None
    timed_out: bool = False
    stdout_tail: str = ""
    stderr_tail: str = ""
    integrity_broken: bool = False

    @property
    def counts(self) -> tuple[int, int]:
        """Tests passed, of tests expected."""
        return sum(state == "passed" for _, state in self.tests), len(self.tests)


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths (relative, cleaned) that differ before and after; `unexpected` are outside the task's scope.

    What the task itself calls a by-product of honest work (caches, build output) is no change: it is counted apart,
    by the task's pattern that it fits.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    byproducts: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many paths changed at all."""
        return len(self.added) + len(self.removed) + len(self.modified)


@dataclass(frozen=True)
class Trial:
    """One attempt at the task. `wall_s` is the agent's time, from its first request to its end; grading is apart."""

    number: int
    agent: AgentResult
    changes: Changes
    grade: Grade
    wall_s: float
    active_s: float  # time that commands ran in the sandbox
    grading_s: float
    diff: str = ""  # unified diff of text files, cleaned
    refusal_produced: bool | None = None


@dataclass(frozen=True)
class TaskRun:
    """Everything about the task part of a job."""

    task_id: str
    content_hash: str
    origin: str
    category: str
    instruction: str
    dialect: str
    isolation: Isolation
    trials: tuple[Trial, ...] = ()
    exit_code: int = 1  # 0 if every trial passed
    integrity_tested: bool = False
    refusal_expected: bool | None = None  # None: the task does not test refusal
    partial: bool = False
    notes: tuple[str, ...] = field(default_factory=tuple)
    grading_gaps: tuple[str, ...] = ()  # what a solution could still forge
    unfinished: AgentResult | None = None  # of a trial that was interrupted; it is not graded and does not count
