"""The macOS engine, as far as it can be tested elsewhere: the profile's text, the argument vector, and the self-test.

Nobody has run it on macOS for this project. A stand-in for sandbox-exec shows that the argument vector does what it
should where nothing is walled off, and that an engine that walls off nothing is refused.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path

import pytest
from sandbox_outside import running_with

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Done, Limits, Mount, Plan
from cab_check.sandbox.choose import choose
from cab_check.sandbox.mountplan import Bind
from cab_check.sandbox.processes import below, tree
from cab_check.sandbox.seatbelt import Seatbelt, SeatbeltEngine
from cab_check.sandbox.selftest import probe
from cab_check.sandbox.toolchains import find

EVIL = '/Users/me/a") (allow default) ("'
BOX = Seatbelt(
    Path("/usr/bin/sandbox-exec"),
    (Bind("/Users/me/.rustup/toolchains/stable", "/x"), Bind("/private/var/work", "/app", True), Bind(EVIL, "/y")),
    ("/Users/me/cab-check",),
    Limits(cpu_s=7, file_bytes=1 << 20, open_files=99),
)


def rules() -> list[str]:
    return BOX.profile().splitlines()


def test_everything_is_denied_that_is_not_listed() -> None:
    assert rules()[:2] == ["(version 1)", "(deny default)"]
    assert "(allow default)" not in BOX.profile()
    assert not [rule for rule in rules() if "network" in rule]
    lookups = [rule for rule in rules() if "mach-lookup" in rule]
    assert lookups == ['(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))']
    assert not [rule for rule in rules() if "iokit" in rule or "appleevent" in rule]


def test_only_the_work_directory_can_be_written() -> None:
    writable = [rule for rule in rules() if rule.startswith("(allow") and "file-write" in rule]
    assert writable == [
        '(allow file-write-data (literal "/dev/null"))',
        '(allow file-read* file-write* file-map-executable (subpath (param "WRITE0")))',
    ]
    assert rules()[-1] == "(deny file-write-setugid)"


def test_what_is_hidden_is_denied_after_what_is_shown() -> None:
    hidden = rules().index('(deny file-read* file-map-executable (subpath (param "HIDE0")))')
    shown = [n for n, rule in enumerate(rules()) if rule.startswith("(allow file-read* file-map")]
    assert max(n for n in shown if "READ" in rules()[n] or "/usr" in rules()[n]) < hidden


def test_a_home_is_not_shown() -> None:
    text = BOX.profile()
    assert "/Users" not in text and "Keychains" not in text and '(subpath "/private/var"))' not in text


def test_paths_go_in_as_parameters() -> None:
    words = BOX.argv(["cargo", "test"], "/private/var/work", {"HOME": "/private/var/home"})
    assert words[:3] == ["/usr/bin/sandbox-exec", "-p", BOX.profile()]
    assert EVIL not in BOX.profile() and f"READ1={EVIL}" in words
    assert words[words.index("WRITE0=/private/var/work") - 1] == "-D"
    inside = words[words.index("/usr/bin/env") :]
    assert inside[:3] == ["/usr/bin/env", "-i", "HOME=/private/var/home"]
    assert inside[-7:] == ["sh", "/private/var/work", "7", "2048", "99", "cargo", "test"]


def test_the_processes_of_a_listing() -> None:
    listing = "    1     0  100\n   20     1  200\n   30    20  300\n   40     1  400\n   50    30  500\nodd line\n"
    assert tree(listing, 20) == {20: 200 << 10, 30: 300 << 10, 50: 500 << 10}
    assert tree("", 20) == {}


@pytest.fixture
def sham(tmp_path: Path) -> Path:
    """sandbox-exec without a sandbox: takes the profile and the parameters away, and runs the rest."""
    program = tmp_path / "sandbox-exec"
    program.write_text('#!/bin/sh\nshift 2; while [ "$1" = -D ]; do shift 2; done; exec "$@"\n')
    program.chmod(0o755)
    return program


def run(program: Path, *commands: list[str], limits: Limits | None = None, timeout_s: float = 20) -> list[Done]:
    async def inside() -> list[Done]:
        with scratch.directory("work") as work:
            plan = Plan((Mount(work, "/app", True),), (find("python"),), limits=limits or Limits())
            async with SeatbeltEngine(program).open(plan) as box:
                return [await box.run(command, timeout_s=timeout_s, stdin=b"in\n") for command in commands]

    return asyncio.run(inside())


def test_the_argument_vector_runs_the_command_with_its_limits(sham: Path) -> None:
    first, second, third = run(
        sham,
        ["sh", "-c", "cat; echo kept >file; exit 7"],
        ["sh", "-c", "cat file; ulimit -n; ulimit -c; env | grep -c PATH="],
        ["no-such-program"],
        limits=Limits(open_files=77),
    )
    assert (first.exit_code, first.stdout) == (7, b"in\n")
    assert second.stdout == b"kept\n77\n0\n1\n" and third.exit_code == 127


@pytest.mark.skipif(not below(1), reason="no ps here")
def test_memory_is_watched_and_what_left_its_group_is_ended(sham: Path) -> None:
    mark = f"mark{secrets.token_hex(6)}"
    script = "import os, time\nif os.fork() == 0: os.setsid()\nheld = b'x' * (200 << 20)\ntime.sleep(100)"
    (done,) = run(sham, [sys.executable, "-ISc", script, mark], limits=Limits(memory_bytes=100 << 20))
    assert done.limit == "memory" and done.wall_s < 15
    assert not running_with(mark)


def test_an_engine_that_does_not_wall_off_is_refused(sham: Path) -> None:
    with pytest.raises(NoSandbox, match=r"the walls do not hold: .*read a private file"):
        asyncio.run(probe(SeatbeltEngine(sham)))


def test_on_macos_it_is_the_one_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NoSandbox, match="seatbelt: /usr/bin/sandbox-exec is not there"):
        asyncio.run(choose())


def test_what_was_not_tried_is_said() -> None:
    assert "not tried by those who wrote it" in SeatbeltEngine()._isolation.gaps[0]
