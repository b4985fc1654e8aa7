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


def test_without_walls_it_is_asked_each_time_and_says_what_is_given_away(home: Path, endpoint: DemoServer) -> None:
    """Having agreed to walls once is no consent to none."""
    marker = home / ".local/state/cab-check/agreed-to-run"
    marker.parent.mkdir(parents=True)
    marker.touch()

    def asked(*options: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        os.write(ours, b"n\n")
        done = subprocess.run(
            command("--endpoint", endpoint.base_url, "--no-store", *options),
            env=environment(home, CAB_KEY=KEY, TERM="dumb"),
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            check=False,
            timeout=120,
        )
        said = os.read(ours, 1 << 16).decode()
        os.close(theirs)
        os.close(ours)
        return done.returncode, " ".join(said.split())

    code, said = asked("--unsafe-no-sandbox")
    assert code == 5 and "with your own rights: no walls stand between them and your files" in said
    assert "sandbox: level 0 (none)" in said and "not walled off: every file of this user" in said
    code, said = asked()
    assert code == 0 and "Start?" not in said and "sandbox: level 0" not in said
