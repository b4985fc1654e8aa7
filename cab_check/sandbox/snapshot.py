"""A safe look at a tree that a model may have made, before and after, and careful reading of single files.

Folders are opened one by one relative to their parent and never through a symlink; only regular files are opened,
after lstat, and compared with what fstat says then. Nothing may still be running in the tree.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

Kind = Literal["file", "folder", "symlink", "fifo", "socket", "device"]

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_KINDS: tuple[tuple[int, Kind], ...] = (
    (stat.S_IFREG, "file"),
    (stat.S_IFDIR, "folder"),
    (stat.S_IFLNK, "symlink"),
    (stat.S_IFIFO, "fifo"),
    (stat.S_IFSOCK, "socket"),
)
# controls, bidirectional marks, surrogates, and the backslash itself so that the escaping can be undone
_ESCAPED = re.compile("[\x00-\x1f\x7f-\x9f\\\\\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of a tree is looked at. Beyond it the snapshot says so in its problems."""

    depth: int = 64
    entries: int = 20_000
    file_bytes: int = 2 << 20  # of a file that is hashed
    total_bytes: int = 64 << 20  # of all that is hashed


@dataclass(frozen=True, slots=True)
class Entry:
    """One name. `sha256` is of a file's bytes or a link's target; None for the rest and for a file too large."""

    kind: Kind
    mode: int
    size: int
    sha256: str | None
    mtime_ns: int = 0


@dataclass(frozen=True)
class Snapshot:
    """`entries` by path relative to the root, escaped; `problems` are sentences about what could not be looked at."""

    entries: Mapping[str, Entry]
    problems: tuple[str, ...] = ()


def escape(name: bytes) -> str:
    """A file name as text that can be shown and that no two names share: `\\xNN` for bytes that are not UTF-8."""
    text = name.decode("utf-8", "surrogateescape")

    def shown(match: re.Match[str]) -> str:
        code = ord(match.group())
        if 0xDC80 <= code <= 0xDCFF:
            return f"\\x{code - 0xDC00:02x}"
        return "\\\\" if code == ord("\\") else f"\\u{code:04x}"

    return _ESCAPED.sub(shown, text)


def take(root: Path, caps: Caps | None = None) -> Snapshot:
    """What lies below `root`, which is opened up if whoever worked in it has closed it to its owner.

    Raises OSError if `root` cannot be opened all the same.
    """
    walk = _Walk(caps or Caps())
    _open_up(root, walk)
    top = os.open(root, _FOLDER_FLAGS)
    walk.folder(top, b"", 0)
    return Snapshot(dict(sorted(walk.entries.items())), tuple(walk.problems))


def _open_up(root: Path, walk: _Walk) -> None:
    facts = root.lstat()
    if facts.st_uid == os.geteuid() and stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        root.chmod(stat.S_IMODE(facts.st_mode) | stat.S_IRWXU)
        walk.problems.append(f".: was closed to its owner (mode {stat.S_IMODE(facts.st_mode):o})")


