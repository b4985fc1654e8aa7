"""Fixtures of the command-line tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cli_process import KEY, Run, command, environment

from cab_check.demo.server import DemoServer, serve

sys.path.insert(0, str(Path(__file__).parents[1] / "handshake"))  # the faulty endpoints


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def cab(home: Path) -> Run:
    """Runs one command to its end, without a terminal."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            env=environment(home, **(env or {})),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def endpoint() -> Iterator[DemoServer]:
    """The built-in endpoint, with a key."""
    with serve(key=KEY) as server:
        yield server
