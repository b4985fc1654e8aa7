"""The commands, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import typer

from cab_check.base.errors import CabError, Stopped, UsageError
from cab_check.base.text import nearest
from cab_check.cli import check, demo, diagnose, doctor, explain, rules, runs, sandbox, tasks, tuis, wiring
from cab_check.cli.drain import drain_stdout
from cab_check.cli.options import takes_groups
from cab_check.cli.show import say
from cab_check.record.compose import error_document
from cab_check.report.as_json import write_json

app = typer.Typer(
    name="cab-check",
    help="Will your model, your endpoint and your coding agent work together? Why not, and which line to change.",
    epilog="Without a command: check. Start with: cab-check --endpoint URL, or: cab-check demo",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("check")(takes_groups(check.check))
app.command("handshake")(takes_groups(check.handshake))
app.command("diagnose")(takes_groups(diagnose.diagnose))
app.command("wiring")(wiring.wiring)
app.command("explain")(explain.explain)
app.command("report")(takes_groups(runs.report))
app.command("doctor")(doctor.doctor)
app.command("sandbox", help=sandbox.SUMMARY)(lambda: 0)  # listed here; it reads its own command line
app.command("tuis")(tuis.tuis)
app.add_typer(runs.app, name="runs")
app.add_typer(tasks.app, name="tasks")
app.add_typer(demo.app, name="demo")
app.add_typer(rules.app, name="rules")

COMMANDS = (
    "check",
    "handshake",
    "diagnose",
    "explain",
    "report",
    "doctor",
    "sandbox",
    "tuis",
    "wiring",
    "runs",
    "tasks",
    "demo",
    "rules",
)
_READER_LEFT = 141  # what a shell shows for a program that SIGPIPE ended: `cab-check ... | head`
_BUG = "This is a defect of cab-check: please report it with the lines above."


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. With `--json`, stdout gets one document whatever happens."""
    code = sandbox.main(arguments[1:]) if arguments[:1] == ["sandbox"] else _guarded(arguments)
    drain_stdout()
    return code


def _guarded(arguments: Sequence[str]) -> int:
    try:
        return _run(with_command(arguments))
    except BrokenPipeError:
        return _READER_LEFT
    except CabError as failure:
        return _tell(failure, arguments)
    except KeyboardInterrupt:
        return _tell(Stopped("Interrupted by Ctrl-C."), arguments)
    except Exception as defect:
        traceback.print_exc()
        return _tell(CabError(f"{type(defect).__name__}: {defect}", _BUG), arguments)


def with_command(arguments: Sequence[str]) -> list[str]:
    """The command line with `check` put in where no command stands. Raises UsageError for a word that is none."""
    first = arguments[0] if arguments else None
    if first is None or (first.startswith("-") and first not in ("--help", "-h")):
        return ["check", *arguments]
    if first == "-h":
        return ["--help"]
    if not first.startswith("-") and first not in COMMANDS:
        if "://" in first or ":" in first:
            raise UsageError(f"{first!r} is not a command.", f"An endpoint is given so: cab-check --endpoint {first}")
        close = nearest(first, list(COMMANDS))
        meant = f"Did you mean {' or '.join(close)}?" if close else f"Commands: {', '.join(COMMANDS)}."
        raise UsageError(f"{first!r} is not a command.", meant)
    return list(arguments)


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="cab-check", standalone_mode=False)
    except typer.TyperException as wrong:
        command = arguments[0] if arguments[0] in COMMANDS else ""
        help_line = " ".join(["cab-check", *([command] if command else []), "--help"])
        raise UsageError(wrong.format_message().rstrip(".") + ".", f"See {help_line}.") from wrong
    except typer.Abort as stop:
        raise Stopped("Interrupted.") from stop
    return code if isinstance(code, int) else 0


def _tell(failure: CabError, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        write_json(error_document(failure), sys.stdout)
        sys.stdout.flush()
    else:
        say(f"error: {failure.message}", *([failure.next_step] if failure.next_step else []))
    return failure.exit_code
