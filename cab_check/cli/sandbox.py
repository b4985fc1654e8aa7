"""`cab-check sandbox -- ARGV`: any command behind the walls that a task's commands get, so that anyone can try them.

Nothing of the rest of the command line is imported here: a short command would wait for it.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cab_check.base.errors import CabError, Stopped, UsageError
from cab_check.base.text import one_line
from cab_check.cli.relay import Relay, standard_input
from cab_check.cli.session import Session, leave
from cab_check.sandbox import choose, scratch
from cab_check.sandbox.box import Done, Limits, Mount, Plan
from cab_check.sandbox.mountplan import WORK_INSIDE
from cab_check.sandbox.toolchains import all_here
from cab_check.sandbox.walls import wall_lines

SETTINGS = {"allow_interspersed_args": False}
FAILED, TIMED_OUT, READER_LEFT = 125, 124, 141
_UNLIMITED = 1 << 62  # bytes of output: it is passed on as it comes, and not kept
_MIB = 1 << 20
_USUAL = Limits()


def sandbox(
    argv: Annotated[list[str], typer.Argument(metavar="ARGV...", help="The command, best after --")],
    workdir: Annotated[
        Path | None, typer.Option("--workdir", "-w", metavar="DIR", help="Writable inside, as /app (a temporary one)")
    ] = None,
    level: Annotated[
        int | None, typer.Option("--level", metavar="N", min=1, max=3, help="Only walls of level N")
    ] = None,
    wanted: Annotated[
        str, typer.Option("--sandbox", metavar="NAME", help=f"{', '.join(choose.WANTED)} (auto)", show_default=False)
    ] = "auto",
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds it may take")] = 3600,
    cpu: Annotated[int, typer.Option("--cpu", metavar="S", min=1, help="CPU seconds of one process")] = _USUAL.cpu_s,
    memory: Annotated[int, typer.Option("--memory", metavar="MIB", min=1, help="Memory of all its processes")] = (
        _USUAL.memory_bytes // _MIB
    ),
    processes: Annotated[int, typer.Option("--processes", metavar="N", min=1, help="Processes at a time")] = (
        _USUAL.processes
    ),
    disk: Annotated[int, typer.Option("--disk", metavar="MIB", min=1, help="All that it may write")] = (
        _USUAL.disk_bytes // _MIB
    ),
    raw: Annotated[bool, typer.Option("--raw", help="Let escape sequences through to a terminal")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not tell which walls stand")] = False,
) -> int:
    """Run a command behind the walls of a task: same view, no network, no key. Output and exit code are its own.

    Exit codes besides the command's: 124 if its time was up, 125 if the walls do not stand or cab-check failed,
    126 and 127 for a command that cannot be executed or is not there, 128 + N for one that signal N ended.
    """
    if level is not None and wanted not in ("auto", str(level)):
        raise UsageError("--level and --sandbox exclude each other.", "Leave one of them out.")
    limits = Limits(
        cpu_s=cpu,
        memory_bytes=memory * _MIB,
        processes=processes,
        disk_bytes=disk * _MIB,
        output_bytes=_UNLIMITED,
    )
    relay = Relay(raw=raw)
    with Session() as session:
        try:
            with _work_folder(workdir, quiet=quiet) as work:
                plan = Plan((Mount(work, WORK_INSIDE, writable=True),), all_here(), limits=limits)
                wish = wanted if level is None else str(level)
                done = session.run(_run(argv, plan, wish, timeout, relay, quiet=quiet))
        except Stopped as stopped:
            _say(f"{stopped.message} Nothing of it is left.")
            leave(stopped.exit_code)
        except BrokenPipeError:
            return READER_LEFT  # ended with the command, as a broken pipe ends any program
    if done.limit is not None:
        _say(f"the command went over its limit: {_LIMITS[done.limit]}")
    return _exit_code(done)


async def _run(argv: Sequence[str], plan: Plan, wanted: str, timeout_s: float, relay: Relay, *, quiet: bool) -> Done:
    engine = await choose.choose(wanted)
    async with engine.open(plan) as box:
        if not quiet:
            _say(*wall_lines(box.isolation))
        return await box.stream(argv, timeout_s=timeout_s, sink=relay.put, stdin=standard_input())


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
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command("sandbox", context_settings=SETTINGS)(sandbox)
    try:
        code = app(list(arguments), prog_name="cab-check sandbox", standalone_mode=False)
    except typer.TyperException as wrong:
        _say(f"error: {wrong.format_message().rstrip('.')}.", "See cab-check sandbox --help.")
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        return Stopped.exit_code
    except CabError as failure:
        _say(f"error: {failure.message}", *([failure.next_step] if failure.next_step else []))
        return FAILED
    except Exception:
        traceback.print_exc()
        _say("error: this is a defect of cab-check: please report it with the lines above.")
        return FAILED
    return code if isinstance(code, int) else 0


def _say(*lines: str) -> None:
    """Lines of ours on the command's own stderr."""
    for line in lines:
        print(f"cab-check: {line}", file=sys.stderr, flush=True)
