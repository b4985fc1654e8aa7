"""Cgroups: found where they are delegated, taken only where the kernel says so, and never left behind.

No machine of ours delegates memory and pids, so the delegation is simulated by a folder with the kernel's files; what
is done with processes is tried on the real cgroup file system where that can be written to.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cab_check.sandbox import cgroups, scratch
from cab_check.sandbox.box import Box, Done, Engine, Limits, Mount, Plan
from cab_check.sandbox.cgroups import Group, Host
from cab_check.sandbox.walls import CGROUP_LIMITS, WATCHED_LIMITS

SLICE = "user.slice/user-1000.slice/user@1000.service/app.slice"


def fill(folder: Path) -> Path:
    """A cgroup as the kernel makes it, with both controllers."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "memory pids", "cgroup.procs": ""}
    limits = {"memory.max": "max", "memory.swap.max": "max", "pids.max": "max", "memory.events": "oom 0\noom_kill 0\n"}
    for name, text in (files | limits).items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A machine that delegates app.slice to us, in which this process has a scope of its own."""
    mount = tmp_path / "cgroup"
    for folder in (mount, mount / SLICE, mount / SLICE / "terminal.scope"):
        fill(folder)
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(f"0::/{SLICE}/terminal.scope\n")
    (proc / "mountinfo").write_text(f"30 1 0:26 / {mount} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n")
    monkeypatch.setattr(cgroups, "make", fill)
    monkeypatch.setattr(cgroups, "remove", shutil.rmtree)
    return Host(proc=proc)


def test_a_delegated_cgroup_is_found_and_the_limits_are_set(host: Host) -> None:
    with cgroups.group_for(Limits(memory_bytes=1 << 30, processes=100), host) as group:
        assert group is not None and group.folder is not None and group.prefix == ()
        assert group.folder.parent == group.mount / SLICE
        group.take(4711)
        said = {name: (group.folder / name).read_text() for name in ("memory.max", "pids.max", "memory.swap.max")}
        assert said == {"memory.max": str((1 << 30) + (32 << 20)), "pids.max": "108", "memory.swap.max": "0"}
        assert (group.folder / "cgroup.procs").read_text() == "4711"
    assert not group.folder.exists()
    assert cgroups.why_not(host) is None


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("cgroup.controllers", "hugetlb", "the memory and pids controllers are not on cgroup version 2"),
        (f"{SLICE}/cgroup.subtree_control", "pids", "no cgroup above this process is delegated"),
    ],
)
def test_without_both_controllers_there_is_none_and_the_reason_is_said(
    host: Host, file: str, text: str, reason: str
) -> None:
    mount = cgroups.mounted(host.proc)
    assert mount is not None
    for above in (mount, *(mount / SLICE).parents):
        if mount in above.parents or above == mount:
            (above / "cgroup.subtree_control").write_text("")
    (mount / file).write_text(text)
    with cgroups.group_for(Limits(), host) as group:
        assert group is None
    assert reason in (cgroups.why_not(host) or "")


def test_where_version_2_is_not_mounted_there_is_none(tmp_path: Path) -> None:
    assert cgroups.place(Host(proc=tmp_path)) == "cgroup version 2 is not mounted"


def test_the_systemd_user_manager_is_asked_first(host: Host, tmp_path: Path) -> None:
    (tmp_path / "run/systemd").mkdir(parents=True)
    (tmp_path / "run/systemd/private").write_text("")
    asked = Host(proc=host.proc, runtime=tmp_path / "run", systemd_run=Path("/usr/bin/systemd-run"))
    with cgroups.group_for(Limits(memory_bytes=1 << 30, processes=100), asked) as group:
        assert group is not None and group.folder is None
        words = " ".join(group.prefix)
        assert words.startswith("/usr/bin/systemd-run --user --scope --quiet --collect ")
        assert f"--property MemoryMax={(1 << 30) + (32 << 20)} " in words and "--property TasksMax=108 " in words
        assert words.endswith("-- /usr/bin/env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8")
        assert group.env is not None and "DBUS" not in " ".join(group.env)


def opened(walls: Engine, group: Group | None, monkeypatch: pytest.MonkeyPatch, *argv: str) -> tuple[Done, str]:
    """A command in a box of `walls` whose launcher is to be in `group`, and what the box says of its limits."""
    from contextlib import nullcontext

    monkeypatch.setattr("cab_check.sandbox.warm.group_for", lambda _: nullcontext(group))

    async def inside() -> tuple[Done, str]:
        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                done = await box.run(argv, timeout_s=20, watch=lambda *_: on_output(box))
                return done, box.isolation.walls["limits"]

    def on_output(_: Box) -> None:
        if group is not None and group.folder is not None and (group.folder / "memory.events").exists():
            (group.folder / "memory.events").write_text("oom 1\noom_kill 1\n")

    return asyncio.run(inside())


def test_a_cgroup_in_force_is_told_and_its_killing_is_the_memory_limit(
    walls: Engine, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "mine")
    (folder / "memory.max").write_text("1000000")
    (folder / "pids.max").write_text("100")
    group = Group(tmp_path, folder=folder)
    done, limits = opened(walls, group, monkeypatch, "sh", "-c", "echo on; sleep 20")
    assert (done.limit, limits) == ("memory", CGROUP_LIMITS)
    done, limits = opened(walls, group, monkeypatch, "true")
    assert (done.limit, limits) == (None, CGROUP_LIMITS)  # what was killed before is not this command's


@pytest.mark.parametrize("case", ["no limit is set", "not a member", "gone"])
def test_a_cgroup_that_is_not_in_force_is_not_told(
    walls: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    folder = fill(tmp_path / "mine")
    if case != "no limit is set":
        (folder / "memory.max").write_text("1000000")
        (folder / "pids.max").write_text("100")
    if case == "not a member":
        monkeypatch.setattr(Group, "take", lambda *_: None)
    if case == "gone":
        (folder / "memory.events").unlink()
    done, limits = opened(walls, Group(tmp_path, folder=folder), monkeypatch, "true")
    assert (done.exit_code, limits) == (0, WATCHED_LIMITS)


@pytest.mark.parametrize("works", [True, False])
def test_a_scope_is_tried_and_if_it_cannot_be_had_the_watchdog_is_told(
    walls: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """A stand-in for systemd-run, which writes down what it was given; no user manager runs here."""
    program, told = tmp_path / "systemd-run", tmp_path / "told"
    end = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"' if works else "echo no bus >&2; exit 1"
    program.write_text(f'#!/bin/sh\nenv >{told}\necho "$@" >>{told}\n{end}\n')
    program.chmod(0o755)
    prefix = (str(program), "--user", "--", "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8")
    group = Group(tmp_path, prefix=prefix, env={"XDG_RUNTIME_DIR": "/run/user/4711", "PATH": "/usr/bin:/bin"})
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-key-0123456789")
    done, limits = opened(walls, group, monkeypatch, "sh", "-c", "env; cat /proc/1/environ 2>/dev/null; exit 3")
    assert (done.exit_code, limits) == (3, WATCHED_LIMITS)
    assert "/run/user/4711" in told.read_text() and "sk-test" not in told.read_text()
    assert b"4711" not in done.stdout


REAL = cgroups.mounted(Path("/proc/self"))


@pytest.mark.skipif(REAL is None or not os.access(REAL, os.W_OK), reason="no cgroup file system that can be written to")
def test_a_real_cgroup_takes_a_process_ends_it_and_goes() -> None:
    assert REAL is not None
    folder = REAL / f"cab-check-{os.getpid()}-test"
    cgroups.make(folder)
    try:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
            Group(REAL, folder=folder).take(process.pid)
            assert (folder / "cgroup.procs").read_text().split() == [str(process.pid)]
            cgroups.clean_stale(REAL)
            assert folder.exists()  # its maker lives
            (folder / "cgroup.kill").write_text("1")
            assert process.wait(20) == -9
    finally:
        cgroups.remove(folder)
    assert not folder.exists()
    dead = REAL / "cab-check-999999999-test"
    cgroups.make(dead)
    cgroups.clean_stale(REAL)
    assert not dead.exists()
