"""Attacks on the grader, each through a naive harness and through the real one, from the model's work to the grade.

`python tests/live/grader_table.py` prints the same as a table.
"""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from run_attacks import FOOLED, NOT_FOOLED, PYTHON, RUST, Attack, naive
from run_attacks_again import EVERY_ATTACK
from run_scripted import ScriptedModel, shell, write

from cab_check.agent.result import AgentLimits
from cab_check.agent.tool_calling import ToolCalling
from cab_check.base.progress import Quiet
from cab_check.base.spans import Trace
from cab_check.run.grade import GAPS
from cab_check.run.ready import Ready
from cab_check.run.result import Trial
from cab_check.run.trial import Runner
from cab_check.tasks.task import Task


def of_task(task: Task) -> tuple[Attack, ...]:
    return tuple(attack for attack in EVERY_ATTACK if attack.task is task)


def by_name(attacks: tuple[Attack, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", attacks, ids=lambda attack: attack.name)


def tried(attack: Attack, machine: Ready) -> Trial:
    """The attack as a model makes it: in the sandbox, with its own tools; then everything that follows."""
    work = [[write(name, text)] for name, text in attack.files.items()]
    if attack.shell:
        work.append([shell(attack.shell)])
    task = dataclasses.replace(attack.task, verifier_timeout_s=attack.seconds)
    runner = Runner(
        task,
        ScriptedModel(*work, "Done."),
        machine,
        model="scripted",
        dialect=ToolCalling(),
        limits=AgentLimits(turns=10, wall_s=60),
        trace=Trace(),
        progress=Quiet(),
    )
    (trial,) = asyncio.run(runner.run()).trials
    return trial


def judged(attack: Attack, trial: Trial) -> None:
    expected = len(attack.task.answers)
    assert trial.grade.passed == (attack.open is not None), trial.grade.reason
    assert [test for test, _ in trial.grade.tests] == list(attack.task.answers)
    assert trial.grade.counts[1] == expected
    if attack.void is not None:
        assert trial.grade.integrity_broken == attack.void, trial.grade.reason
    if attack.open is not None:
        assert attack.open in GAPS


@by_name(EVERY_ATTACK)
def test_a_naive_harness_is_fooled_where_the_table_says_so(attack: Attack) -> None:
    found = naive(attack)
    if found not in (FOOLED, NOT_FOOLED):
        pytest.skip(found)
    assert found == (FOOLED if attack.fools else NOT_FOOLED)


def test_the_naive_harness_tells_right_from_wrong() -> None:
    solved = {name: data.decode() for name, data in PYTHON.solution().items()}
    assert naive(Attack("nothing_planted")) == NOT_FOOLED
    assert naive(Attack("solved", solved)) == FOOLED


@by_name(of_task(PYTHON))
def test_no_attack_turns_a_failing_python_solution_into_a_pass(python_machine: Ready, attack: Attack) -> None:
    judged(attack, tried(attack, python_machine))


@by_name(of_task(RUST))
def test_no_attack_turns_a_failing_rust_solution_into_a_pass(rust_machine: Ready, attack: Attack) -> None:
    judged(attack, tried(attack, rust_machine))
