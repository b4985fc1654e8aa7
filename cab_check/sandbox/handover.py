"""As root, commands run as an unprivileged user: what they may write is given to it, what they may read is shown to it.

Root is exempt from RLIMIT_NPROC (copy_process in kernel/fork.c), and its id alone opens files of /proc and /usr that
no capability guards; so root's own id is no id to run a model's commands with.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.mountplan import UNPRIVILEGED, Layout


def payload_user() -> int | None:
    """The id that commands get instead of root's; None for an ordinary user, whose own they get."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def all_ours(view: Layout) -> bool:
    """Whether everything writable lies in scratch directories, so that its owner can be changed."""
    base = scratch.base()
    return all(base in Path(bind.source).parents for bind in view.binds if bind.writable)


def hand_over(view: Layout, folder: Path, user: int) -> None:
    """Give the box's own `folder` and all that is writable to `user`, and let it read the rest of what is ours."""
    base = scratch.base()
    _give(folder, user)
    for bind in view.binds:
        source = Path(bind.source)
        if base not in source.parents:
            continue
        for path in _tree(source):
            (_give if bind.writable else _show)(path, user)
        for parent in source.parents:
            if base in parent.parents and parent != folder:
                _show(parent, user, names=False)


def refuse_closed(view: Layout, user: int) -> None:
    """Raises NoSandbox if `user` could not get to something that is to be shown at its own place."""
    base = scratch.base()
    for bind in view.binds:
        path = Path(bind.source)
        for parent in path.parents:
            if base not in parent.parents and not parent.stat().st_mode & stat.S_IXOTH:
                raise NoSandbox(
                    f"as root, level 2 runs as user {user}, who cannot pass {parent} to {path}",
                    "Run cab-check as an ordinary user.",
                )


def _tree(top: Path) -> Iterator[Path]:
    yield top
    for parent, folders, files in os.walk(top):
        yield from (Path(parent) / name for name in (*folders, *files))


def _give(path: Path, user: int) -> None:
    os.chown(path, user, user, follow_symlinks=False)


def _show(path: Path, user: int, *, names: bool = True) -> None:
    """Let `user` read what stays ours, through its group, so that it can change neither contents nor mode.

    Without `names` a folder can be passed, not listed.
    """
    os.chown(path, os.geteuid(), user, follow_symlinks=False)
    if path.is_symlink():
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    wanted = mode | (stat.S_IRGRP if names else 0) | (stat.S_IXGRP if mode & stat.S_IXUSR else 0)
    if wanted != mode:
        path.chmod(wanted)
