"""Every error that cab-check raises on purpose.

::

    CabError                      70  a defect of cab-check, unless a class below says otherwise
    ├── UsageError                 2  what was typed cannot be done
    │   ├── AddressError           2  the endpoint is not a usable http(s) address
    │   ├── UnknownName            2  no task, TUI, fault, code or run of that name
    │   └── OutputError            2  a file that was asked for cannot be written
    ├── CannotCheck                4  no plain chat could be had, or a ceiling of the job was reached
    ├── CannotRun                  5  this machine cannot run the task
    │   ├── NoSandbox              5  no walls stand here
    │   └── ToolchainMissing       5  the task needs a program that is not installed
    └── Stopped                  130  ended early: Ctrl-C (143 for SIGTERM, 4 for a ceiling of the job)

A class knows its exit code; an instance carries the message and the next step, both of them sentences for
the user. Where several apply at once, `worst` gives the code that wins (70, 130/143, 2, 4, 3, 5, 1, 0).
"""

from __future__ import annotations

from collections.abc import Iterable

PRECEDENCE = (70, 130, 143, 2, 4, 3, 5, 1, 0)


class CabError(Exception):
    """Base of the tree. `next_step` is what the user can do about it, or an empty string."""

    exit_code = 70
    kind = "defect"

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class UsageError(CabError):
    """What was typed cannot be done."""

    exit_code = 2
    kind = "usage"


class AddressError(UsageError):
    """The endpoint is not a usable http(s) address."""

    kind = "address"


class UnknownName(UsageError):
    """There is no task, TUI, fault, code or run of that name."""

    kind = "unknown-name"


class OutputError(UsageError):
    """A file that the user asked for cannot be written."""

    kind = "output"


class CannotCheck(CabError):
    """No plain chat could be had, or a ceiling of the job was reached before a verdict."""

    exit_code = 4
    kind = "unchecked"


class CannotRun(CabError):
    """This machine cannot run the task."""

    exit_code = 5
    kind = "machine"


class NoSandbox(CannotRun):
    """No walls stand on this machine, so nothing is run on it."""

    kind = "no-sandbox"


class ToolchainMissing(CannotRun):
    """The task needs a program that is not installed, or that does not work inside the walls."""

    kind = "toolchain"


class Stopped(CabError):
    """Ended early; what was found so far is kept. `by` names what ended it: interrupt, terminate, or a ceiling."""

    exit_code = 130
    kind = "stopped"

    def __init__(self, message: str, next_step: str = "", *, exit_code: int = 130, by: str = "interrupt") -> None:
        super().__init__(message, next_step)
        self.exit_code = exit_code
        self.by = by


def worst(codes: Iterable[int]) -> int:
    """The exit code that wins among `codes`; 0 if there are none, 70 for one that is not in the list."""
    seen = set(codes)
    if seen - set(PRECEDENCE):
        return 70
    return next((code for code in PRECEDENCE if code in seen), 0)
