"""How a result reaches the user: stdout carries it and nothing else, files as asked, notes on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from cab_check.base.errors import OutputError, UsageError
from cab_check.cli.options import Showing
from cab_check.cli.screen import columns, wants_color
from cab_check.record import output
from cab_check.report.as_json import write_json
from cab_check.report.markdown import markdown
from cab_check.report.stream import write
from cab_check.report.terminal import verdict_line
from cab_check.report.verbose import verbose
from cab_check.wire.exchange import Recording

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
