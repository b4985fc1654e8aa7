"""`--dialect`: the task is done in it, and the Record says so."""

from __future__ import annotations

import json

import pytest
from cli_process import KEY, Run

from cab_check.agent.dialects import DIALECTS
from cab_check.demo.server import DemoServer


@pytest.mark.parametrize("name", ["aider-diff", "aider-udiff"])
def test_the_task_is_done_in_the_dialect_that_was_typed(cab: Run, endpoint: DemoServer, name: str) -> None:
    done = cab("--endpoint", endpoint.base_url, "--dialect", name, "--json", env={"CAB_KEY": KEY})
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert f"cab-loop:{name}/" in record["cell_id"]
    assert (record["task"]["dialect"], record["task"]["prompt_hash"]) == (name, DIALECTS[name].prompt_hash)
    assert record["task"]["trials"][0]["passed"]


def test_an_unknown_dialect_is_wrong_usage_and_the_known_ones_are_named(cab: Run) -> None:
    done = cab("--endpoint", "http://localhost:1/v1", "--dialect", "aider-patch")
    assert done.returncode == 2
    assert "aider-patch" in done.stderr and "aider-udiff" in done.stderr


def test_a_dialect_without_a_task_is_wrong_usage(cab: Run) -> None:
    done = cab("--endpoint", "http://localhost:1/v1", "--dialect", "aider-diff", "--no-task")
    assert done.returncode == 2 and "--dialect" in done.stderr


def test_the_task_for_aider_is_done_in_its_own_format(cab: Run) -> None:
    done = cab("demo", "--tui", "aider", "--json", "--yes", "--no-store")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert (document["task"]["dialect"], document["task"]["for_tui"]) == ("aider-diff", "aider")
    assert "/cab-loop:aider-diff/" in document["cell_id"]


def test_no_task_is_run_for_a_cli_whose_way_is_not_built_unless_another_is_typed(cab: Run) -> None:
    document = json.loads(cab("demo", "--tui", "codex", "--json", "--yes", "--no-store").stdout)
    assert document["task"] is None
    assert "codex" in document["reasons"]["task"] and "--dialect" in document["reasons"]["task"]
    typed = cab("demo", "--tui", "codex", "--dialect", "tool-calling", "--json", "--yes", "--no-store")
    assert json.loads(typed.stdout)["task"]["dialect"] == "tool-calling"
