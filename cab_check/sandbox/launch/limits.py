"""Ceilings of what runs inside: rlimits for each process, and a watchdog for what no rlimit counts over a tree."""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH208
from __future__ import annotations

import os
import resource
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cab_check.sandbox.launch import held
from cab_check.sandbox.launch.cgroup import Cgroup
from cab_check.sandbox.launch.reap import children, descendants

_NICE = 5
_DISK_SHARE = 0.1  # at most this share of the time goes into counting files
_DEPTH = 256
_BUFFERS_S = 0.5
_OWN_PROCESSES = 4  # the launcher's children around a command: a waiter, a pid 1, or bubblewrap's two

Ceilings = Mapping[str, int]


def apply_rlimits(limits: Ceilings, *, processes: int | None) -> None:
    """Set the rlimits of this process and its children. `processes` None leaves RLIMIT_NPROC alone.

    No RLIMIT_AS: node, Java and sanitizers reserve far more addresses than they use, and do not start under one.
    """
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_MEMLOCK: 8 << 20,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    if processes is not None:
        wanted[resource.RLIMIT_NPROC] = processes
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (ceiling, ceiling))
    # the soft limit sends SIGXCPU, the hard one SIGKILL: a second between them lets the first be seen
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 1))
    os.nice(_NICE)


class Watchdog:
    """Looks at the tree below this process every now and then and says which ceiling it broke.

    `above`: so many generations of processes below this one are not the command's, and out of its reach. If there are
    any, it is in a network of its own.
    """

    def __init__(
        self, limits: Ceilings, counted: Sequence[str], cgroup: Cgroup | None = None, *, above: int = 0
    ) -> None:
        self._limits = limits
        self._cgroup = cgroup
        self._counted = tuple(counted)
        self._start = self._last = self._at_begin = self._usage()
        self._free_at_start = self._free()
        self._above = above
        self._tcp_at_start = held.tcp_everywhere()
        self._next_count = self._next_buffers = 0.0

    def begin(self) -> None:
        """A new command starts: a box that is over its disk limits already must still be able to delete."""
        self._at_begin = self._last
        if self._cgroup is not None:
            self._cgroup.begin()

    def broken(self) -> str | None:
        """Which ceiling is broken: memory, processes, disk or files; None if none is."""
        most = self._limits["processes"] + _OWN_PROCESSES
        tree = descendants(most + 1)
        if len(tree) > most:
            return "processes"
        ours = self._ours()
        commands = [pid for pid in tree if pid not in ours]
        return "memory" if self._memory(tree, commands) else self._disk(commands)

    def _ours(self) -> set[int]:
        """The processes above a command, which hold nothing of it and may be closed to whoever looks."""
        found: set[int] = set()
        generation = [os.getpid()]
        for _ in range(self._above):
            generation = [child for pid in generation for child in children(pid)]
            found |= set(generation)
        return found

    def _memory(self, tree: Sequence[int], commands: Sequence[int]) -> bool:
        """Whether the tree has more memory than it may, in pages of its own or in what the kernel holds for it.

        Sockets and pipes are counted by what they can hold at most, so with the kernel's twice the ceiling is allowed.
        Where a cgroup is in force the kernel counts both, and ends what is over.
        """
        if self._cgroup is not None:
            return self._cgroup.killed()
        ceiling = self._limits["memory_bytes"]
        faces = held.faces(tree)
        if sum(map(held.resident, faces)) > ceiling and sum(map(held.proportional, faces)) > ceiling:
            return True
        began = time.monotonic()
        if began < self._next_buffers:
            return False
        kernels = held.kernels(held.faces(commands))
        if self._above and commands:
            kernels += held.tcp(commands[0], self._tcp_at_start)
        self._next_buffers = time.monotonic() + max(_BUFFERS_S, (time.monotonic() - began) / _DISK_SHARE)
        return kernels > ceiling and sum(map(held.proportional, faces)) + kernels > 2 * ceiling

    def final(self) -> str | None:
        """The disk ceilings once more, after everything has ended, and whether the kernel ended it."""
        if self._cgroup is not None and self._cgroup.killed():
            return "memory"
        self._next_count = 0.0
        return self._disk(())

    def _disk(self, commands: Sequence[int]) -> str | None:
        began = time.monotonic()
        if began < self._next_count:
            return None
        usage = self._usage()
        self._last = usage
        if usage.entries - self._start.entries > self._limits["files"] and usage.entries > self._at_begin.entries:
            return "files"
        written = usage.size - self._start.size
        lost = self._free_at_start - self._free()
        if lost > self._limits["disk_bytes"]:  # others write to this disk too, so by itself it proves nothing
            nameless, hidden = held.nameless(held.faces(commands))
            written = max(written, lost) if usage.blind or hidden else written + nameless
        ended = time.monotonic()
        self._next_count = ended + (ended - began) / _DISK_SHARE
        grew = usage.size > self._at_begin.size or written > usage.size - self._start.size
        return "disk" if written > self._limits["disk_bytes"] and grew else None

    def _usage(self) -> Usage:
        parts = [tree_usage(place, 2 * self._limits["files"] + 100_000) for place in self._counted]
        return Usage(sum(p.size for p in parts), sum(p.entries for p in parts), any(p.blind for p in parts))

    def _free(self) -> int:
        if not self._counted:
            return 0
        facts = os.statvfs(self._counted[0])
        return facts.f_bfree * facts.f_frsize


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes on disk, entries, and whether there is a folder that could not be looked into."""

    size: int
    entries: int
    blind: bool = False


def tree_usage(place: str, most: int) -> Usage:
    """What lies below `place`, never through a symlink. Stops at `most` entries.

    Open at a time is one folder for each level, so many folders side by side cannot use up the descriptors; a tree of
    more levels than anybody needs counts as `most` entries.
    """
    size = entries = 0
    blind = False
    stack: list[tuple[int, Iterator[str]]] = []
    opened = _open_folder(place, None)
    if opened is None:
        return Usage(0, 0, True)
    stack.append(opened)
    while stack:
        folder, names = stack[-1]
        name = next(names, None)
        if name is None or entries >= most:
            os.close(folder)
            stack.pop()
            continue
        try:
            facts = os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            continue
        except PermissionError:  # a folder whose names can be listed, and nothing else
            entries, blind = entries + 1, True
            continue
        size, entries = size + facts.st_blocks * 512, entries + 1
        if stat.S_ISDIR(facts.st_mode):
            if len(stack) > _DEPTH:
                entries = most
                continue
            opened = _open_folder(name, folder)
            if opened is None:
                blind = True
            else:
                stack.append(opened)
    return Usage(size, entries, blind)


def _open_folder(name: str, parent: int | None) -> tuple[int, Iterator[str]] | None:
    """A folder's descriptor and names, or None if it is closed to us or just went away."""
    try:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError:
        return None
    return folder, iter(os.listdir(folder))
