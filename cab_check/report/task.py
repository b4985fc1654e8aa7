"""How the task went: the trials in one line, why one failed, who did it behind which walls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report.figures import many, seconds, tokens, total
from cab_check.report.lines import hanging, key, single

Row = Mapping[str, Any]


def summary(record: Row, width: int) -> list[Text]:
    """The task lines, or the one line that says why there was no task."""
    task = record["task"]
    if task is None:
        return hanging(key("Task"), f"not run: {record['reasons']['task']}", width)
    engine, level = task["isolation"]["engine"], task["isolation"]["level"]
    how = f"cab-check's own loop, dialect {task['dialect']}; walls: {engine}, level {level}"
    lines = hanging(key("Task"), f"{task['id']}: {outcome(task)}", width, label_style="bold")
    lines += _failure(task, width)
    lines.append(single(key(""), how, width, style="dim"))
    for note in task["notes"][: 2 if level == 0 else 1]:
        lines += hanging(key(""), note, width)
    return lines


def called(task: Row) -> bool:
    """Whether the model was called at all: if not, nothing here is about the model."""
    return any(agent["model_calls"] for agent in agents(task))


def agents(task: Row) -> list[Row]:
    """The agent of every trial, also of one that was interrupted."""
    unfinished = [task["unfinished"]] if task["unfinished"] else []
    return [*(trial["agent"] for trial in task["trials"]), *unfinished]


def outcome(task: Row) -> str:
    """`failed, 3 of 5 tests, 41 s, 18k tokens`; of several trials, how many passed and the mean of one."""
    trials = task["trials"]
    if not trials:
        cut_off = task["unfinished"]
        return f"interrupted after {many(cut_off['turns'], 'turn')}" if cut_off else "no trial was finished"
    spent = total(*(trial["agent"][part] for trial in trials for part in ("prompt_tokens", "completion_tokens")))
    used = tokens(None if spent is None else spent / len(trials)) if called(task) else "no model call"
    wall = seconds(sum(trial["wall_s"] for trial in trials) / len(trials))
    if len(trials) > 1:
        passed = sum(trial["passed"] for trial in trials)
        return f"{passed} of {len(trials)} trials passed; one took {wall}, {used} on average"
    (trial,) = trials
    return ", ".join(["passed" if trial["passed"] else "failed", *_tests(trial), wall, used])


def _tests(trial: Row) -> list[str]:
    passed = sum(test["state"] == "passed" for test in trial["tests"])
    return [f"{passed} of {many(len(trial['tests']), 'test')}"] if trial["tests"] else []


def _failure(task: Row, width: int) -> list[Text]:
    """Why the first failed trial failed, and how its agent ended."""
    failed = next((trial for trial in task["trials"] if not trial["passed"]), None)
    if failed is None:
        return []
    agent = failed["agent"]
    number = f"trial {failed['number']}: " if len(task["trials"]) > 1 else ""
    ended = f"agent: {agent['detail'] or agent['end']}, {many(agent['turns'], 'turn')}"
    if not called(task):
        nothing = "The model was never called: this says nothing about the model."
        return [*hanging(key(""), nothing, width), *hanging(key(""), ended, width, limit=3)]
    return [*hanging(key(""), f"{number}{failed['reason']}", width), single(key(""), ended, width)]
