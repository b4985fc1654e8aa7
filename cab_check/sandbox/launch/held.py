"""What a process tree holds at the moment: memory of its own, memory of the kernel, and disk without a name.

A process can keep others from looking: it is not dumpable, its first thread has ended, its descriptors lie in a
message on their way. What cannot be looked at is counted as the most that it can be, or told of as out of sight.
"""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH115, PTH116, PTH123, PTH208
from __future__ import annotations

import os
import stat
from collections.abc import Sequence

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PIPE = 64 << 10  # pipe(7); all larger ones of a user together are limited by pipe-user-pages-soft
_NO_DISK = (b"/memfd:", b"/dev/zero", b"/dev/shm/", b"/SYSV")


def _numbers(path: str) -> list[int]:
    """The numbers of a file in /proc/sys; none where it is not there."""
    try:
        with open(path, "rb") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


# read before a network of its own is entered, in which some of these do not exist; filters keep sockets at the default
_SOCKET = max([*_numbers("/proc/sys/net/core/wmem_default"), 208 << 10])
_TCP_SOCKET = sum(max(_numbers(f"/proc/sys/net/ipv4/tcp_{kind}mem"), default=6 << 20) for kind in "rw")


def faces(tree: Sequence[int]) -> list[str]:
    """The folders in /proc that tell of the processes in `tree`: another thread's where the first one has ended."""
    return [_face(f"/proc/{pid}") for pid in tree]


def _face(place: str) -> str:
    if _pages(place):
        return place
    try:
        threads = os.listdir(f"{place}/task")
    except OSError:
        return place
    return next((thread for name in threads if _pages(thread := f"{place}/task/{name}")), place)


def resident(face: str) -> int:
    """Bytes in memory, those that others share included."""
    return _pages(face) * _PAGE


def _pages(face: str) -> int:
    try:
        with open(f"{face}/statm", "rb") as statm:
            return int(statm.read().split()[1])
    except (OSError, IndexError):
        return 0


def proportional(face: str) -> int:
    """Memory of a process with shared pages divided among their users; the resident size where that is not told."""
    try:
        with open(f"{face}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return resident(face)
    return 0


def kernels(tree: Sequence[str]) -> int:
    """Bytes that the kernel holds for these processes: page tables, and what sockets and pipes hold at most."""
    sizes: dict[str, int] = {}
    for face in tree:
        sizes[f"tables of {face}"] = _status(face, b"VmPTE:") * 1024
        descriptors = _descriptors(face)
        if descriptors is None:
            sizes[f"descriptors of {face}"] = _SOCKET * _status(face, b"FDSize:")
        for name, what in descriptors or ():
            if what.startswith("socket:[") and what not in sizes:
                sizes[what] = _SOCKET * (1 + _sent_along(face, name))
            elif what.startswith("pipe:["):
                sizes[what] = _PIPE
    return sum(sizes.values())


def _descriptors(face: str) -> list[tuple[str, str]] | None:
    """Number and contents of every descriptor, without those that are closed meanwhile; None if nobody may look."""
    try:
        names = os.listdir(f"{face}/fd")
    except PermissionError:
        return None
    except OSError:
        return []
    found = []
    for name in names:
        try:
            found.append((name, os.readlink(f"{face}/fd/{name}")))
        except OSError:
            continue
    return found


def tcp(pid: int, before: int) -> int:
    """Bytes that TCP holds at most in the network of process `pid`; `before` is what `tcp_everywhere` gave once.

    The kernel tells the bytes for the machine alone, and the number of sockets for each network: the smaller counts.
    """
    grown = tcp_everywhere(f"/proc/{pid}/net") - before
    sockets = sum(_after(f"/proc/{pid}/net/{name}", b"inuse", kind) for name, kind in _TCP_LINES)
    return max(0, min(grown, sockets * _TCP_SOCKET))


_TCP_LINES = (("sockstat", b"TCP:"), ("sockstat6", b"TCP6:"))


def tcp_everywhere(folder: str = "/proc/net") -> int:
    """Bytes that TCP holds on the whole machine."""
    return _after(f"{folder}/sockstat", b"mem", b"TCP:") * _PAGE


def _after(path: str, word: bytes, kind: bytes) -> int:
    """The number after `word` in the line that begins with `kind`; 0 where there is none."""
    try:
        with open(path, "rb") as file:
            lines = [line.split() for line in file if line.startswith(kind)]
    except OSError:
        return 0
    return next((int(words[words.index(word) + 1]) for words in lines if word in words), 0)


def nameless(tree: Sequence[str]) -> tuple[int, bool]:
    """Bytes in files that are held open after their names are gone, and whether more may be held out of sight."""
    sizes: dict[tuple[int, int], int] = {}
    hidden = False
    for face in tree:
        descriptors = _descriptors(face)
        hidden = hidden or descriptors is None or _maps_deleted_files(face)
        for name, what in descriptors or ():
            if what.startswith("socket:["):
                hidden = hidden or _sent_along(face, name) > 0
            elif what.endswith(" (deleted)"):
                sizes |= _size(f"{face}/fd/{name}")
    return sum(sizes.values()), hidden


def _size(descriptor: str) -> dict[tuple[int, int], int]:
    """What a regular file without a name takes, by what it is; nothing for anything else."""
    try:
        facts = os.stat(descriptor)
    except OSError:
        return {}
    if facts.st_nlink or not stat.S_ISREG(facts.st_mode):
        return {}
    return {(facts.st_dev, facts.st_ino): facts.st_blocks * 512}


def _maps_deleted_files(face: str) -> bool:
    """Whether a file is mapped whose name is gone; how large it is, only its owner can tell."""
    try:
        with open(f"{face}/maps", "rb") as maps:
            paths = [line.split(maxsplit=5)[5] for line in maps if line.endswith(b" (deleted)\n")]
    except OSError:
        return False
    return not all(path.startswith(_NO_DISK) for path in paths)


def _sent_along(face: str, descriptor: str) -> int:
    """Descriptors in messages that wait at a socket: their owner may have closed them, and nobody lists them."""
    try:
        with open(f"{face}/fdinfo/{descriptor}", "rb") as facts:
            return next((int(line.split()[1]) for line in facts if line.startswith(b"scm_fds:")), 0)
    except OSError:
        return 0


def _status(face: str, field: bytes) -> int:
    try:
        with open(f"{face}/status", "rb") as status:
            return next((int(line.split()[1]) for line in status if line.startswith(field)), 0)
    except OSError:
        return 0
