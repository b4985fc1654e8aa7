"""SECURITY.md names every gap in the words in which it is printed, and every level and engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cab_check.sandbox import scratch, walls
from cab_check.sandbox.box import Engine, Mount, Plan
from cab_check.sandbox.toolchains import find as find_toolchain

PAGE = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").split())
GAPS = (
    *walls.LEVEL_2_GAPS,
    *walls.CONTAINER_GAPS,
    *walls.SEATBELT_GAPS,
    *walls.LEVEL_0_GAPS,
    walls.AS_ROOT_GAP,
    walls.SIGNAL_GAP,
)


@pytest.mark.parametrize("gap", GAPS)
def test_every_gap_stands_there(gap: str) -> None:
    assert gap in PAGE


def test_what_was_not_tried_is_said_to_be_that() -> None:
    rows = (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    for engine in ("seatbelt", "docker"):
        row = next(line for line in rows if line.startswith("|") and engine in line)
        assert "not tried by us" in row


LOOK = """
import fcntl, json, os
def works(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True
def read(path):
    try:
        return open(path).read()
    except OSError:
        return ""
print(json.dumps({
    "paths": read("/proc/self/mountinfo"),
    "options": bool(read("/proc/cmdline")),
    "boot": bool(read("/proc/sys/kernel/random/boot_id")),
    "locked": works(lambda: fcntl.flock(os.open("/usr/bin/env", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)),
    "changed": works(lambda: os.open("/usr/bin/env", os.O_WRONLY)),
    "memory": works(lambda: open("/dev/shm/x", "w").close()),
}))
"""


def test_what_can_be_learnt_and_done_inside_is_what_the_page_says(walls: Engine) -> None:
    async def inside() -> tuple[str, bytes]:
        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),), (find_toolchain("python"),))) as box:
                return work.name, (await box.run(["python3", "-I", "-S", "-c", LOOK], timeout_s=20)).stdout

    name, said = asyncio.run(inside())
    seen = json.loads(said)
    at_level_3 = walls.level == 3
    assert (name in seen["paths"], seen["options"], seen["memory"]) == (at_level_3,) * 3
    assert (seen["locked"], seen["changed"], seen["boot"]) == (True, False, True)
    for words in ("/proc/self/mountinfo", "its start-up options", "the boot id", "`flock`", "`/dev/shm` too"):
        assert words in PAGE
