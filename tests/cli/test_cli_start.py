"""What a command does not need is not loaded: start-up is part of what a user waits for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import environment

LOADED = """
import contextlib, io, json, sys
sys.argv = ["cab-check", *json.loads(sys.argv[1])]
from cab_check.__main__ import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(json.dumps(sorted(sys.modules)))
"""


def loaded(home: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(arguments)],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "needed", "spared"),
    [
        (["--version"], set(), {"typer", "rich", "httpx", "openai", "asyncio", "cab_check.cli"}),
        (["sandbox", "--help"], {"cab_check.cli.sandbox"}, {"typer", "pydantic", "rich", "httpx", "openai"}),
        (["tasks"], {"cab_check.tasks.loader"}, {"httpx", "openai", "cab_check.handshake", "cab_check.agent"}),
        (["explain", "key-missing"], {"cab_check.knowledge.advice"}, {"httpx", "openai", "cab_check.handshake"}),
        (["handshake", "--help"], {"cab_check.handshake"}, {"openai", "cab_check.demo.server", "yaml"}),
        (["--help"], {"cab_check.handshake", "cab_check.tasks", "cab_check.cli.tuis"}, {"openai", "yaml"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_only_what_a_command_needs_is_loaded(
    home: Path, arguments: list[str], needed: set[str], spared: set[str]
) -> None:
    found = loaded(home, *arguments)
    assert needed <= found
    assert not spared & found
