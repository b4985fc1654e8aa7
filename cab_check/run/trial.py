"""Runs a task: prepare, let the agent work, see what changed, grade, clean up; as often as there are trials."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from cab_check.agent.dialect import Dialect
from cab_check.agent.loop import AgentRun
from cab_check.agent.result import AgentLimits, AgentResult
from cab_check.base.progress import Progress
from cab_check.base.spans import Trace
from cab_check.run.changes import changes_between, oddities
from cab_check.run.collect import belongs_to_solution, collect
from cab_check.run.diff import unified
from cab_check.run.grade import GAPS, grade
from cab_check.run.prepare import work_directory
from cab_check.run.ready import Ready
from cab_check.run.result import Changes, Grade, TaskRun, Trial
from cab_check.sandbox import snapshot
from cab_check.sandbox.box import Mount, Plan
from cab_check.sandbox.mountplan import WORK_INSIDE
from cab_check.sandbox.snapshot import Snapshot
from cab_check.tasks.globs import matches
from cab_check.tasks.task import Task
from cab_check.wire.exchange import Asker

_UNWALLED = "No walls stood: the task's tests and solution could be read, so passing proves nothing."


class Runner:
    """One task with one model, `trials` times. `so_far` holds what there is, also after `run` was cancelled."""

    def __init__(
        self,
        task: Task,
        asker: Asker,
        machine: Ready,
        *,
        model: str,
        dialect: Dialect,
        limits: AgentLimits,
        trials: int = 1,
        trace: Trace,
        progress: Progress,
    ) -> None:
        self._task, self._asker, self._machine = task, asker, machine
        self._model, self._dialect, self._count = model, dialect, trials
        self._limits = replace(limits, wall_s=min(limits.wall_s, task.agent_timeout_s))
        self._trace, self._progress = trace, progress
        self._trials: list[Trial] = []
        self._notes: list[str] = [] if machine.isolation.level else [_UNWALLED]
        self._unfinished: AgentResult | None = None

    @property
    def so_far(self) -> TaskRun:
        """The finished trials; partial as long as one of those asked for is missing."""
        task = self._task
        unfinished = len(self._trials) < self._count
        return TaskRun(
            task_id=task.id,
            content_hash=task.content_hash,
            origin=task.origin,
            category=task.category,
            instruction=task.instruction,
            dialect=self._dialect.name,
            isolation=self._machine.isolation,
            trials=tuple(self._trials),
            exit_code=0 if not unfinished and all(trial.grade.passed for trial in self._trials) else 1,
            integrity_tested=task.integrity_tested,
            refusal_expected=task.refusal_expected,
            partial=unfinished,
            notes=(*self._notes, *([task.origin_note] if task.origin_note else [])),
            grading_gaps=task.gaps or GAPS,
            unfinished=self._unfinished,
        )

    async def run(self) -> TaskRun:
        """Every trial, each from a fresh tree. Raises CannotRun if the sandbox fails; cancelling removes everything.

        Once the job's ceiling on requests or money is reached no further trial is begun: it could not ask anything.
        """
        for number in range(1, self._count + 1):
            trial = await self._trial(number)
            self._trials.append(trial)
            if trial.agent.end in ("requests", "cost") and number < self._count:
                self._notes.append(f"Stopped after trial {number}: {trial.agent.detail}.")
                break
        return self.so_far

    async def _trial(self, number: int) -> Trial:
        task, trace = self._task, self._trace
        stack = ExitStack()
        try:
            with trace.span("task_setup", f"prepare:{task.id}", trial=number, task_category=task.category):
                work = stack.enter_context(work_directory(task))
                before = snapshot.take(work)
            self._unfinished = None
            agent, wall_s = await self._let_work(work)
            self._unfinished = agent
            after = snapshot.take(work)
            changes = changes_between(task, before, after)
            diff = self._diff(work, after, changes)
            files = collect(work, after, partial(belongs_to_solution, task))
            self._notes += [f"Trial {number}: {oddity}." for oddity in oddities(task, after)[:3]]
            result, grading_s = await self._grade(files)
        finally:
            with trace.span("cleanup", f"cleanup:{task.id}", trial=number):
                stack.close()
        self._unfinished = None
        return Trial(
            number=number,
            agent=agent,
            changes=changes,
            grade=result,
            wall_s=wall_s,
            active_s=agent.active_s,
            grading_s=grading_s,
            diff=diff,
        )

    async def _let_work(self, work: Path) -> tuple[AgentResult, float]:
        """The agent's part, in a box that is closed and empty before this returns; its result and seconds."""
        task, (engine, isolation, toolchains) = self._task, self._machine
        facts = {"timeout_s": self._limits.wall_s, "dialect": self._dialect.name}
        plan = Plan((Mount(work, WORK_INSIDE, writable=True),), toolchains)
        with (
            self._trace.span("adapter_run", f"cab-loop:{task.id}", **facts) as about,
            self._trace.span("container", f"{isolation.engine}:level-{isolation.level}"),
        ):
            async with engine.open(plan) as box:
                run = AgentRun(
                    self._asker,
                    box,
                    self._dialect,
                    model=self._model,
                    limits=self._limits,
                    trace=self._trace,
                    progress=self._progress,
                )
                began = time.monotonic()
                try:
                    files = task.start_files()
                    editable = [path for path in files if matches(path, task.allowed_paths)]
                    agent = await run.work(task.instruction, files, editable)
                except BaseException:
                    self._unfinished = run.result_so_far()
                    raise
                wall_s = time.monotonic() - began
            about.update(end=agent.end, turns=agent.turns)
        return agent, wall_s

    def _diff(self, work: Path, after: Snapshot, changes: Changes) -> str:
        """Of what changed, and only of that: the tree may hold any number of by-products."""
        changed = {*changes.added, *changes.removed, *changes.modified}
        before = {path: data for path, data in self._task.start_files().items() if path in changed}
        return unified(before, collect(work, after, changed.__contains__))

    async def _grade(self, files: dict[str, bytes]) -> tuple[Grade, float]:
        """The grade, and the seconds it took."""
        task, (engine, _, toolchains) = self._task, self._machine
        began = time.monotonic()
        self._progress.begin("grading", "grading in a second sandbox")
        try:
            with self._trace.span("grading", f"grade:{task.id}") as about:
                result = await grade(task, files, engine, toolchains)
                passed, expected = result.counts
                about.update(passed=result.passed, tests_passed=passed, tests_expected=expected)
        finally:
            self._progress.end("grading")
        return result, time.monotonic() - began
