"""How a result reaches the user: stdout carries it and nothing else, files as asked, notes on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from cab_check.base.errors import OutputError, UsageError
from cab_check.cli.options import Showing
from cab_check.record import output
from cab_check.report.as_json import write_json
from cab_check.report.markdown import markdown
from cab_check.report.terminal import encodable, verdict_line, write
from cab_check.report.verbose import verbose
from cab_check.wire.exchange import Recording

_WIDEST = 120
FORMS: output.Forms = {**output.FORMS, ".md": markdown}


def check_showing(showing: Showing) -> None:
    """See before the job that its result can be shown and written as asked. Raises UsageError."""
    if showing.color not in ("auto", "always", "never"):
        raise UsageError(f"--color {showing.color!r} is not known.", "Known: auto, always, never.")
    if showing.fail_on not in ("blocked", "degraded"):
        raise UsageError(f"--fail-on {showing.fail_on!r} is not known.", "Known: blocked, degraded.")
    for path in showing.output or []:
        output.check(path, FORMS)


def show(record: Mapping[str, Any], showing: Showing, recording: Recording | None = None) -> None:
    """Print the Record as asked, then write the files. The wire is shown at `-vv`, where `recording` is at hand.

    Raises OutputError for stdout (a full disk), and for a file after the rest was printed.
    """
    try:
        _print(record, showing, recording)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as failure:
        raise OutputError(f"Standard output cannot be written: {failure.strerror}.") from failure
    for path in showing.output or []:
        output.write(record, path, FORMS)


def _print(record: Mapping[str, Any], showing: Showing, recording: Recording | None) -> None:
    color = wants_color(showing.color)
    if showing.json:
        write_json(record, sys.stdout)
    elif showing.quiet:
        write(verdict_line(record, width=columns()), sys.stdout, color=color)
    else:
        write(verbose(record, showing.verbose, width=columns(), recording=recording), sys.stdout, color=color)


def wants_color(when: str) -> bool:
    """`--color`, else NO_COLOR, CLICOLOR_FORCE and FORCE_COLOR, else whether stdout is a terminal."""
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0" or os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and os.environ.get("CLICOLOR") != "0"


def columns() -> int:
    """The width to lay text out for: the terminal's, at most 120; 80 where there is none."""
    return min(shutil.get_terminal_size((80, 24)).columns, _WIDEST) if sys.stdout.isatty() else 80


def stderr_console() -> Console:
    """Where notes, prompts and progress go: wrapped at words on a terminal, whole lines in a log."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.soft_wrap = not console.is_terminal
    return console


def say(*lines: str) -> None:
    """Lines on stderr, in characters that it can carry."""
    console = stderr_console()
    for line in lines:
        console.print(Text(encodable(line, console.encoding)))


def put(lines: Iterable[str | Text], *, color: bool = False) -> None:
    """Lines of a result on stdout."""
    for line in lines:
        text = line if isinstance(line, Text) else Text(line)
        write(text.append("\n") if not text.plain.endswith("\n") else text, sys.stdout, color=color)
