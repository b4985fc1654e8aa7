"""Level 3 through bubblewrap: the same view and the same filter, set up by a reviewed program of the distribution.

bubblewrap is executed by the clean launcher, because its own `--clearenv` leaves the environment that it was
started with readable at /proc/1/environ inside.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cab_check.sandbox.launch import payload
from cab_check.sandbox.launch.limits import Ceilings, apply_rlimits
from cab_check.sandbox.launch.namespaces import PROC_CLOSED
from cab_check.sandbox.launch.payload import Command, Stdio

_SHARED_MEMORY = 256 << 20
# RLIMIT_NPROC counts per user namespace, so it has to be set inside; dash says -p where bash says -u
_INSIDE = 'ulimit -u "$0" 2>/dev/null || ulimit -p "$0"; exec "$@"'


@dataclass
class Bubblewrap:
    """The walls of one box; each command gets namespaces of its own."""

    program: str
    binds: Sequence[Mapping[str, Any]]
    links: Sequence[Sequence[str]]
    limits: Ceilings
    filter: bytes

    def enter(self) -> None:
        """Nothing is shared between commands but the folders of the box."""

    def spawn(self, command: Command, stdio: Stdio) -> int:
        """Start bubblewrap with `command` in it; the pid of bubblewrap."""
        launcher = os.getpid()
        view = b"".join(os.fsencode(word) + b"\0" for word in self._arguments(command))
        arguments, program = _pipe_with(view), _pipe_with(self.filter)

        def become() -> None:
            os.setsid()
            payload.default_signals()
            apply_rlimits(self.limits, processes=None)
            payload.first_to_go()
            payload.die_with(launcher)
            fixed = [self.program, "--args", str(payload.KEPT_FD), "--seccomp", str(payload.KEPT_FD + 1)]
            fixed += ["--json-status-fd", str(payload.KEPT_FD + 2), "--"]
            inside = ["/bin/sh", "-c", _INSIDE, str(self.limits["processes"]), *command.argv]
            payload.say("exec")
            try:
                os.execve(self.program, fixed + inside, {"PATH": "/usr/bin:/bin"})
            except ValueError as failure:
                payload.not_executed(command, str(failure), 126)
            except OSError as failure:
                if failure.errno != errno.E2BIG:
                    raise
                payload.not_executed(command, failure.strerror, 126)

        try:
            return payload.fork(stdio, become, keep=(arguments, program, stdio.report), inherit=True)
        finally:
            os.close(arguments)
            os.close(program)

    def _arguments(self, command: Command) -> Iterator[str]:
        yield from ("--unshare-all", "--unshare-user", "--die-with-parent", "--new-session")
        yield from ("--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv")
        for name, value in command.env.items():
            yield from ("--setenv", name, value)
        for bind in self.binds:
            kind = "--bind" if bind["writable"] else "--ro-bind"
            yield from (kind, str(bind["source"]), str(bind["target"]))
        for name, target in self.links:
            yield from ("--symlink", target, name)
        size = str(min(_SHARED_MEMORY, self.limits["memory_bytes"] // 4))
        yield from ("--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev")
        for path in filter(os.path.exists, PROC_CLOSED):
            yield from ("--ro-bind", "/dev/null", path)
        yield from ("--remount-ro", "/", "--chdir", command.cwd)


def _pipe_with(data: bytes) -> int:
    """The reading end of a pipe that holds `data` and nothing more. Raises OSError if it does not fit."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    written = os.write(sink, data)
    os.close(sink)
    if written < len(data):
        os.close(source)
        raise OSError(0, f"{len(data)} bytes for bubblewrap do not fit into a pipe")
    return source
