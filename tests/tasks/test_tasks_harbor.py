"""The bundled folders as Harbor runs them: solve.sh, then test.sh without arguments, then the reward file.

What runs here is the task's own starting code and reference solution, so no walls are needed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cab_check.tasks.loader import bundled
from cab_check.tasks.task import Task

PROGRAM = {"python": "python3", "cargo": "cargo"}


def reward(task: Task, root: Path, *, solve: bool) -> float:
    """What the task's own scripts make of the starting files, or of the solution."""
    for name in task.toolchains:
        if shutil.which(PROGRAM[name]) is None:
            pytest.skip(f"{PROGRAM[name]} is not installed")
    app = Path(shutil.copytree(task.folder / "environment" / "app", root / "app"))
    places = {"CAB_APP": app, "TEST_DIR": task.tests_folder, "CAB_LOGS": root / "logs", "CAB_BUILD": root / "build"}
    env = os.environ | {name: str(path) for name, path in places.items()}
    if solve:
        subprocess.run(["sh", str(task.folder / "solution" / "solve.sh")], env=env, check=True, timeout=60)
    subprocess.run(["sh", str(task.tests_folder / "test.sh")], env=env, check=True, timeout=120, capture_output=True)
    value: float = json.loads((root / "logs" / "reward.json").read_text())["reward"]
    return value


@pytest.mark.parametrize("solve", [False, True], ids=["untouched", "solved"])
@pytest.mark.parametrize("task", bundled(), ids=lambda task: task.id)
def test_the_reward_is_1_for_the_solution_only(task: Task, solve: bool, tmp_path: Path) -> None:
    root = tmp_path / "a folder.with dots"
    root.mkdir()
    assert reward(task, root, solve=solve) == (1 if solve else 0)


@pytest.mark.parametrize("task", bundled(), ids=lambda task: task.id)
def test_the_tests_leave_the_task_s_own_folder_as_it_is(task: Task, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in task.folder.rglob("*")}
    reward(task, tmp_path, solve=True)
    assert {path: path.stat().st_mtime_ns for path in task.folder.rglob("*")} == before
