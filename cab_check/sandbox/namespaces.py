"""The engine for level 3 with our own set-up: unprivileged namespaces, made by the launcher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Isolation, Plan
from cab_check.sandbox.handover import all_ours, hand_over, payload_user
from cab_check.sandbox.mountplan import layout
from cab_check.sandbox.walls import AS_ROOT_GAP, LEVEL_3_WALLS
from cab_check.sandbox.warm import open_box


class NamespacesEngine:
    """User, mount, pid, network, ipc, uts and cgroup namespaces, a private root, no capabilities, a call filter."""

    name = "namespaces"
    level = 3

    def __init__(self) -> None:
        self._isolation = Isolation(self.level, self.name, walls=LEVEL_3_WALLS)

    async def describe(self) -> Isolation:
        """The walls; whether the kernel lets them be built, only building them tells."""
        return self._isolation

    @asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        """A box with these walls."""
        with scratch.directory("box") as folder:
            view = layout(plan, folder, moves=True)
            root = folder / "root"
            root.mkdir()
            user, isolation = payload_user(), self._isolation
            if user is not None and all_ours(view):
                hand_over(view, folder, user)
            elif user is not None:
                user, isolation = None, replace(isolation, gaps=(*isolation.gaps, AS_ROOT_GAP))
            settings = {"walls": "namespaces", "root": str(root), "user": user}
            async with open_box(plan, view, isolation, settings, inside=True) as box:
                yield box
