"""The last steps of a forked child before it becomes the command, the same behind all walls."""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH123
from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from cab_check.sandbox.launch import syscalls

REPORT_FD = 3
KEPT_FD = 4  # the first of those that a caller of `fork` keeps
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Command:
    """What is to be run: `env` is the whole environment, `cwd` as it is seen inside."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stdio:
    """Descriptors for a command: its three streams, and a pipe on which the child says how it went before exec.

    Words on the pipe, one a line: `exec`, then `noexec REASON` if that failed; `failed REASON` if the walls did;
    `exit N` or `signal N` from a pid 1.
    """

    stdin: int
    stdout: int
    stderr: int
    report: int


def fork(stdio: Stdio, body: Callable[[], None], *, keep: Sequence[int] = (), inherit: bool = False) -> int:
    """Fork a child that runs `body`, with its streams in place and nothing else open; its pid.

    `keep` are descriptors that it has from KEPT_FD on, and `inherit` says whether the program that it executes still
    has them. If `body` returns or raises, the child ends with 125 and the reason is on the report pipe.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        _take(stdio, keep, inherit)
        body()
    finally:
        last_words()


def _take(stdio: Stdio, keep: Sequence[int], inherit: bool) -> None:
    wanted = (stdio.stdin, stdio.stdout, stdio.stderr, stdio.report, *keep)
    above = [fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, len(wanted)) for source in wanted]
    for target, source in enumerate(above):
        os.dup2(source, target, inheritable=target < REPORT_FD or (inherit and target > REPORT_FD))
    syscalls.call("close_range", len(wanted), 0x7FFFFFFF, 0)


def say(word: str) -> None:
    """One line on the report pipe."""
    os.write(REPORT_FD, word.encode("utf-8", "replace")[:500] + b"\n")


def last_words() -> NoReturn:
    """End a forked child that should have become something else by now: for a `finally`, with the reason reported."""
    failure = sys.exc_info()[1]
    reason = failure.strerror if isinstance(failure, OSError) else None
    say(f"failed {reason or f'{type(failure).__name__}: {failure}'}")
    os._exit(125)


def die_with(parent: int) -> None:
    """End this process when `parent` ends, also if that has happened already."""
    syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(125)


def default_signals() -> None:
    """Undo what Python set: a handler for SIGINT, and SIGPIPE and SIGXFSZ ignored."""
    for which in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(which, signal.SIG_DFL)


def first_to_go() -> None:
    """Where memory runs out, have the kernel end this process and its children before the launcher."""
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as score:
        score.write(b"1000")


def drop_bounding_set() -> None:
    """Empty the ambient and the bounding set, so that no program brings a capability back."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as last:
        count = int(last.read()) + 1
    syscalls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(count):
        syscalls.prctl(PR_CAPBSET_DROP, capability)


def become_user(user: int) -> None:
    """Give up root's id, and every group of root's, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def clear_capabilities() -> None:
    """Empty the permitted, effective and inheritable sets. The bounding set needs a capability to change, and stays."""
    import ctypes
    import struct

    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    empty = bytes(24)
    syscalls.call(
        "capset", ctypes.create_string_buffer(header, len(header)), ctypes.create_string_buffer(empty, len(empty))
    )


def execute(command: Command) -> None:
    """Become the command. A command that cannot be executed is reported with its reason, and ends with 127 or 126."""
    os.chdir(command.cwd)
    os.umask(0o022)
    say("exec")
    try:
        os.execvpe(command.argv[0], list(command.argv), dict(command.env))
    except (FileNotFoundError, NotADirectoryError) as failure:
        not_executed(command, failure.strerror, 127)
    except OSError as failure:
        not_executed(command, failure.strerror, 126)
    except ValueError as failure:  # a NUL, or half of a surrogate pair, which no system call takes
        not_executed(command, str(failure), 126)


def not_executed(command: Command, reason: str | None, code: int) -> NoReturn:
    """End in the command's place, as a shell does that cannot execute it."""
    os.write(2, f"{command.argv[0]}: {reason}\n".encode("utf-8", "replace"))
    os._exit(code)
