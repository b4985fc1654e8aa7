"""What SECURITY.md says of hosts, processes and files, watched through Python's audit events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_process import KEY, environment
from cli_refusals import seeing_the_package

from cab_check.demo.server import DemoServer

WATCH = """
import json, os, sys
told = open(sys.argv[1], "w")
del sys.argv[1]
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.exec",
                 "os.posix_spawn", "os.system", "os.fork", "open", "os.mkdir", "os.rename"):
        told.write(json.dumps([event, [repr(a) if not isinstance(a, (str, int, list, dict)) else a for a in arguments]],
                              default=repr) + "\\n")
        told.flush()
sys.addaudithook(hook)
from cab_check.__main__ import main
sys.exit(main())
"""
STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork"}


def watched(home: Path, *arguments: str, **more: str) -> tuple[list[tuple[str, list[Any]]], int]:
    """Every event of one cab-check process, and its exit code."""
    told = home.parent / "events"
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(told), *arguments],
        env=seeing_the_package({**environment(home, **more), "TMPDIR": str(home / "tmp")}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return [(event, arguments) for event, arguments in map(json.loads, told.read_text().splitlines())], done.returncode


def hosts(events: list[tuple[str, list[Any]]]) -> set[str]:
    """Where connections were made to and whose addresses were looked up; sockets in the file system are none."""
    found = set()
    for event, arguments in events:
        if event == "socket.connect" and arguments[1].startswith("("):
            found.add(arguments[1])
        if event in ("socket.getaddrinfo", "socket.gethostbyname"):
            found.add(str(arguments[0]))
    return found


@pytest.fixture(autouse=True)
def temporary(home: Path) -> None:
    (home / "tmp").mkdir()


def test_no_host_but_the_endpoint_is_contacted(home: Path, endpoint: DemoServer) -> None:
    port = endpoint.base_url.rsplit(":", 1)[1].split("/")[0]
    events, code = watched(home, "check", "--endpoint", endpoint.base_url, "--yes", CAB_KEY=KEY)
    assert code in (0, 5)
    assert hosts(events) <= {f"('127.0.0.1', {port})", "127.0.0.1"}
    assert [event for event, _ in events if event == "socket.connect"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "key-rejected"),
        ("tasks",),
        ("runs",),
        ("tuis",),
        ("wiring", "aider", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m"),
        ("diagnose", "no-such.har"),
        ("report", "no-such-run"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_these_contact_nobody_and_run_nothing(home: Path, arguments: tuple[str, ...]) -> None:
    events, _ = watched(home, *arguments)
    assert hosts(events) == set()
    assert [event for event in events if event[0] in STARTS] == []


def test_the_handshake_runs_nothing(home: Path, endpoint: DemoServer) -> None:
    events, code = watched(home, "handshake", "--endpoint", endpoint.base_url, CAB_KEY=KEY)
    assert code == 0
    assert [event for event in events if event[0] in STARTS] == []


def test_no_process_that_is_started_is_given_the_key(home: Path, endpoint: DemoServer) -> None:
    events, code = watched(home, "check", "--endpoint", endpoint.base_url, "--yes", CAB_KEY=KEY, OTHER_TOKEN="t" * 20)
    started = [arguments for event, arguments in events if event in STARTS]
    assert code in (0, 5) and started
    for arguments in started:
        assert KEY not in json.dumps(arguments) and "OTHER_TOKEN" not in json.dumps(arguments)
        assert isinstance(arguments[3], dict), "an environment of its own"


@pytest.mark.parametrize("store", [True, False])
def test_files_are_written_where_the_page_says(home: Path, endpoint: DemoServer, store: bool) -> None:
    keep = () if store else ("--no-store",)
    events, _ = watched(home, "check", "--endpoint", endpoint.base_url, "--yes", *keep, CAB_KEY=KEY)
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    written = {
        Path(str(arguments[0]))
        for event, arguments in events
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & writes and isinstance(arguments[0], str)
    }
    folders = [home / ".cache/cab-check/scratch", home / "tmp"]
    if store:
        folders.append(home / ".local/state/cab-check")
    loose = {
        path
        for path in written - {Path(os.devnull)}
        if path.is_absolute() and not any(folder in (path, *path.parents) for folder in folders)
    }
    assert loose == set()
    left = {path.relative_to(home).parts[:3] for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert left == ({(".local", "state", "cab-check")} if store else set())
