"""`cab-check demo --fault NAME`: what was laid is said, found and told by the exit code."""

from __future__ import annotations

import json

import pytest
from cli_process import Run

from cab_check.demo.faults.table import FAULTS


@pytest.mark.parametrize(
    ("names", "codes", "exit_code"),
    [
        ([], [], 0),
        (["tool-call-as-text"], ["tool-call-as-text"], 3),
        (["usage-missing"], ["usage-missing"], 0),
        (["usage-missing", "tool-arguments-object"], ["tool-arguments-object", "usage-missing"], 3),
        (["key-missing"], ["key-missing"], 4),
        (["key-malformed"], ["key-malformed"], 4),
        (["address-wrong-base-path"], ["address-wrong-base-path"], 0),
        (["model-not-found"], ["model-not-found"], 3),
    ],
    ids=str,
)
def test_a_laid_fault_is_said_and_found(cab: Run, names: list[str], codes: list[str], exit_code: int) -> None:
    done = cab("demo", "--no-task", "--no-store", "--json", *(word for name in names for word in ("--fault", name)))
    record = json.loads(done.stdout)
    roots = [finding["code"] for finding in record["handshake"]["findings"] if not finding["follows_from"]]
    assert (done.returncode, roots) == (exit_code, codes)
    told = [line for line in done.stderr.splitlines() if line.startswith("fault laid: ")]
    assert [line.split()[2] for line in told] == names
    assert all(FAULTS[name].says in line for name, line in zip(names, told, strict=True))


def test_a_fault_of_silence_shows_in_seconds(cab: Run) -> None:
    done = cab("demo", "--no-task", "--no-store", "-q", "--fault", "reply-timeout")
    assert (done.returncode, "No reply" in done.stdout) == (4, True)


def test_the_list_names_every_fault_with_its_code_and_its_sentence(cab: Run) -> None:
    done = cab("demo", "faults")
    assert done.returncode == 0
    for fault in FAULTS.values():
        assert fault.name in done.stdout and fault.code in done.stdout and fault.says in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["demo", "--fault", "tool-call-as-txt"], "Did you mean tool-call-as-text"),
        (["demo", "serve", "--fault", "nonsense"], "cab-check demo faults"),
        (["demo", "--fault", "stream-cut", "serve"], "--fault stands after"),
    ],
)
def test_a_wrong_use_is_told(cab: Run, words: list[str], told: str) -> None:
    done = cab(*words)
    assert (done.returncode, told in done.stderr) == (2, True)
