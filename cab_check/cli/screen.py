"""Lines for a person: on stdout what was asked for, on stderr notes, each as wide and as colored as fits."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from cab_check.report.stream import encodable, write

_WIDEST = 120


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
