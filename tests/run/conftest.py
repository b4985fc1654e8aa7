"""The machine under the tests: real walls and real toolchains, or the reason why a test cannot be made here."""

from __future__ import annotations

import asyncio

import pytest

from cab_check.base.errors import NoSandbox, ToolchainMissing
from cab_check.run.ready import Ready
from cab_check.sandbox import toolchains
from cab_check.sandbox.choose import choose
from cab_check.tasks.loader import load

PYTHON, RUST = "polyglot/python-error-handling", "polyglot/rust-error-handling"


def machine_for(task_id: str) -> Ready:
    """Engine and toolchains, without the proof that `ready` makes with the reference solution."""

    async def stand() -> Ready:
        engine, isolation = await choose("auto")
        return Ready(engine, isolation, tuple(toolchains.find(name) for name in load(task_id).toolchains))

    try:
        return asyncio.run(stand())
    except (NoSandbox, ToolchainMissing) as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="session")
def python_machine() -> Ready:
    return machine_for(PYTHON)


@pytest.fixture(scope="session")
def rust_machine() -> Ready:
    return machine_for(RUST)
