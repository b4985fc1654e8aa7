"""Which engine is chosen, and what is said where none stands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sandbox_outside import engine, standing

import cab_check
from cab_check.base.errors import NoSandbox, UsageError
from cab_check.sandbox import advice, choose, scratch, selftest
from cab_check.sandbox.box import Box, Done, Engine, Isolation, Limits, Mount, Plan
from cab_check.sandbox.bwrap import BubblewrapEngine
from cab_check.sandbox.toolchains import find
from cab_check.sandbox.unsafe import UnsafeEngine


def stands(name: str) -> bool:
    return isinstance(standing()[name], Isolation)


def test_the_first_that_stands_is_chosen() -> None:
    chosen, _ = asyncio.run(choose.choose())
    assert chosen.name == next(name for name in standing() if stands(name))


@pytest.mark.parametrize("name", ["bwrap", "namespaces", "landlock"])
def test_one_can_be_asked_for_and_no_other_is_taken(name: str) -> None:
    if stands(name):
        assert asyncio.run(choose.choose(name))[0].name == name
    else:
        with pytest.raises(NoSandbox, match=name):
            asyncio.run(choose.choose(name))


@pytest.mark.parametrize("wanted", ["none", "0", "1", "", "bwrap:image", "docker run"])
def test_no_walls_cannot_be_asked_for(wanted: str) -> None:
    with pytest.raises(UsageError):
        asyncio.run(choose.choose(wanted))


REFUSE = """
import asyncio, json, sys
from cab_check.base.errors import NoSandbox
from cab_check.sandbox.choose import choose
from cab_check.sandbox.launch import payload, seccomp, syscalls
syscalls.prctl(payload.PR_SET_NO_NEW_PRIVS, 1)
denied = [rule for rule in seccomp.EVERY_LEVEL if rule.name in ("clone", "unshare", "clone3")]
seccomp.install(seccomp.assemble(denied, syscalls.os.uname().machine))
try:
    print(json.dumps([asyncio.run(choose())[0].name, ""]))
except NoSandbox as failure:
    print(json.dumps(["", failure.message + " // " + failure.next_step]))
