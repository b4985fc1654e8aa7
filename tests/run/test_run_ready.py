"""What is found out about this machine before an endpoint is asked anything."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from cab_check.base.errors import ToolchainMissing, UsageError
from cab_check.run.ready import Ready, ready
from cab_check.sandbox import toolchains
from cab_check.sandbox.box import Toolchain
from cab_check.tasks.loader import load

PYTHON, RUST = "polyglot/python-error-handling", "polyglot/rust-error-handling"


def test_a_machine_that_can_is_proven_with_the_reference_solution(python_machine: Ready) -> None:
    found = asyncio.run(ready(load(PYTHON)))
    assert found.engine.name == python_machine.engine.name
    assert found.isolation.level >= 2
    assert [chain.name for chain in found.toolchains] == ["python"]


def test_a_missing_toolchain_names_itself_and_the_task_that_can_run(
    python_machine: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> Toolchain:
        if name == "cargo":
            raise ToolchainMissing("cargo is not installed", "rustup.rs")
        return python_machine.toolchains[0]

    monkeypatch.setattr(toolchains, "find", find)
    with pytest.raises(ToolchainMissing) as caught:
        asyncio.run(ready(load(RUST)))
    assert caught.value.message == "cargo is not installed"
    assert caught.value.next_step == f"What can run here: --task {PYTHON}"


def test_where_even_the_reference_solution_fails_the_machine_is_told_of_and_not_the_model(
    python_machine: Ready, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(load(PYTHON).folder, tmp_path / "task"))
    (folder / "solution" / "app" / "settings.py").write_text("import not_installed\n")
    with pytest.raises(ToolchainMissing) as caught:
        asyncio.run(ready(load(str(folder))))
    assert "its own reference solution fails with python" in caught.value.message
    assert "ended with ModuleNotFoundError: No module named 'not_installed'" in caught.value.message


def test_an_unknown_sandbox_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no sandbox 'nonsense'"):
        asyncio.run(ready(load(PYTHON), "nonsense"))