def compare(before: Snapshot, after: Snapshot) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Paths that were added, removed, and modified; of folders a changed mode counts, not a changed size."""
    old, new = before.entries, after.entries
    added = tuple(path for path in new if path not in old)
    removed = tuple(path for path in old if path not in new)
    return added, removed, tuple(path for path in new if path in old and _differ(old[path], new[path]))


def read_file(root: Path, relative: str, limit: int) -> bytes:
    """The bytes of a regular file below `root`, reached without passing any symlink.

    Raises ValueError for a path that leaves `root`, for what is no regular file, and for one of more than `limit`
    bytes; OSError if it cannot be opened.
    """
    parts = PurePosixPath(relative).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError(f"{relative!r} is not a path inside")
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        with os.fdopen(_open_regular(os.fsencode(parts[-1]), folder), "rb") as file:
            data = file.read(limit + 1)
    finally:
        os.close(folder)
    if len(data) > limit:
        raise ValueError(f"{relative!r} is larger than {limit} bytes")
    return data


@dataclass
class _Walk:
    caps: Caps
    entries: dict[str, Entry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    hashed: int = 0

    def folder(self, handle: int, prefix: bytes, depth: int) -> None:
        """Take in everything below the open folder `handle`, which is closed. Open at a time: one for each level."""
        try:
            for name in sorted(os.listdir(handle)):
                path = prefix + os.fsencode(name)
                if len(self.entries) >= self.caps.entries:
                    self._problem(f"more than {self.caps.entries} entries")
                    return
                self._entry(os.fsencode(name), handle, path, depth)
        except OSError as failure:
            self._problem(f"{escape(prefix) or '.'}: {failure.strerror}")
        finally:
            os.close(handle)

    def _entry(self, name: bytes, parent: int, path: bytes, depth: int) -> None:
        facts = os.lstat(name, dir_fd=parent)
        kind = _kind(facts.st_mode)
        digest = self._digest(name, parent, path, facts) if kind == "file" else None
        self.entries[escape(path)] = Entry(
            kind, stat.S_IMODE(facts.st_mode), facts.st_size if kind != "folder" else 0, digest, facts.st_mtime_ns
        )
        if kind == "symlink":
            self._link(name, parent, path)
        if kind != "folder":
            return
        if depth >= self.caps.depth:
            self._problem(f"{escape(path)[:80]}: deeper than {self.caps.depth} folders")
            return
        try:
            child = os.open(name, _FOLDER_FLAGS, dir_fd=parent)
        except OSError as failure:
            self._problem(f"{escape(path)}: {failure.strerror}")
            return
        self.folder(child, path + b"/", depth + 1)

    def _link(self, name: bytes, parent: int, path: bytes) -> None:
        """A symlink is known by where it points, so that one turned elsewhere shows as modified."""
        shown = escape(path)
        target = os.readlink(name, dir_fd=parent)
        digest = hashlib.sha256(target).hexdigest()
        before = self.entries[shown]
        self.entries[shown] = Entry(before.kind, before.mode, before.size, digest, before.mtime_ns)

    def _digest(self, name: bytes, parent: int, path: bytes, facts: os.stat_result) -> str | None:
        if facts.st_nlink > 1:
            self._problem(f"{escape(path)}: has {facts.st_nlink} names")
        if facts.st_size > self.caps.file_bytes or self.hashed + facts.st_size > self.caps.total_bytes:
            self._problem(f"{escape(path)}: {facts.st_size} bytes, not read")
            return None
        try:
            handle = _open_regular(name, parent)
        except (OSError, ValueError) as failure:
            self._problem(f"{escape(path)}: {failure}")
            return None
        digest = hashlib.sha256()
        with os.fdopen(handle, "rb") as file:
            for chunk in _chunks(file.fileno(), facts.st_size):
                digest.update(chunk)
                self.hashed += len(chunk)
        return digest.hexdigest()

    def _problem(self, text: str) -> None:
        if len(self.problems) < 100:
            self.problems.append(text)


def _kind(mode: int) -> Kind:
    for mask, kind in _KINDS:
        if stat.S_IFMT(mode) == mask:
            return kind
    return "device"


def _chunks(handle: int, size: int) -> Iterator[bytes]:
    left = size
    while left > 0 and (chunk := os.read(handle, min(left, _CHUNK))):
        left -= len(chunk)
        yield chunk


def _open_regular(name: bytes, parent: int) -> int:
    """Open a regular file, and nothing that only looked like one. Raises ValueError for anything else."""
    before = os.lstat(name, dir_fd=parent)
    if not stat.S_ISREG(before.st_mode):
        raise ValueError(f"{escape(name)} is no regular file")
    handle = os.open(name, _FILE_FLAGS, dir_fd=parent)
    after = os.fstat(handle)
    if (after.st_dev, after.st_ino) != (before.st_dev, before.st_ino):
        os.close(handle)
        raise ValueError(f"{escape(name)} changed while it was opened")
    return handle


def _differ(old: Entry, new: Entry) -> bool:
    if (old.kind, old.mode, old.size, old.sha256) != (new.kind, new.mode, new.size, new.sha256):
        return True
    return old.kind == "file" and old.sha256 is None and old.mtime_ns != new.mtime_ns
