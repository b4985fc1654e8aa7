"""The `axes` and `scorers` of a Record, from the trials of a task run."""

from __future__ import annotations

from typing import Any

from cab_check.base.plain import plain
from cab_check.run.result import TaskRun, Trial
from cab_check.scoring.axes import TrialNumbers, axes
from cab_check.scoring.scorers import scorers


def scores(run: TaskRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """Axes and scorers over all trials of `run`, which has at least one."""
    numbers = [_numbers(run, trial) for trial in run.trials]
    return plain(axes(numbers)), plain(scorers(numbers, run.task_id))


def _numbers(run: TaskRun, trial: Trial) -> TrialNumbers:
    agent, changes, grade = trial.agent, trial.changes, trial.grade
    return TrialNumbers(
        passed=grade.passed,
        model_calls=len(agent.calls),
        prompt_tokens=agent.prompt_tokens,
        completion_tokens=agent.completion_tokens,
        wall_s=trial.wall_s,
        active_s=trial.active_s,
        model_call_ms=sum(call.latency_ms for call in agent.calls),
        added=changes.added,
        removed=changes.removed,
        modified=changes.modified,
        unexpected=changes.unexpected,
        integrity_tested=run.integrity_tested,
        integrity_broken=grade.integrity_broken,
        refusal_expected=run.refusal_expected,
        refusal_produced=trial.refusal_produced,
        exit_code=grade.exit_code,
        timed_out=grade.timed_out,
        stdout_tail=grade.stdout_tail,
        stderr_tail=grade.stderr_tail,
    )
