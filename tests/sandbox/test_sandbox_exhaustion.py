"""Attempts to use up the machine, and to outlive the command, in every engine, each with its control."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import time
from typing import Any, cast

import pytest
from sandbox_exhaustion import (
    MAY_LACK_CONTROL,
    OUTLIVING,
    Exhaustion,
    gets_through,
    outcome,
    outlives,
    outlives_without_walls,
)
from sandbox_exhaustion_hidden import EVERY_EXHAUSTION
from sandbox_outside import running_with, standing

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox import walls as told
from cab_check.sandbox.box import Engine, Isolation, Mount, Plan
from cab_check.sandbox.toolchains import find

CASES = pytest.mark.parametrize("case", EVERY_EXHAUSTION, ids=lambda case: case.name)


@CASES
def test_it_gets_more_than_the_limit_where_nobody_limits_it(case: Exhaustion) -> None:
    through, said = gets_through(case)
    if not through and case.may_lack_control:
        pytest.skip(f"no control: {case.may_lack_control}; here: {said}")
    assert through, f"the attempt proves nothing: {said}"


@CASES
def test_it_is_ended_or_refused(walls: Engine, case: Exhaustion) -> None:
    verdict, detail = outcome(case, walls.name)
    assert verdict == "held", detail


@pytest.mark.parametrize("attempt", OUTLIVING)
def test_it_outlives_a_command_where_nobody_cleans_up(attempt: str) -> None:
    through = outlives_without_walls(attempt)
    if not through and attempt in MAY_LACK_CONTROL:
        pytest.skip(f"no control: {MAY_LACK_CONTROL[attempt]}")
    assert through, "the attempt proves nothing"


@pytest.mark.parametrize("attempt", OUTLIVING)
def test_nothing_is_left_of_it(walls: Engine, attempt: str) -> None:
    left, done = outlives(attempt, walls.name)
    assert done.exit_code == 5, done
    assert not left
    assert done.wall_s < 15


def gaps(engine: Engine) -> tuple[str, ...]:
    isolation = standing()[engine.name]
    assert isinstance(isolation, Isolation)
    return isolation.gaps


def test_what_outlives_a_killed_launcher_is_a_printed_gap(walls: Engine) -> None:
    mark = f"mark{secrets.token_hex(8)}"
    daemon = "import os, time; os.fork() and os._exit(0); os.setsid(); print('on', flush=True); time.sleep(60)"

    async def inside() -> None:
        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
                on = asyncio.Event()
                script = ["/bin/sh", "-c", f'python3 -I -S -c "{daemon}" {mark}; sleep 60']
                command = asyncio.create_task(box.run(script, timeout_s=60, watch=lambda *_: on.set()))
                await asyncio.wait_for(on.wait(), 20)
                cast(Any, box)._launcher.kill()
                with pytest.raises(NoSandbox):
                    await command

    asyncio.run(inside())
    end = time.monotonic() + (5 if told.OUTLIVING_GAP not in gaps(walls) else 0.5)
    while (left := running_with(mark)) and time.monotonic() < end:
        time.sleep(0.02)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert bool(left) == (told.OUTLIVING_GAP in gaps(walls))


MISSING = """
import ctypes, json, os, socket
def works(attempt):
    try:
        return attempt() is not False
    except OSError:
        return False
print(json.dumps({
    "/dev/shm": works(lambda: open("/dev/shm/x", "w").close()),
    "sockets": works(lambda: socket.socket().close()),
    "inotify": works(lambda: ctypes.CDLL(None).inotify_init() >= 0),
    "/proc/self": works(lambda: os.listdir("/proc/self")),
}))
"""


def test_what_is_missing_inside_is_printed(walls: Engine) -> None:
    async def inside() -> bytes:
        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
                return (await box.run(["python3", "-I", "-S", "-c", MISSING], timeout_s=20)).stdout

    works = json.loads(asyncio.run(inside()))
    assert set(works.values()) == {told.MISSING_GAP not in gaps(walls)}
    assert all(name in told.MISSING_GAP for name in works)
