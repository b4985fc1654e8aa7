"""Before a model's commands run here for the first time, a person at a terminal is asked; no is an answer."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from cli_process import KEY, command, environment

from cab_check.demo.server import DemoServer


@pytest.mark.parametrize(
    ("answer", "code", "says"), [("n\n", 5, "not run: it was not agreed to"), ("y\n", 0, "passed")]
)
def test_the_answer_is_heeded_and_said(home: Path, endpoint: DemoServer, answer: str, code: int, says: str) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    done = subprocess.run(
        command("--endpoint", endpoint.base_url),
        env=environment(home, CAB_KEY=KEY, TERM="dumb"),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == code
    assert says in " ".join(done.stdout.split())
    assert [path.name for path in home.rglob("agreed-to-run")] == (["agreed-to-run"] if code == 0 else [])
