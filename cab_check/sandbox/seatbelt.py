"""The engine for macOS: `sandbox-exec` with a profile that denies everything it does not list.

It has not been run by those who wrote it: the profile's text and the argument vector are tested, and the self-test
decides on the machine it is used on. The rule language is Apple's own and not documented; a profile that allows by
default is not enough, since launchd and the pasteboard would be reached.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Isolation, Limits, Plan
from cab_check.sandbox.hidden import own_places
from cab_check.sandbox.mountplan import Bind, layout
from cab_check.sandbox.spawned import SpawnedBox
from cab_check.sandbox.walls import SEATBELT_GAPS, SEATBELT_WALLS

PROGRAM = Path("/usr/bin/sandbox-exec")
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/System", "/Library/Developer", "/Library/Java", "/Library/Apple", "/opt/homebrew"),
    *("/private/var/db/timezone", "/private/var/db/dyld", "/private/var/select", "/private/etc/ssl"),
)
_FILES = ("/", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/private/etc/hosts", "/private/etc/passwd")
_FIXED = """\
(version 1)
(deny default)
(allow process-exec process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow ipc-posix-sem)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow file-read-metadata)
(allow file-write-data (literal "/dev/null"))
(allow file-ioctl (literal "/dev/null"))
"""
# set in the shell before the command: sandbox-exec has no limits of its own
_LIMITED = 'ulimit -c 0; ulimit -t "$1"; ulimit -f "$2"; ulimit -n "$3"; shift 3; exec "$@"'


class SeatbeltEngine:
    """Only listed paths, no network and no service of the system; the processes of the user are not hidden."""

    name = "seatbelt"
    level = 2

    def __init__(self, program: Path = PROGRAM) -> None:
        self._program = program
        self._isolation = Isolation(self.level, self.name, walls=SEATBELT_WALLS, gaps=SEATBELT_GAPS)

    async def describe(self) -> Isolation:
        """The walls. Raises NoSandbox where the program is missing."""
        if not self._program.exists():
            raise NoSandbox(f"{self._program} is not there")
        return self._isolation

    @asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        """A box with these walls."""
        with scratch.directory("box") as folder:
            view = layout(plan, folder, moves=False)
            hidden = {*own_places(), *(path for chain in plan.toolchains for path in chain.hidden)}
            shown = [*(bind for bind in view.binds if not _of_linux(bind))]
            wrapper = Seatbelt(self._program, tuple(shown), tuple(sorted(map(str, hidden))), plan.limits)
            yield SpawnedBox(plan, view, self._isolation, wrapper)


@dataclass(frozen=True)
class Seatbelt:
    """One box's profile and how it is put on. Paths go in as parameters, so that no name can add a rule."""

    program: Path
    binds: Sequence[Bind]
    hidden: Sequence[str]
    limits: Limits
    watch_memory = True

    @property
    def env(self) -> Mapping[str, str]:
        """For `sandbox-exec` itself; the command's is set behind the walls."""
        return {"PATH": "/usr/bin:/bin"}

    def profile(self) -> str:
        """The rules. Of two that match the later one holds, so what is hidden stands last."""
        lines = [_FIXED.rstrip()]
        lines += [f'(allow file-read* file-map-executable (subpath "{path}"))' for path in _SYSTEM]
        lines += [f'(allow file-read* (literal "{path}"))' for path in _FILES]
        for name in self._parameters():
            if name.startswith("HIDE"):
                lines.append(f'(deny file-read* file-map-executable (subpath (param "{name}")))')
            elif name.startswith("WRITE"):
                lines.append(f'(allow file-read* file-write* file-map-executable (subpath (param "{name}")))')
            else:
                lines.append(f'(allow file-read* file-map-executable (subpath (param "{name}")))')
        lines.append("(deny file-write-setugid)")
        return "\n".join(lines) + "\n"

    def argv(self, command: Sequence[str], cwd: str, env: Mapping[str, str]) -> list[str]:
        """The whole command line."""
        words = [str(self.program), "-p", self.profile()]
        for name, path in self._parameters().items():
            words += ["-D", f"{name}={path}"]
        blocks = self.limits.file_bytes // 512
        settings = [f"{name}={value}" for name, value in env.items()]
        inside = ["/usr/bin/env", "-i", *settings, "/bin/sh", "-c", 'cd "$1" && shift && ' + _LIMITED, "sh", cwd]
        return [*words, *inside, str(self.limits.cpu_s), str(blocks), str(self.limits.open_files), *command]

    async def clear(self) -> None:
        """There is nothing but processes, and those seen have been ended."""

    def failed(self, code: int, stderr: bytes) -> bool:
        """Whether the profile could not be put on: sysexits(3) 65 and 71, with its own words."""
        return code in (65, 71) and stderr.lstrip().startswith(b"sandbox-exec:")

    def _parameters(self) -> dict[str, str]:
        reads = [bind.source for bind in self.binds if not bind.writable]
        writes = [bind.source for bind in self.binds if bind.writable]
        named = [("READ", reads), ("HIDE", self.hidden), ("WRITE", writes)]
        return {f"{name}{n}": path for name, paths in named for n, path in enumerate(paths)}


def _of_linux(bind: Bind) -> bool:
    """Parts of the view that the profile's own list of system paths stands in for."""
    return not bind.writable and bind.source.startswith(("/etc/", "/private/etc/", "/usr/", "/bin", "/sbin", "/lib"))
