"""The engine for level 3 through bubblewrap, where the distribution's own program can build the whole set."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Isolation, Plan
from cab_check.sandbox.mountplan import layout
from cab_check.sandbox.walls import LEVEL_3_WALLS
from cab_check.sandbox.warm import open_box

_PLACES = (Path("/usr/bin/bwrap"), Path("/bin/bwrap"), Path("/usr/local/bin/bwrap"))
_VERSION_S = 5.0


class BubblewrapEngine:
    """The same view and call filter as our own namespaces, set up by a reviewed program that fails closed."""

    name = "bwrap"
    level = 3

    def __init__(self, places: tuple[Path, ...] = _PLACES) -> None:
        self._places = places
        self._isolation = Isolation(self.level, self.name, walls=LEVEL_3_WALLS)

    async def describe(self) -> Isolation:
        """The walls, with bubblewrap's version. Raises NoSandbox."""
        program = self._program()
        if os.geteuid() == 0:
            raise NoSandbox("as root it would run commands with root's id; our own set-up gives them another")
        self._isolation = replace(self._isolation, engine_version=await _version(program))
        return self._isolation

    @asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        """A box with these walls."""
        program = str(self._program())
        with scratch.directory("box") as folder:
            view = layout(plan, folder, moves=True)
            settings = {"walls": "bwrap", "program": program}
            async with open_box(plan, view, self._isolation, settings, inside=False) as box:
                yield box

    def _program(self) -> Path:
        """bubblewrap where only root can have put it, whatever PATH says. Raises NoSandbox."""
        for path in self._places:
            try:
                facts = path.stat()
            except OSError:
                continue
            if facts.st_uid == 0 and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return path
        raise NoSandbox("bubblewrap is not installed")


async def _version(program: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        str(program), "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, env={}, cwd="/"
    )
    try:
        async with asyncio.timeout(_VERSION_S):
            text, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NoSandbox(f"{program} --version does not answer") from None
    return os.fsdecode(text).removeprefix("bubblewrap").strip()
