"""Whole trials with a scripted model, behind real walls: what is kept, what is counted, and that nothing stays."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from run_scripted import ScriptedModel, Turn, shell, write

from cab_check.agent.result import AgentLimits
from cab_check.agent.tool_calling import ToolCalling
from cab_check.base.progress import Quiet
from cab_check.base.spans import Trace
from cab_check.run.ready import Ready
from cab_check.run.result import TaskRun
from cab_check.run.trial import Runner
from cab_check.sandbox import scratch
from cab_check.tasks.loader import load
from cab_check.tasks.task import Task
from cab_check.wire.exchange import Asker

TASK = load("polyglot/python-error-handling")
SOLVE = [write("settings.py", TASK.solution()["settings.py"].decode())]


@pytest.fixture(autouse=True)
def own_scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Scratch directories of these tests alone, so that what is left behind can be counted."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return scratch.base()


def runner(machine: Ready, asker: Asker, *, task: Task = TASK, trials: int = 1, trace: Trace | None = None) -> Runner:
    return Runner(
        task,
        asker,
        machine,
        model="scripted",
        dialect=ToolCalling(),
        limits=AgentLimits(turns=10, wall_s=60),
        trials=trials,
        trace=trace or Trace(),
        progress=Quiet(),
    )


def run(machine: Ready, *turns: Turn, task: Task = TASK, trials: int = 1) -> TaskRun:
    return asyncio.run(runner(machine, ScriptedModel(*turns), task=task, trials=trials).run())


def test_a_solved_task(python_machine: Ready, own_scratch: Path) -> None:
    trace, model = Trace(), ScriptedModel([shell("ls -a; cat settings.py")], SOLVE, "Done.")
    result = asyncio.run(runner(python_machine, model, trace=trace).run())
    (trial,) = result.trials
    assert (result.exit_code, result.partial, trial.grade.passed) == (0, False, True)
    assert (trial.agent.end, len(trial.agent.calls), trial.agent.prompt_tokens) == ("finished", 3, 300)
    assert trial.changes.modified == ("settings.py",)
    assert (trial.changes.total, trial.changes.unexpected) == (1, ())
    assert "-    except:" in trial.diff
    assert "+    except FileNotFoundError:" in trial.diff
    assert (result.content_hash, result.dialect) == (TASK.content_hash, ToolCalling().name)
    assert result.isolation == python_machine.isolation
    assert 0 < trial.wall_s < 60
    assert trial.grading_s > 0
    assert result.grading_gaps
    assert not list(own_scratch.iterdir())


def test_the_spans_are_those_of_the_cell_page_and_ours(python_machine: Ready) -> None:
    trace = Trace()
    asyncio.run(runner(python_machine, ScriptedModel(SOLVE, "Done."), trace=trace).run())
    kinds = [span.kind for span in trace.spans]
    assert [kind for kind in kinds if kind not in ("model_call", "tool_call")] == [
        *("task_setup", "adapter_run", "container", "grading", "cleanup")
    ]
    assert kinds.count("model_call") == 2
    by_id = {span.id: span for span in trace.spans}
    call = next(span for span in trace.spans if span.kind == "model_call")
    assert by_id[str(call.parent)].kind == "container"
    grading = next(span for span in trace.spans if span.kind == "grading")
    assert (grading.attributes["tests_passed"], grading.attributes["tests_expected"]) == (6, 6)


def test_doing_nothing_fails_and_changes_nothing(python_machine: Ready) -> None:
    result = run(python_machine, "I cannot do that.")
    (trial,) = result.trials
    assert (result.exit_code, trial.grade.passed, trial.changes.total, trial.diff) == (1, False, 0, "")
    assert trial.grade.counts == (2, 6)


def test_the_model_starts_from_the_starting_files_and_sees_nothing_else(python_machine: Ready) -> None:
    look = "find . | sort; find / -name answers.tsv -o -name solve.sh -o -name probe.py 2>/dev/null; echo end"
    result = run(python_machine, [shell(look)], "Seen.")
    seen = next(message["content"] for message in result.trials[0].agent.messages if message["role"] == "tool")
    listed = [line for line in seen.splitlines() if line.startswith((".", "/"))]
    assert listed == [".", "./service.conf", "./service.py", "./settings.py"]
    assert "end" in seen


def test_every_trial_starts_afresh(python_machine: Ready) -> None:
    look = [shell("ls; grep -c FileNotFoundError settings.py")]
    result = run(python_machine, SOLVE, "Done.", look, "Seen.", trials=2)
    first, second = result.trials
    assert (first.grade.passed, second.grade.passed, result.exit_code, result.partial) == (True, False, 1, False)
    assert (first.number, second.number) == (1, 2)
    told = next(message["content"] for message in second.agent.messages if message["role"] == "tool")
    assert told.splitlines()[-1] == "0"


def test_what_lies_outside_of_the_task_is_blast_and_by_products_are_counted_apart(python_machine: Ready) -> None:
    work = "echo x >> service.py; rm service.conf; mkdir notes && echo n > notes/a.txt; chmod 755 service.py; "
    work += "mkdir __pycache__ .pytest_cache && echo c > __pycache__/m.pyc && echo '' > test_mine.py"
    result = run(python_machine, [shell(work), *SOLVE], "Done.")
    (trial,) = result.trials
    changes = trial.changes
    assert changes.added == ("notes/a.txt",)
    assert changes.removed == ("service.conf",)
    assert changes.modified == ("service.py", "settings.py")
    assert set(changes.unexpected) == {"notes/a.txt", "service.conf", "service.py"}
    assert changes.byproducts == {"**/__pycache__/**": 1, ".pytest_cache/**": 1, "test_*.py": 1}
    assert changes.total == 4
    assert trial.grade.passed
    assert "--- a/service.conf\n+++ /dev/null" in trial.diff


@pytest.mark.parametrize(
    "planting",
    [
        "printf 'import os; os._exit(0)' | tee conftest.py sitecustomize.py unittest.py json.py > x.pth",
        "mkdir -p .git/hooks tests && printf 'exit 0' > .git/hooks/x && printf 'ok' > tests/answers.tsv",
        "mkfifo pipe; ln -s /etc/passwd link; mkdir locked && echo x > locked/f && chmod 0 locked",
        "d=; for i in $(seq 200); do d=$d/aaaaaaaaaa; done; mkdir -p .$d && echo x > .$d/f",
        "printf x > \"$(printf 'a\\033[2J\\nb')\"; printf x > \"$(printf 'bad\\377name')\"; truncate -s 100M big",
        "sleep 1000 & (setsid sh -c 'while true; do echo x >> settings.py; done' &) ",
    ],
    ids=["python", "git", "special", "deep", "names", "left-running"],
)
def test_planted_things_neither_pass_nor_break_anything(
    python_machine: Ready, own_scratch: Path, planting: str
) -> None:
    result = run(python_machine, [shell(planting)], "Done.", [shell(planting)], SOLVE, "Done.", trials=2)
    untouched, solved = result.trials
    assert untouched.grade.counts[0] <= 2
    assert not untouched.grade.passed
    assert solved.grade.passed
    assert "\x1b" not in result.trials[0].diff + "".join(result.trials[0].changes.added + result.notes)
    assert not list(own_scratch.iterdir())


def test_a_link_in_place_of_the_solution_is_not_followed(python_machine: Ready, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_bytes(TASK.solution()["settings.py"])
    result = run(python_machine, [shell(f"rm settings.py; ln -s {secret} settings.py")], "Done.")
    (trial,) = result.trials
    assert not trial.grade.passed
    assert "FileNotFoundError" not in trial.diff


def test_a_cancelled_run_keeps_what_it_had_and_leaves_nothing(python_machine: Ready, own_scratch: Path) -> None:
    async def interrupted() -> Runner:
        reached = asyncio.Event()
        model = ScriptedModel(SOLVE, "Done.", [shell("echo half")], at_end=reached.set)
        work = runner(python_machine, model, trials=3)
        task = asyncio.create_task(work.run())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2.0)
        return work

    kept = asyncio.run(interrupted()).so_far
    assert (len(kept.trials), kept.trials[0].grade.passed) == (1, True)
    assert (kept.partial, kept.exit_code) == (True, 1)
    assert kept.unfinished is not None
    assert (kept.unfinished.end, len(kept.unfinished.calls)) == ("interrupted", 1)
    assert not list(own_scratch.iterdir())


def test_a_run_cancelled_while_it_is_graded_is_not_counted(python_machine: Ready, own_scratch: Path) -> None:
    class Grading(Quiet):
        def __init__(self) -> None:
            self.reached = asyncio.Event()

        def begin(self, key: str, label: str) -> None:
            if key == "grading":
                self.reached.set()

    async def interrupted() -> TaskRun:
        progress = Grading()
        limits = AgentLimits()
        work = Runner(
            TASK, ScriptedModel("Done."), python_machine, model="m", dialect=ToolCalling(), limits=limits,
            trace=Trace(), progress=progress,
        )  # fmt: skip
        task = asyncio.create_task(work.run())
        await progress.reached.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=2.0)
        assert task.cancelled()
        return work.so_far

    kept = asyncio.run(interrupted())
    assert (kept.trials, kept.partial, kept.exit_code) == ((), True, 1)
    assert kept.unfinished is not None
    assert kept.unfinished.end == "finished"
    assert not list(own_scratch.iterdir())


def test_the_task_s_own_time_limit_is_kept(python_machine: Ready) -> None:
    task = dataclasses.replace(TASK, agent_timeout_s=1.0)
    result = run(python_machine, [shell("sleep 60")], "Done.", task=task)
    (trial,) = result.trials
    assert trial.agent.end == "time"
    assert trial.wall_s < 30
    assert not trial.grade.passed


def foreign(folder: Path, script: str) -> Task:
    """A Harbor task that was not written for cab-check."""
    for name, text in {
        "task.toml": "",
        "instruction.md": "Write 42 to answer.txt.\n",
        "environment/app/README": "start\n",
        "tests/test.sh": script,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load(str(folder))


HARBOR = (
    'test "$(cat "${CAB_APP:-/app}/answer.txt")" = 42 && r=1 || r=0; echo $r > "${CAB_LOGS:-/logs/verifier}/reward.txt"'
)


@pytest.mark.parametrize(
    ("script", "work", "passed", "reason"),
    [
        (HARBOR, "printf 42 > answer.txt", True, "gave a reward of 1"),
        (HARBOR, "true", False, "gave a reward of 0"),
        ("exit 0", "true", False, "wrote no reward file; they ended with exit code 0"),
        ("echo NaN > $CAB_LOGS/reward.txt", "true", False, "holds no reward"),
        (
            'echo \'{"reward": 0, "x": 1}\' > $CAB_LOGS/reward.json; echo 1 > $CAB_LOGS/reward.txt',
            "true",
            False,
            "of 0",
        ),
        ("ln -s /etc/hostname $CAB_LOGS/reward.txt", "true", False, "wrote no reward file"),
    ],
    ids=["solved", "untouched", "no-file", "nan", "json-first", "link"],
)
def test_a_foreign_task_is_decided_by_its_reward_file(
    python_machine: Ready, tmp_path: Path, script: str, work: str, passed: bool, reason: str
) -> None:
    task = foreign(tmp_path / "task", script)
    result = run(python_machine, [shell(work)], "Done.", task=task)
    (trial,) = result.trials
    assert (trial.grade.passed, result.exit_code) == (passed, 0 if passed else 1)
    assert reason in trial.grade.reason
    assert result.grading_gaps == task.gaps
