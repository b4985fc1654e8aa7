"""No engine at all, for `--unsafe-no-sandbox` typed in full and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Isolation, Plan
from cab_check.sandbox.mountplan import layout
from cab_check.sandbox.walls import LEVEL_0_GAPS, NO_WALLS
from cab_check.sandbox.warm import open_box


class UnsafeEngine:
    """Limits and clean-up, but no walls: what runs inside can do all that the user can. Never chosen by `choose`."""

    name = "none"
    level = 0

    def __init__(self) -> None:
        self._isolation = Isolation(self.level, self.name, walls=NO_WALLS, gaps=LEVEL_0_GAPS)

    async def describe(self) -> Isolation:
        """That there are none."""
        return self._isolation

    @asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        """A box without walls."""
        with scratch.directory("box") as folder:
            view = layout(plan, folder, moves=False)
            async with open_box(plan, view, self._isolation, {"walls": "none"}, inside=False) as box:
                yield box
