"""Reads whole folders of ours, and gives them a hash that is the same on every machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cab_check.base.errors import UsageError

_LEFT_OUT = ("__pycache__",)  # made by Python beside its sources, never part of a task


def files(folder: Path) -> list[Path]:
    """Every regular file below `folder`, by relative path with `/`, sorted; empty if there is no such folder.

    Raises UsageError for a link or a special file: a task folder is copied, hashed and mounted, and what a link
    points to is outside of all that.
    """
    found = []
    for root, directories, names in os.walk(folder):
        directories[:] = [name for name in directories if name not in _LEFT_OUT]
        for name in [*directories, *names]:
            path = Path(root, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise UsageError(f"{path}: a task folder may hold ordinary files only", "Replace it by a plain file.")
            if path.is_file():
                found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path -> bytes of every file below `folder`."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def content_hash(folder: Path) -> str:
    """`sha256:` and the hash over each file's relative path, whether it is executable, and its contents.

    Only the owner's executable bit counts of the mode: the rest depends on the umask of whoever unpacked the folder.
    """
    digest = hashlib.sha256()
    for path in files(folder):
        executable = "x" if path.stat().st_mode & 0o100 else "-"
        inner = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{executable}\0{inner}\n".encode())
    return f"sha256:{digest.hexdigest()}"
