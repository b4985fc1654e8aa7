"""Private directories for what runs inside, and their removal however hostile their contents.

Each one has a lock file beside it that its owner holds; a directory whose lock nobody holds belongs to a dead
process and is removed at the next start, also after kill -9.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from cab_check.base.errors import NoSandbox

_LOCK = ".lock"


def base() -> Path:
    """The folder that holds all scratch directories of this user: in the cache, else in the temporary folder.

    As root it is always the temporary folder, since root's home is closed to the unprivileged user that level 2
    runs as. Raises NoSandbox if none can be had.
    """
    owner = os.geteuid()
    shared = Path(tempfile.gettempdir()) / f"cab-check-{owner}"
    candidates = [shared] if owner == 0 else [platformdirs.user_cache_path("cab-check") / "scratch", shared]
    problems: list[str] = []
    for folder in candidates:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = folder.lstat()
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner:
                problems.append(f"{folder} is not ours")
                continue
            folder.chmod(0o711 if owner == 0 else 0o700)
            with tempfile.TemporaryFile(dir=folder):
                return folder.resolve()
        except OSError as failure:
            problems.append(f"{folder}: {failure.strerror}")
    raise NoSandbox(f"no private directory can be made: {'; '.join(problems)}", "Set TMPDIR to a folder you can write.")


@contextmanager
def directory(purpose: str) -> Iterator[Path]:
    """A new private directory (mode 0700) for the length of the block; then it is gone with all that is in it.

    Directories of dead owners are removed first. Raises NoSandbox if none can be made.
    """
    root = base()
    clean_stale(root)
    folder = root / f"{purpose}-{secrets.token_hex(6)}"
    lock = _lock(folder.with_suffix(_LOCK))
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        remove(folder)
        folder.with_suffix(_LOCK).unlink(missing_ok=True)
        os.close(lock)


def clean_stale(root: Path) -> int:
    """Remove the directories in `root` whose owner is dead; how many there were."""
    removed = 0
    for folder in [path for path in root.iterdir() if path.suffix != _LOCK]:
        name = folder.with_suffix(_LOCK)
        try:
            lock = _lock(name)
        except BlockingIOError:
            continue
        remove(folder)
        name.unlink(missing_ok=True)
        os.close(lock)
        removed += 1
    return removed


def _lock(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def remove(folder: Path) -> None:
    """Remove a tree that a model may have made: folders without permissions, any depth, any names.

    Every folder is moved up beside the others before it is emptied, so neither the depth of the tree nor the length
    of a path matters. Nothing may be running in it any more. Symlinks are removed, never followed.
    """
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(facts.st_mode):
        folder.unlink()
        return
    folder.chmod(0o700)
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _empty(top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty(top: int) -> None:
    pending = _strip(top, top)
    while pending:
        name = pending.pop()
        with suppress(PermissionError):  # another user's folder, as root without that right: the open below tells
            os.chmod(name, 0o700, dir_fd=top)
        child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
        try:
            pending += _strip(child, top)
        finally:
            os.close(child)
        os.rmdir(name, dir_fd=top)


def _strip(folder: int, top: int) -> list[str]:
    """Unlink every non-folder in `folder`, move every folder to `top` under a new name; those names."""
    moved: list[str] = []
    for name in os.listdir(folder):
        facts = os.lstat(name, dir_fd=folder)
        if not stat.S_ISDIR(facts.st_mode):
            os.unlink(name, dir_fd=folder)
            continue
        new = f".cab-{secrets.token_hex(8)}"
        os.chmod(name, 0o700, dir_fd=folder)
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=top)
        moved.append(new)
    return moved
