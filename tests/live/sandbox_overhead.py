"""What the walls cost: CPU and wall time of /bin/true bare, in bubblewrap alone, in an open box, and by command line.

    .venv/bin/python tests/live/sandbox_overhead.py [--runs N]

All are measured in turn in the same run, so that load of the machine hits each alike; medians are shown. CPU time is
that of every process that takes part: the kernel's count for children that have ended, the scheduler's for a launcher
that stays. "over" is the CPU time beyond the bare command. `cab-check sandbox` loads its part of the command line,
builds walls and tries them from inside before its command runs; that is its start-up. `--help` loads the whole command
line, `sandbox --help` that part. As root bubblewrap is not used by cab-check, and its engine
is shown for an ordinary user only.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Mount, Plan
from cab_check.sandbox.choose import engines
from cab_check.sandbox.selftest import probe

_NULL = asyncio.subprocess.DEVNULL
TRUE = "/bin/true"
MOST_MS = 15.0
_BWRAP = ("--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--")
_COMMAND = (sys.executable, "-m", "cab_check")

Measured = tuple[float, float]  # CPU and wall, milliseconds
Case = Callable[[], Awaitable[Measured]]


def process(*argv: str) -> Case:
    """A process of its own, with all its children."""

    async def measure() -> Measured:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        child = await asyncio.create_subprocess_exec(*argv, stdin=_NULL, stdout=_NULL)
        assert await child.wait() == 0
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000, wall * 1000

    return measure


def in_box(box: Box) -> Case:
    """A command in an open box: its own CPU, the launcher's and this process's."""

    def launcher_s() -> float:
        pid = box._launcher.pid  # type: ignore[attr-defined]
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9

    async def measure() -> Measured:
        own, launcher, began = time.process_time(), launcher_s(), time.perf_counter()
        done = await box.run([TRUE], timeout_s=30)
        wall = time.perf_counter() - began
        assert done.exit_code == 0 and done.cpu_s is not None
        cpu = done.cpu_s + time.process_time() - own + launcher_s() - launcher
        return cpu * 1000, wall * 1000

    return measure


async def cases(stack: AsyncExitStack) -> dict[str, Case]:
    """Everything that can be measured on this machine."""
    found = {"bare": process(TRUE)}
    bwrap = shutil.which("bwrap")
    if bwrap:
        found["bubblewrap alone"] = process(bwrap, *_BWRAP, TRUE)
    for engine in engines():
        work = stack.enter_context(scratch.directory("overhead"))
        try:
            await probe(engine)
            box = await stack.enter_async_context(engine.open(Plan((Mount(work, "/app", True),))))
        except NoSandbox as reason:
            print(f"{engine.name}: {reason.message}")
            continue
        await box.run([TRUE], timeout_s=30)  # the first is not what is measured
        found[f"open box, {engine.name}"] = in_box(box)
    found["cab-check --help"] = process(*_COMMAND, "--help")
    found["cab-check --version"] = process(*_COMMAND, "--version")
    found["cab-check sandbox --help"] = process(*_COMMAND, "sandbox", "--help")
    found["cab-check sandbox"] = process(*_COMMAND, "sandbox", "-q", "--", TRUE)
    return found


async def measure(runs: int) -> dict[str, list[Measured]]:
    """Every case `runs` times, in turn."""
    async with AsyncExitStack() as stack:
        found = await cases(stack)
        results: dict[str, list[Measured]] = {name: [] for name in found}
        for _ in range(runs):
            for name, case in found.items():
                results[name].append(await case())
        return results


def main() -> int:
    """Print the table; 1 if an open box or the command costs more than it may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=21, metavar="N", help="how often each is measured (21)")
    results = asyncio.run(measure(parser.parse_args().runs))
    medians = {
        name: tuple(statistics.median(run[n] for run in runs) for n in range(2)) for name, runs in results.items()
    }
    bare = medians["bare"][0]
    print(f"{'':28} {'CPU ms':>8} {'over':>8} {'wall ms':>8}")
    for name, (cpu, wall) in medians.items():
        print(f"{name:28} {cpu:8.1f} {cpu - bare:8.1f} {wall:8.1f}")
    over = [name for name, (cpu, _) in medians.items() if name.startswith("open box") and cpu - bare > MOST_MS]
    print(f"over {MOST_MS:.0f} ms: {', '.join(over) or 'no open box'}")
    whole, loaded = (medians[name][0] for name in ("cab-check sandbox", "cab-check --help"))
    print(f"cab-check sandbox, all in all: {whole / loaded:.2f} of the CPU time in which cab-check --help is ready")
    return 1 if over or whole > loaded + MOST_MS else 0


if __name__ == "__main__":
    sys.exit(main())
