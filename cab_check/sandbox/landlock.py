"""The engine for level 2: Landlock and a call filter, for hosts that refuse unprivileged user namespaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Isolation, Plan
from cab_check.sandbox.handover import all_ours, hand_over, payload_user, refuse_closed
from cab_check.sandbox.launch.landlock import abi
from cab_check.sandbox.mountplan import Layout, layout
from cab_check.sandbox.walls import LEVEL_2_GAPS, LEVEL_2_WALLS, SIGNAL_GAP
from cab_check.sandbox.warm import open_box

_SCOPED_SIGNALS_ABI = 6


class LandlockEngine:
    """Only listed paths can be opened, no socket can be made, no foreign process can be touched."""

    name = "landlock"
    level = 2

    def __init__(self) -> None:
        self._isolation = Isolation(self.level, self.name, walls=LEVEL_2_WALLS, gaps=LEVEL_2_GAPS)

    async def describe(self) -> Isolation:
        """The walls and gaps of the kernel's version of Landlock. Raises NoSandbox."""
        try:
            version = abi()
        except OSError as failure:
            raise NoSandbox(f"the kernel has no Landlock ({failure.strerror})") from failure
        gaps = LEVEL_2_GAPS if version >= _SCOPED_SIGNALS_ABI else (*LEVEL_2_GAPS, SIGNAL_GAP)
        self._isolation = replace(self._isolation, engine_version=f"ABI {version}", gaps=gaps)
        return self._isolation

    @asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        """A box with these walls."""
        with scratch.directory("box") as folder:
            view = layout(plan, folder, moves=False)
            user = payload_user()
            if user is not None:
                _prepare_for(user, view, folder)
            async with open_box(plan, view, self._isolation, {"walls": "landlock", "user": user}, inside=False) as box:
                yield box


def _prepare_for(user: int, view: Layout, folder: Path) -> None:
    """Raises NoSandbox if root cannot have commands run as `user` here."""
    refuse_closed(view, user)
    if not all_ours(view):
        raise NoSandbox(
            f"as root, level 2 would have to give your folder to user {user}; it does not",
            "Run cab-check as an ordinary user.",
        )
    hand_over(view, folder, user)
