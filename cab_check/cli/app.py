"""The commands, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from types import ModuleType

import typer

from cab_check.base.errors import CabError, Stopped, UsageError
from cab_check.base.text import nearest
from cab_check.cli.drain import drain_stdout
from cab_check.cli.options import takes_groups
from cab_check.cli.screen import say

_SHORT = {
    "check": "The main job: handshake, one task, provisional score.",
    "report": "Print a stored run again, write it, or make it fit to pass on.",
    "doctor": "This machine: walls, toolchains, proxies, certificates.",
    "sandbox": "Run a command behind the walls of a task.",
    "tuis": "The known agent CLIs: what each sends, and needs.",
    "tasks": "The bundled tasks; show one, or export them.",
    "demo": "The main job against the built-in endpoint, offline, no key.",
}
"""What `cab-check --help` says of a command whose own first sentence is too long for a line of 80 columns."""
Adding = Callable[[typer.Typer, str, ModuleType], None]


def _plain(app: typer.Typer, name: str, module: ModuleType) -> None:
    app.command(name, short_help=_SHORT.get(name))(getattr(module, name))


def _grouped(app: typer.Typer, name: str, module: ModuleType) -> None:
    app.command(name, short_help=_SHORT.get(name))(takes_groups(getattr(module, name)))


def _nested(app: typer.Typer, name: str, module: ModuleType) -> None:
    app.add_typer(module.app, name=name, short_help=_SHORT.get(name))


def _listed(app: typer.Typer, name: str, module: ModuleType) -> None:
    """It reads its own command line."""
    app.command(name, help=module.SUMMARY, short_help=_SHORT.get(name))(lambda: 0)


COMMANDS: Mapping[str, tuple[str, Adding]] = {
    "check": ("check", _grouped),
    "handshake": ("check", _grouped),
    "diagnose": ("diagnose", _grouped),
    "wiring": ("wiring", _plain),
    "explain": ("explain", _plain),
    "report": ("runs", _grouped),
    "doctor": ("doctor", _plain),
    "sandbox": ("sandbox", _listed),
    "tuis": ("tuis", _plain),
    "runs": ("runs", _nested),
    "tasks": ("tasks", _nested),
    "demo": ("demo", _nested),
    "rules": ("rules", _nested),
}
"""Every command, the module of this room that has it, and how it is taken from there."""

_READER_LEFT = 141  # what a shell shows for a program that SIGPIPE ended: `cab-check ... | head`
_BUG = "This is a defect of cab-check: please report it with the lines above."


def build(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The commands `names`. The code of the others is not loaded: nobody waits for what was not asked for."""
    app = typer.Typer(
        name="cab-check",
        help="Will your model, your endpoint and your coding agent work together? Why not, and which line to change.",
        epilog="Without a command: check (see cab-check check -h). To try it: cab-check demo",
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # or typer would take the name of an only command away
    for name in names:
        module, add = COMMANDS[name]
        add(app, name, import_module(f"cab_check.cli.{module}"))
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. With `--json`, stdout gets one document whatever happens."""
    code = _guarded(arguments)
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
        if any(mark in first for mark in ":./") or first == "localhost":
            raise UsageError(f"{first!r} is not a command.", f"An endpoint is given so: cab-check --endpoint {first}")
        close = nearest(first, list(COMMANDS))
        meant = f"Did you mean {' or '.join(close)}?" if close else f"Commands: {', '.join(COMMANDS)}."
        raise UsageError(f"{first!r} is not a command.", meant)
    return list(arguments)


def _run(arguments: list[str]) -> int:
    try:
        app = build([arguments[0]] if arguments[0] in COMMANDS else COMMANDS)
        code = app(arguments, prog_name="cab-check", standalone_mode=False)
    except typer.TyperException as wrong:
        command = arguments[0] if arguments[0] in COMMANDS else ""
        help_line = " ".join(["cab-check", *([command] if command else []), "--help"])
        said = wrong.format_message().rstrip(".")
        raise UsageError(said if said.endswith("?") else f"{said}.", f"See {help_line}.") from wrong
    except typer.Abort as stop:
        raise Stopped("Interrupted.") from stop
    except SystemExit as left:  # what typer makes of a broken pipe, with 1 for its code: ours for a failed task
        if isinstance(left.__context__, BrokenPipeError):
            raise left.__context__ from None
        raise
    return code if isinstance(code, int) else 0


def _tell(failure: CabError, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        from cab_check.record.compose import error_document
        from cab_check.report.as_json import write_json

        write_json(error_document(failure), sys.stdout)
        sys.stdout.flush()
    else:
        say(f"error: {failure.message}", *([failure.next_step] if failure.next_step else []))
    return failure.exit_code
