"""Ctrl-C and SIGTERM at any moment: soon over, nothing left running, what was found is printed and kept as partial."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_process import KEY, command, environment

from cab_check.demo.server import DemoServer

SOON_S = 2.0
SLACK_S = 4.0  # for a loaded machine: interpreter, judging and printing


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """Takes connections and requests and never answers; the event says that a request has come."""
    asked, over = threading.Event(), threading.Event()
    held: list[socket.socket] = []

    def hold() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            held.append(connection)
            connection.recv(65536)
            asked.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=hold)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", asked
        finally:
            over.set()
            thread.join()
            for connection in held:
                connection.close()


def start(home: Path, *arguments: str, nohup: bool = False) -> subprocess.Popen[str]:
    """A process that takes Ctrl-C, also where this one does not: a shell ignores it for what it puts aside."""

    def settle_signals() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)

    return subprocess.Popen(
        command(*arguments),
        preexec_fn=settle_signals,
        env=environment(home, CAB_KEY=KEY),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: subprocess.Popen[str], how: signal.Signals) -> tuple[str, str, float]:
    began = time.monotonic()
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    return out, err, time.monotonic() - began


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_server_that_does_not_answer_can_be_left(home: Path, how: signal.Signals, code: int) -> None:
    with silent_server() as (base_url, asked):
        process = start(home, "handshake", "--endpoint", base_url, "--model", "m", "--json")
        assert asked.wait(30)
        out, err, took = stop(process, how)
    record = json.loads(out)
    assert process.returncode == record["exit_code"] == code, err
    assert record["partial"] and record["stopped_by"] in ("interrupt", "terminate")
    assert took < SOON_S + SLACK_S
    assert [path.name for path in home.rglob("record.json")] == ["record.json"]


def test_under_nohup_a_closed_terminal_does_not_end_it(home: Path) -> None:
    with silent_server() as (base_url, asked):
        process = start(home, "handshake", "--endpoint", base_url, "--model", "m", nohup=True)
        assert asked.wait(30)
        process.send_signal(signal.SIGHUP)
        out, err, _ = stop(process, signal.SIGTERM)
    assert process.returncode == 143, err
    assert "Ended by SIGTERM" in out


@pytest.mark.parametrize("arguments", [["explain"], ["check", "--help"]])
def test_a_reader_that_has_left_is_no_failed_task(home: Path, arguments: list[str]) -> None:
    """`cab-check explain | head -1`: what a shell shows for a program that SIGPIPE ended, and not 1."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        process = subprocess.run(
            command(*arguments), env=environment(home), stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert process.returncode == 141, process.stderr
    assert "Traceback" not in process.stderr


def test_the_time_limit_of_the_job_is_kept(home: Path) -> None:
    with silent_server() as (base_url, _):
        process = start(home, "handshake", "--endpoint", base_url, "--model", "m", "--timeout", "1")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "PARTIAL" in out


def descendants(pid: int) -> set[int]:
    """All living processes below `pid`."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def alive(pid: int) -> bool:
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through Linux's /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_run_that_is_stopped_in_its_sandbox(home: Path, how: signal.Signals) -> None:
    process = start(home, "demo", "--trials", "50")
    below: set[int] = set()
    deadline = time.monotonic() + 60
    while len(below) < 2 and process.poll() is None and time.monotonic() < deadline:
        below = descendants(process.pid)
    assert len(below) >= 2, "the sandbox was not started"
    out, err, took = stop(process, how)
    gone_by = time.monotonic() + SOON_S
    while any(alive(pid) for pid in below) and time.monotonic() < gone_by:
        os.sched_yield()
    assert not [pid for pid in below if alive(pid)]
    if how is signal.SIGINT:
        assert process.returncode == 130, err
        assert took < SOON_S + SLACK_S
        assert "PARTIAL" in out


def test_the_demo_endpoint_ends_with_ctrl_c(home: Path) -> None:
    process = start(home, "demo", "serve", "--port", "0")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("http://127.0.0.1:")
    _, _, took = stop(process, signal.SIGINT)
    assert process.returncode == 130 and took < SOON_S + SLACK_S


def test_a_reader_that_leaves_is_no_defect(home: Path, endpoint: DemoServer) -> None:
    process = start(home, "handshake", "--endpoint", endpoint.base_url, "-v")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.wait(60)
    process.stderr.close()
    assert "Traceback" not in err
