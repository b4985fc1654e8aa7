"""Run a command behind the walls of a task: `cab-check sandbox -- ARGV`, so that anyone can try them.

Nothing of the rest of the command line is imported here, and typer, which brings pydantic, is not either: a short
command would wait for them longer than for its walls.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

from cab_check.base.errors import CabError, Stopped, UsageError
from cab_check.base.text import one_line
from cab_check.cli.relay import Relay, standard_input
from cab_check.cli.session import Session, leave
from cab_check.sandbox import choose, scratch
from cab_check.sandbox.box import Done, Limits, Mount, Plan
from cab_check.sandbox.mountplan import WORK_INSIDE
from cab_check.sandbox.toolchains import all_here
from cab_check.sandbox.walls import wall_lines

FAILED, TIMED_OUT, READER_LEFT = 125, 124, 141
_UNLIMITED = 1 << 62  # bytes of output: it is passed on as it comes, and not kept
_MIB = 1 << 20
_USUAL = Limits()
_COUNTED = (
    ("cpu", ("S", "CPU seconds of one process"), _USUAL.cpu_s),
    ("memory", ("MIB", "Memory of all its processes"), _USUAL.memory_bytes // _MIB),
    ("processes", ("N", "Processes at a time"), _USUAL.processes),
    ("disk", ("MIB", "All that it may write"), _USUAL.disk_bytes // _MIB),
)
SUMMARY = "Run a command behind the walls of a task: same view, no network, no key. Output and exit code are its own."
_ENDINGS = (
    "Exit codes besides the command's: 124 if its time was up, 125 if the walls do not stand or cab-check failed, "
    "126 and 127 for a command that cannot be executed or is not there, 128 + N for one that signal N ended."
)

Number = TypeVar("Number", int, float)


def parser() -> argparse.ArgumentParser:
    """The options; what follows them, or `--`, is the command with options of its own."""
    found = _Parser(
        prog="cab-check sandbox",
        usage="cab-check sandbox [OPTIONS] [--] ARGV...",
        description=SUMMARY,
        epilog=_ENDINGS,
        allow_abbrev=False,
    )
    add = found.add_argument
    add("argv", nargs=argparse.REMAINDER, metavar="ARGV", help="The command, best after --")
    add("-w", "--workdir", type=Path, metavar="DIR", help="Writable inside, as /app (a temporary one)")
    add("--level", type=int, choices=(2, 3), metavar="N", help="Only walls of level N: 2 or 3")
    add("--sandbox", metavar="NAME", help=f"{', '.join(choose.WANTED)} (auto)")
    add("--timeout", type=_least(0.1), default=3600.0, metavar="S", help="Seconds it may take (3600)")
    for name, what, usual in _COUNTED:
        add(f"--{name}", type=_least(1), default=usual, metavar=what[0], help=f"{what[1]} ({usual})")
    add("--raw", action="store_true", help="Let escape sequences through to a terminal")
    add("-q", "--quiet", action="store_true", help="Do not tell which walls stand")
    return found


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.rstrip('.')}.", f"See {self.prog} --help.")


def _least(least: Number) -> Callable[[str], Number]:
    def number(typed: str) -> Number:
        value = type(least)(typed)
        if not value >= least:  # so that nan is none
            raise argparse.ArgumentTypeError(f"{typed} is less than {least}")
        return value

    number.__name__ = "number"  # as argparse names what it expected
    return number


def sandbox(wish: argparse.Namespace) -> int:
    """Run a command behind the walls of a task; its exit code, or one of ours (see `_ENDINGS`)."""
    limits = Limits(
        cpu_s=wish.cpu,
        memory_bytes=wish.memory * _MIB,
        processes=wish.processes,
        disk_bytes=wish.disk * _MIB,
        output_bytes=_UNLIMITED,
    )
    relay = Relay(raw=wish.raw)
    with Session() as session:
        try:
            with _work_folder(wish.workdir, quiet=wish.quiet) as work:
                plan = Plan((Mount(work, WORK_INSIDE, writable=True),), all_here(), limits=limits)
                done = session.run(_run(wish, plan, relay))
        except Stopped as stopped:
            _say(f"{stopped.message} Nothing of it is left.")
            leave(stopped.exit_code)
        except BrokenPipeError:
            return READER_LEFT  # ended with the command, as a broken pipe ends any program
    if done.limit is not None:
        _say(f"the command went over its limit: {_LIMITS[done.limit]}")
    return _exit_code(done)


async def _run(wish: argparse.Namespace, plan: Plan, relay: Relay) -> Done:
    async with choose.open_box(wish.sandbox, plan) as (box, isolation):
        if not wish.quiet:
            _say(*wall_lines(isolation))
        return await box.stream(wish.argv, timeout_s=wish.timeout, sink=relay.put, stdin=standard_input())


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed. Raises UsageError, and SystemExit for --help, which is printed."""
    wish = parser().parse_args(arguments)
    wish.argv = wish.argv[1:] if wish.argv[:1] == ["--"] else wish.argv
    if not wish.argv:
        raise UsageError("ARGV is missing: there is no command to run.", "See cab-check sandbox --help.")
    if wish.level is not None and wish.sandbox is not None:
        raise UsageError("--level and --sandbox exclude each other.", "Leave one of them out.")
    wish.sandbox = wish.sandbox or str(wish.level or "auto")
    return wish


_LIMITS = {
    "wall": "time (--timeout)",
    "cpu": "CPU time of one process (--cpu)",
    "memory": "memory (--memory)",
    "processes": "processes (--processes)",
    "disk": "bytes written (--disk)",
    "files": f"{_USUAL.files} files",
}


def _exit_code(done: Done) -> int:
    if done.limit == "wall":
        return TIMED_OUT
    if done.exit_code is not None:
        return done.exit_code
    return 128 + (done.signal or 9)


@contextmanager
def _work_folder(folder: Path | None, *, quiet: bool) -> Iterator[Path]:
    """The work directory: the user's own, which is kept, or a temporary one, which goes. Raises UsageError."""
    if folder is None:
        with scratch.directory("sandbox") as temporary:
            yield temporary
        if not quiet:
            _say("the work directory was a temporary one and is gone; --workdir DIR keeps what is written")
        return
    if not folder.is_dir():
        raise UsageError(f"--workdir {one_line(str(folder))} is not a directory.", "Make it first.")
    yield folder
    if not quiet:
        _say(f"what it wrote is in {one_line(str(folder))}")


def main(arguments: Sequence[str]) -> int:
    """`cab-check sandbox` with `arguments`; its exit code. A failure of cab-check itself is 125, whatever it is."""
    try:
        return sandbox(read(arguments))
    except KeyboardInterrupt:
        return Stopped.exit_code
    except CabError as failure:
        _say(f"error: {failure.message}", *([failure.next_step] if failure.next_step else []))
        return FAILED
    except Exception:
        traceback.print_exc()
        _say("error: this is a defect of cab-check: please report it with the lines above.")
        return FAILED


def _say(*lines: str) -> None:
    """Lines of ours on the command's own stderr."""
    for line in lines:
        print(f"cab-check: {line}", file=sys.stderr, flush=True)
