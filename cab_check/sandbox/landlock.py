"""The engine for level 2: Landlock and a call filter, for hosts that refuse unprivileged user namespaces."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch, selftest
from cab_check.sandbox.box import Box, Isolation, Plan
from cab_check.sandbox.launch.landlock import abi
from cab_check.sandbox.mountplan import Layout, layout
from cab_check.sandbox.walls import LEVEL_2_GAPS, LEVEL_2_WALLS, SIGNAL_GAP
from cab_check.sandbox.warm import open_box

UNPRIVILEGED = 65532  # what root becomes: an id that distributions assign to nobody
_SCOPED_SIGNALS_ABI = 6


class LandlockEngine:
    """Only listed paths can be opened, no socket can be made, no foreign process can be touched."""

    name = "landlock"
    level = 2

    def __init__(self) -> None:
        self._isolation = Isolation(self.level, self.name, walls=LEVEL_2_WALLS, gaps=LEVEL_2_GAPS)

    async def probe(self) -> Isolation:
        """Build the walls, try to get out, and say what stands. Raises NoSandbox."""
        try:
            version = abi()
        except OSError as failure:
            raise NoSandbox(f"the kernel has no Landlock ({failure.strerror})") from failure
        scoped = version >= _SCOPED_SIGNALS_ABI
        known = () if scoped else ("signal cab-check",)
        gaps = LEVEL_2_GAPS if scoped else (*LEVEL_2_GAPS, SIGNAL_GAP)
        described = replace(self._isolation, engine_version=f"ABI {version}", gaps=gaps)
        self._isolation = await selftest.examine(self, described, known)
        return self._isolation

    def open(self, plan: Plan) -> AbstractAsyncContextManager[Box]:
        """A box with these walls."""
        return self._open(plan)

    @asynccontextmanager
    async def _open(self, plan: Plan) -> AsyncIterator[Box]:
        with scratch.directory("box") as folder:
            view = layout(plan, folder, moves=False)
            user = UNPRIVILEGED if os.geteuid() == 0 else None
            if user is not None:
                _hand_over(view, folder, user)
            async with open_box(plan, view, self._isolation, {"walls": "landlock", "user": user}, inside=False) as box:
                yield box


def _hand_over(view: Layout, folder: Path, user: int) -> None:
    """Give what is writable to the user that root becomes. Raises NoSandbox for what that user could not reach."""
    base = scratch.base()
    for bind in view.binds:
        path = Path(bind.source)
        closed = _closed_parent(path, base)
        if closed is not None:
            raise NoSandbox(
                f"as root, level 2 runs as user {user}, who cannot pass {closed} to {path}",
                "Run cab-check as an ordinary user.",
            )
        if bind.writable and base not in path.parents:
            raise NoSandbox(f"as root, level 2 would have to give {path} to user {user}; it does not", "Use level 3.")
    _give(folder, user)
    for bind in view.binds:
        if base in Path(bind.source).parents:
            for path in _tree(Path(bind.source)):
                (_give if bind.writable else _show)(path, user)


def _tree(top: Path) -> Iterator[Path]:
    yield top
    for parent, folders, files in os.walk(top):
        yield from (Path(parent) / name for name in (*folders, *files))


def _closed_parent(path: Path, base: Path) -> Path | None:
    others_may_pass = 0o001
    outside: Iterable[Path] = (parent for parent in path.parents if base not in parent.parents)
    return next((parent for parent in outside if not parent.stat().st_mode & others_may_pass), None)


def _give(path: Path, user: int) -> None:
    os.chown(path, user, user, follow_symlinks=False)


def _show(path: Path, user: int) -> None:
    """Let `user` read what stays ours: through its group, so that it can change neither contents nor mode."""
    os.chown(path, -1, user, follow_symlinks=False)
    if not path.is_symlink():
        readable = stat.S_IMODE(path.stat().st_mode) | stat.S_IRGRP
        path.chmod(readable | stat.S_IXGRP if readable & stat.S_IXUSR else readable)