"""


def test_where_user_namespaces_are_refused_level_2_is_chosen() -> None:
    paths = [str(Path(cab_check.__file__).parent.parent), *filter(None, sys.path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", REFUSE], stdout=subprocess.PIPE, env=env, timeout=60, check=True)
    name, message = json.loads(done.stdout)
    if stands("landlock"):
        assert name == "landlock"
    else:
        assert name == "" and "namespaces: unshare: Operation not permitted" in message
        assert "landlock: " in message and message.split(" // ")[1]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (advice.Host(system="win32", machine="AMD64"), "wsl --install"),
        (advice.Host(inside="wsl1"), "wsl --set-version"),
        (advice.Host(system="freebsd14"), "no engine exists for freebsd14"),
        (advice.Host(machine="riscv64"), "not for riscv64"),
    ],
)
def test_where_no_walls_can_be_built_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, host: advice.Host, words: str
) -> None:
    monkeypatch.setattr(choose, "look", lambda: host)
    with pytest.raises(NoSandbox) as caught:
        asyncio.run(choose.choose())
    assert words in f"{caught.value.message} {caught.value.next_step}"
    assert [(name, words in str(reason)) for name, reason in asyncio.run(choose.survey())] == [("any", True)]
    with pytest.raises(NoSandbox):
        asyncio.run(choose.choose("docker"))


@pytest.mark.parametrize(
    "host",
    [
        advice.Host(),
        advice.Host(machine="aarch64"),
        advice.Host(inside="wsl2"),
        advice.Host(inside="container"),
        advice.Host(system="darwin", machine="arm64"),
    ],
)
def test_elsewhere_the_self_test_decides(host: advice.Host) -> None:
    assert advice.unsupported(host) is None


def test_no_container_and_no_seatbelt_is_taken_by_itself() -> None:
    assert {found.name for found in choose.candidates("auto")} == {"bwrap", "namespaces", "landlock"}
    with pytest.raises(NoSandbox, match="not an engine of this system"):
        asyncio.run(choose.choose("seatbelt"))


class Leaky:
    """An engine whose set-up says yes and whose walls do not hold."""

    name = "leaky"
    level = 3

    async def describe(self) -> Isolation:
        return Isolation(3, self.name)

    @contextlib.asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        async with UnsafeEngine().open(plan) as box:
            yield box


def test_an_engine_whose_walls_do_not_hold_is_refused() -> None:
    with pytest.raises(NoSandbox) as caught:
        asyncio.run(selftest.probe(Leaky()))
    for attempt in (
        "read a private file",
        "write outside",
        "reach a listener",
        "signal cab-check",
        "leave a setuid file",
    ):
        assert attempt in caught.value.message


def test_a_box_whose_walls_do_not_hold_is_not_handed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the self-test is made in the command's own box, nothing of the command has run when it fails."""
    monkeypatch.setattr(choose, "engines", lambda: (Leaky(),))

    async def go(wanted: str) -> None:
        async with choose.open_box(wanted, Plan((Mount(tmp_path, "/app", True),), (find("python"),))) as (box, _):
            await box.run(["touch", "ran"], timeout_s=10)

    with pytest.raises(NoSandbox, match="leaky: the walls do not hold: read a private file"):
        asyncio.run(go("auto"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limits", [Limits(), Limits(memory_bytes=24 << 20)], ids=["in its own", "tight"])
def test_a_box_that_holds_is_handed_out_with_what_was_tried(walls: Engine, limits: Limits) -> None:
    async def go(work: Path) -> tuple[Isolation, bytes]:
        plan = Plan((Mount(work, "/app", True),), (find("python"),), limits=limits)
        async with choose.open_box(walls.name, plan) as (box, isolation):
            return isolation, (await box.run(["sh", "-c", "ls -A . ~ /tmp | grep ."], timeout_s=10)).stdout

    with scratch.directory("work") as work:
        isolation, left = asyncio.run(go(work))
    assert isolation.engine == walls.name and len(isolation.selftest) >= 12
    assert set(isolation.selftest.values()) == {"held"}
    assert [line for line in left.decode().splitlines() if not line.endswith(":")] == []


class Mute:
    """An engine in which the self-test comes back without a verdict."""

    name = "mute"
    level = 3
    isolation = Isolation(3, "mute")

    @contextlib.asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Mute]:
        yield self

    async def run(self, *_: object, **__: object) -> Done:
        return Done(0, None, b"", b"", 0.1)


def test_no_verdict_is_no_pass() -> None:
    with pytest.raises(NoSandbox, match="without a verdict"):
        asyncio.run(selftest.examine(Mute()))  # type: ignore[arg-type]


def test_bubblewrap_must_belong_to_root(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o777)
    with pytest.raises(NoSandbox, match="not installed"):
        asyncio.run(BubblewrapEngine((fake,)).describe())


def test_walls_that_fail_later_run_nothing(walls: Engine) -> None:
    async def inside(work: Path) -> None:
        async with walls.open(Plan((Mount(work, "/work", True), Mount(work / "gone", "/gone")))) as box:
            await box.run(["touch", "/work/ran"], timeout_s=5)

    with scratch.directory("work") as work:
        with pytest.raises((NoSandbox, OSError)):
            asyncio.run(inside(work))
        assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (advice.Host(apparmor_restricts=True), "apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"),
        (advice.Host(inside="container"), "--security-opt"),
        (advice.Host(switched_off=True), "sysctl -w"),
        (advice.Host(), "bubblewrap"),
    ],
)
def test_advice(host: advice.Host, words: str) -> None:
    assert words in advice.mend(host)


def test_every_walls_are_described(walls: Engine) -> None:
    isolation = standing()[walls.name]
    assert isinstance(isolation, Isolation)
    assert isinstance(isolation.walls, Mapping) and {"network", "files", "processes"} <= set(isolation.walls)
    assert bool(isolation.gaps) == (isolation.level < 3)
    assert engine(walls.name).level == isolation.level
