"""The `task` part of a Record: what was to be done, behind which walls, and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cab_check.agent.result import AgentResult
from cab_check.base.plain import plain
from cab_check.record.known import known
from cab_check.record.parts import NO_COUNT
from cab_check.run.result import TaskRun, Trial
from cab_check.wire.again import asked_again, waited_ms
from cab_check.wire.exchange import Exchange

AGENT = "cab-loop"


def task_part(run: TaskRun, for_: Sequence[str], exchanges: Sequence[Exchange] = ()) -> dict[str, Any]:
    """The `task` part. `unfinished` is the agent of a trial that was interrupted, which is not graded; else null.

    `exchanges` are those of the task: a request that a rate limit refused is no model call, but it was made.
    """
    values = {
        "id": run.task_id,
        "content_hash": run.content_hash,
        "origin": run.origin,
        "category": run.category,
        "instruction": run.instruction,
        "for_tui": for_[0],
        "agent": AGENT,
        "dialect": run.dialect,
        "prompt_hash": _prompt_hash(run),
        "isolation": known(plain(run.isolation), {"engine_version": "the engine has no version of its own"}),
        "grading_gaps": list(run.grading_gaps),
        "exit_code": run.exit_code,
        "partial": run.partial,
        "notes": list(run.notes),
        "trials": [_trial(trial) for trial in run.trials],
        "unfinished": _agent(run.unfinished) if run.unfinished else None,
        "asked_again": len(asked_again(exchanges)),
        "waited_ms": round(waited_ms(exchanges), 3),
    }
    return known(values, {"prompt_hash": "no trial was begun"})


def _prompt_hash(run: TaskRun) -> str | None:
    agents = [*(trial.agent for trial in run.trials), *([run.unfinished] if run.unfinished else [])]
    return agents[0].prompt_hash if agents else None


def _trial(trial: Trial) -> dict[str, Any]:
    grade = trial.grade
    values = {
        "number": trial.number,
        "passed": grade.passed,
        "reason": grade.reason,
        "tests": [{"name": name, "state": state} for name, state in grade.tests],
        "exit_code": grade.exit_code,
        "timed_out": grade.timed_out,
        "stdout_tail": grade.stdout_tail,
        "stderr_tail": grade.stderr_tail,
        "integrity_broken": grade.integrity_broken,
        "changes": plain(trial.changes),
        "wall_s": trial.wall_s,
        "active_s": trial.active_s,
        "grading_s": trial.grading_s,
        "refusal_produced": trial.refusal_produced,
        "agent": _agent(trial.agent),
    }
    no_exit, no_refusal = "the tests did not end by themselves", "the task does not test refusal"
    return known(values, {"exit_code": no_exit, "refusal_produced": no_refusal})


def _agent(agent: AgentResult) -> dict[str, Any]:
    values = {
        "end": agent.end,
        "detail": agent.detail,
        "turns": agent.turns,
        "malformed": agent.malformed,
        "model_calls": len(agent.calls),
        "exchanges": [call.exchange for call in agent.calls],
        "prompt_tokens": agent.prompt_tokens,
        "completion_tokens": agent.completion_tokens,
        "final_text": agent.final_text,
        "findings_seen": list(agent.findings_seen),
    }
    return known(values, {"prompt_tokens": NO_COUNT, "completion_tokens": NO_COUNT})
