"""The one interface to every sandbox engine, and the dataclasses that go through it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for what runs inside. Seconds, bytes and counts; wall time is given with each command."""

    cpu_s: int = 120  # per process
    memory_bytes: int = 2 << 30  # of all processes together
    processes: int = 256
    open_files: int = 4096
    file_bytes: int = 256 << 20  # one file
    disk_bytes: int = 1 << 30  # all that is written
    files: int = 100_000  # files and folders made
    output_bytes: int = 1 << 20  # of stdout, and of stderr; more is read and dropped


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of the host that is visible inside, at `inside` where the engine can move it."""

    source: Path
    inside: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A resolved program family: read-only directories, entries of PATH, and variables that it needs.

    `hidden` are folders inside `read_only` that are not shown. `{home}` in a variable stands for the private home.
    """

    name: str
    version: str
    path: tuple[str, ...]
    read_only: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a box shows to the inside. The first mount is the work directory."""

    mounts: tuple[Mount, ...]
    toolchains: tuple[Toolchain, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended. `limit` names the ceiling that ended it: wall, cpu, memory, disk, files, processes."""

    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    wall_s: float
    cpu_s: float | None = None
    limit: str | None = None
    output_cut: bool = False


@dataclass(frozen=True)
class Isolation:
    """The walls that stand, as they are printed before anything runs and as they stand in the Record."""

    level: int
    engine: str
    engine_version: str | None = None
    walls: Mapping[str, str] = field(default_factory=dict)  # {"network": "none", "files": "private root", ...}
    gaps: tuple[str, ...] = ()
    selftest: Mapping[str, str] = field(default_factory=dict)  # attempt -> "held" | "escaped" | "not tried: why"


class Box(Protocol):
    """An open sandbox. Files written to a writable mount stay on the host; everything else goes with the box."""

    @property
    def isolation(self) -> Isolation:
        """The walls around this box."""

    def inside(self, source: Path) -> str:
        """Where a mounted path of the host is seen from inside (the same path where an engine cannot move it)."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        watch: Callable[[str, bytes], None] | None = None,
    ) -> Done:
        """Run one command to its end or to `timeout_s`, and leave nothing of it behind.

        `cwd` defaults to the work directory. `watch` gets "stdout" or "stderr" and each piece of output as it comes.
        """

    async def stream(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        sink: Callable[[str, bytes], Awaitable[None]],
        stdin: AsyncIterable[bytes],
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """As `run`, with standard input taken as it comes and output handed on as it comes, not kept."""


class Engine(Protocol):
    """A way to build walls."""

    name: str
    level: int

    async def describe(self) -> Isolation:
        """What its walls are meant to be here, untried. Raises NoSandbox with the reason if they cannot be built."""

    def open(self, plan: Plan) -> AbstractAsyncContextManager[Box]:
        """A box with these walls; closing it ends every process inside, also when cancelled."""
