"""Whether this machine can run a task: found out before anything is asked of an endpoint."""

from __future__ import annotations

from typing import NamedTuple

from cab_check.base.errors import CannotRun, ToolchainMissing
from cab_check.run.grade import grade
from cab_check.sandbox import toolchains
from cab_check.sandbox.box import Engine, Isolation, Toolchain
from cab_check.sandbox.choose import choose
from cab_check.sandbox.unsafe import UnsafeEngine
from cab_check.tasks.loader import bundled
from cab_check.tasks.task import Task

NO_SANDBOX = "none"
"""As the wanted sandbox: none at all. No option takes it as a value; `--unsafe-no-sandbox` has to be typed."""


class Ready(NamedTuple):
    """What a run needs of the machine: tried, and found standing."""

    engine: Engine
    isolation: Isolation
    toolchains: tuple[Toolchain, ...]


async def ready(task: Task, wanted: str = "auto") -> Ready:
    """The sandbox `wanted` and the task's toolchains, proven by grading the task's reference solution in them.

    So a compiler without a linker, or one that does not work behind these walls, is found here and not after the
    model has been paid for. Raises NoSandbox or ToolchainMissing with what is missing and what can run instead.
    """
    engine, isolation = await _walls(wanted)
    try:
        found = tuple(toolchains.find(name) for name in task.toolchains)
    except ToolchainMissing as missing:
        raise ToolchainMissing(missing.message, _instead(task) or missing.next_step) from missing
    if solution := task.solution():
        proof = await grade(task, solution, engine, found)
        if not proof.passed:
            versions = ", ".join(f"{chain.name} {chain.version}" for chain in found)
            raise ToolchainMissing(
                f"{task.id} cannot be graded on this machine: its own reference solution fails with {versions}, "
                f"in the sandbox {isolation.engine}: {proof.reason}.",
                _instead(task) or "cab-check doctor",
            )
    return Ready(engine, isolation, found)


async def _walls(wanted: str) -> tuple[Engine, Isolation]:
    if wanted == NO_SANDBOX:
        engine = UnsafeEngine()
        return engine, await engine.describe()
    return await choose(wanted)


def _instead(task: Task) -> str:
    """The bundled tasks whose toolchains are all here, as a next step; empty if there is none."""
    others = [other.id for other in bundled() if other.id != task.id and _has_toolchains(other)]
    return f"What can run here: --task {others[0]}" if others else ""


def _has_toolchains(task: Task) -> bool:
    try:
        return all(toolchains.find(name) for name in task.toolchains)
    except CannotRun:
        return False
