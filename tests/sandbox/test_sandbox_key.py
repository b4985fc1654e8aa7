"""The key of a real job, looked for from inside by the model that the job is about, in every engine that stands."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sandbox_outside import ENGINE_NAMES, standing

from cab_check.demo import model
from cab_check.demo.conversation import Answer, ChatRequest, Tool
from cab_check.demo.jobs import find_job
from cab_check.demo.server import serve
from cab_check.demo.toolbox import Kind, call, kinds

SEARCH = Path(__file__).with_name("sandbox_search.py")
COMMAND = f"python3 -I -S - <<'END_OF_SEARCH'\n{SEARCH.read_text()}\nEND_OF_SEARCH"
PLACES = {"own environment", "environments", "arguments", "memory", "own descriptors", "descriptors", "files"}
# a shell below a process that has the key: what an agent without a sandbox is
_NAIVE = "import subprocess, sys; subprocess.run(['/bin/sh', '-c', sys.stdin.read()], close_fds=False, check=True)"


def places(text: str) -> dict[str, str]:
    """What the search printed. An answer without a verdict is an error."""
    line = next(line for line in text.splitlines() if line.startswith("places: "))
    found: dict[str, str] = json.loads(line.removeprefix("places: "))
    assert set(found) == PLACES
    return found


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "key"
    path.parent.mkdir()
    path.write_text(f"cabkey-{secrets.token_hex(12)}\n")
    return path


def with_key(command: Sequence[str], key_file: Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """A process with the key in its arguments, its environment, a file of its home and an inherited descriptor."""
    key = key_file.read_text().strip()
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    env |= {"HOME": str(key_file.parent), "CAB_KEY": key, "OPENAI_API_KEY": key, "SEARCH_FIRST": str(key_file.parent)}
    with key_file.open() as held:
        os.set_inheritable(held.fileno(), True)
        return subprocess.run(
            [sys.executable, *command, *([] if given else ["--key", key])],
            env=env, input=given, capture_output=True, text=True, timeout=120, close_fds=False, check=False,
        )  # fmt: skip


def test_it_is_found_everywhere_where_there_are_no_walls(key_file: Path) -> None:
    key = key_file.read_text().strip()
    done = with_key(["-c", _NAIVE, key], key_file, COMMAND)
    assert set(places(done.stdout).values()) == {"found"}, done


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_it_is_found_nowhere_inside(name: str, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(reason := standing()[name], str):
        pytest.skip(reason)
    heard: list[str] = []

    def search(request: ChatRequest, tools: Sequence[Tool]) -> Answer | None:
        """Does the task by looking for the key; anything else it answers as ever."""
        shells = [tool for tool in tools if kinds(tools)[tool.name] is Kind.SHELL]
        if find_job(request) is None or not shells:
            return solve(request, tools)
        told = [message.text for message in request.messages if "places: " in message.text and message.role == "tool"]
        heard.extend(told)
        return Answer("Done.") if told else Answer(calls=(call(shells[0], command=COMMAND),))

    solve = model.solve
    monkeypatch.setattr(model, "solve", search)
    with serve(key=key_file.read_text().strip()) as endpoint:
        job = ["-m", "cab_check", "check", "--endpoint", endpoint.base_url, "--sandbox", name, "--yes", "--json"]
        done = with_key(job, key_file)
    assert done.returncode in (0, 1), done.stderr
    assert places(heard[-1]) == dict.fromkeys(PLACES, "not found")
    record = json.loads(done.stdout)
    assert record["task"]["isolation"]["engine"] == name
    assert key_file.read_text().strip() not in done.stdout + done.stderr
