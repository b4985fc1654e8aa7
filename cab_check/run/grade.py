"""Grades a solution in a second sandbox, on a fresh tree, with the pristine tests of the task.

Nothing of the tree that the model worked in is used but the contents of the files that the task allows. What they
are compiled or loaded into is ours and read-only inside; every test is a process of its own, started from outside
and gone before the next one; what it did is judged from outside (`judge`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from cab_check.run.collect import collect
from cab_check.run.judge import judge, not_built
from cab_check.run.prepare import lay_out
from cab_check.run.result import Grade
from cab_check.run.reward import REWARD_FILES, judge_reward
from cab_check.sandbox import scratch, snapshot
from cab_check.sandbox.box import Box, Done, Engine, Mount, Plan, Toolchain
from cab_check.tasks.digest import contents
from cab_check.tasks.globs import matches
from cab_check.tasks.task import Task

ANSWERS = "answers.tsv"  # the one file of the tests that is not shown inside
TEST_S = 30.0  # for one test; all of them together have the task's own limit

GAPS = (
    "a test runs in one process with the code it tests; that process does not hold the right answers, but code which "
    "recognised the test could report in its place",
)


async def grade(task: Task, files: Mapping[str, bytes], engine: Engine, toolchains: tuple[Toolchain, ...]) -> Grade:
    """Grade a solution that consists of `files` (by path; what lies outside of the task's allowed paths is ignored).

    Raises CannotRun if the sandbox does not stand. A solution that hangs, crashes or floods is a failed one.
    """
    deadline = time.monotonic() + task.verifier_timeout_s
    with scratch.directory("grade") as folder:
        desk = _Desk(task, folder, engine, toolchains)
        lay_out(folder / "app", _fresh_tree(task, files))
        lay_out(folder / "tests", {name: data for name, data in contents(task.tests_folder).items() if name != ANSWERS})
        lay_out(folder / "build", {})
        lay_out(folder / "logs", {})
        if task.canary_test is None:
            return await _by_reward(desk, deadline)
        async with engine.open(desk.plan(writable=("build",))) as box:
            build = await desk.test_sh(box, deadline, "build")
        if build.exit_code != 0 or build.limit:
            return not_built(task.answers, build)
        async with engine.open(desk.plan()) as box:
            canary = await desk.test_sh(box, deadline, "one", task.canary_test, at_most_s=TEST_S)
            runs: dict[str, Done] = {}
            for test in task.expected_tests:
                if time.monotonic() >= deadline:
                    break
                runs[test] = await desk.test_sh(box, deadline, "one", test, at_most_s=TEST_S)
        return judge(task.answers, canary, runs)


class _Desk:
    """The four folders that a grading box shows, and the one way in: the task's test.sh."""

    def __init__(self, task: Task, folder: Path, engine: Engine, toolchains: tuple[Toolchain, ...]) -> None:
        self.task, self.folder, self.engine, self._toolchains = task, folder, engine, toolchains

    def plan(self, writable: tuple[str, ...] = ()) -> Plan:
        """Everything is read-only but what is named in `writable`."""
        places = {"app": "/app", "tests": "/tests", "build": "/build", "logs": "/logs/verifier"}
        mounts = tuple(Mount(self.folder / name, inside, name in writable) for name, inside in places.items())
        return Plan(mounts, self._toolchains)

    async def test_sh(self, box: Box, deadline: float, *arguments: str, at_most_s: float = 3600.0) -> Done:
        """Run test.sh; the variables tell it where things are, since not every engine can move them."""
        names = {"CAB_APP": "app", "TEST_DIR": "tests", "CAB_BUILD": "build", "CAB_LOGS": "logs"}
        env = {variable: box.inside(self.folder / name) for variable, name in names.items()}
        timeout_s = max(0.1, min(at_most_s, deadline - time.monotonic()))
        return await box.run(["/bin/sh", f"{env['TEST_DIR']}/test.sh", *arguments], timeout_s=timeout_s, env=env)


def _fresh_tree(task: Task, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The starting files outside of the allowed paths, and the solution's inside of them: a deleted file stays so."""
    taken = {name: data for name, data in files.items() if matches(name, task.allowed_paths)}
    folders = {str(folder) for name in taken for folder in PurePosixPath(name).parents}
    kept = {name: data for name, data in task.start_files().items() if not matches(name, task.allowed_paths)}
    return {name: data for name, data in kept.items() if name not in folders} | taken


async def _by_reward(desk: _Desk, deadline: float) -> Grade:
    """A foreign task: its tests run once, as Harbor runs them, and their reward file decides."""
    async with desk.engine.open(desk.plan(writable=("app", "build", "logs"))) as box:
        done = await desk.test_sh(box, deadline)
    logs = desk.folder / "logs"
    return judge_reward(collect(logs, snapshot.take(logs), REWARD_FILES.__contains__), done)
