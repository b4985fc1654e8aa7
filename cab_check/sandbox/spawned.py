"""A box without a launcher of ours: each command is started through another program that builds the walls.

For engines that are not set up by Linux calls: seatbelt, docker and podman. Nothing here is particular to Linux.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox.box import Done, Isolation, Plan
from cab_check.sandbox.launch.limits import tree_usage
from cab_check.sandbox.mountplan import Layout
from cab_check.sandbox.processes import below
from cab_check.sandbox.talk import Collected, OutputWatcher, Sink

_TICK_S = 0.25
_CHUNK = 65536
_LAST_OUTPUT_S = 15.0  # for output that is still in the pipes when the command has ended
_KEPT = 300


class Wrapper(Protocol):
    """The program that a command is started through."""

    @property
    def env(self) -> Mapping[str, str]:
        """Its own environment, which is not the command's."""

    @property
    def watch_memory(self) -> bool:
        """Whether memory and processes have to be watched from outside."""

    def argv(self, command: Sequence[str], cwd: str, env: Mapping[str, str]) -> list[str]:
        """The argument vector that runs `command` behind the walls."""

    async def clear(self) -> None:
        """End what the command may have left, where ending its process group does not."""

    def failed(self, code: int, stderr: bytes) -> bool:
        """Whether it was the wrapper that failed, and not the command."""


class SpawnedBox:
    """An open box. Commands run one after the other."""

    def __init__(self, plan: Plan, layout: Layout, isolation: Isolation, wrapper: Wrapper) -> None:
        self._plan = plan
        self._layout = layout
        self._isolation = isolation
        self._wrapper = wrapper
        self._turn = asyncio.Lock()
        self._counted = [bind.source for bind in layout.binds if bind.writable]

    @property
    def isolation(self) -> Isolation:
        """The walls around this box."""
        return self._isolation

    def inside(self, source: Path) -> str:
        """Where a mounted path of the host, or a path below one, is seen from inside. Raises KeyError if nowhere."""
        return self._layout.inside(source)

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        watch: OutputWatcher | None = None,
    ) -> Done:
        """Run one command to its end or to `timeout_s`. Raises NoSandbox if the walls could not be built."""

        async def given() -> AsyncIterable[bytes]:
            if stdin:
                yield stdin

        collected = Collected(watch)
        return collected.into(
            await self.stream(argv, timeout_s=timeout_s, sink=collected.put, stdin=given(), cwd=cwd, env=env)
        )

    async def stream(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        sink: Sink,
        stdin: AsyncIterable[bytes],
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """As `run`, with standard input taken as it comes and output handed to `sink` and not kept."""
        async with self._turn:
            running = _Running(self._plan, self._counted, self._wrapper, sink)
            return await running.run(self._argv(argv, cwd, env), stdin, timeout_s)

    def _argv(self, argv: Sequence[str], cwd: str | None, env: Mapping[str, str] | None) -> list[str]:
        return self._wrapper.argv(argv, cwd or self._layout.work, {**self._layout.env, **(env or {})})


class _Running:
    """One command under way."""

    def __init__(self, plan: Plan, counted: Sequence[str], wrapper: Wrapper, sink: Sink) -> None:
        self._limits = plan.limits
        self._counted = counted
        self._wrapper = wrapper
        self._sink = sink
        self._seen: set[int] = set()
        self._cut = False
        self._stderr = b""

    async def run(self, argv: Sequence[str], stdin: AsyncIterable[bytes], timeout_s: float) -> Done:
        began = time.monotonic()
        start = self._usage()
        process = await self._start(argv)
        assert process.stdout is not None and process.stderr is not None
        pumps = asyncio.gather(self._pump("stdout", process.stdout), self._pump("stderr", process.stderr))
        feeding = asyncio.create_task(_feed(process, stdin))
        watching = asyncio.create_task(self._broken(process.pid, start))
        ended = asyncio.create_task(process.wait())
        try:
            limit = await _first(ended, watching, pumps, timeout_s)
        finally:
            feeding.cancel()
            watching.cancel()
            self._end(process.pid)
            await self._wrapper.clear()
            await ended
            await asyncio.gather(feeding, watching, return_exceptions=True)
            with suppress(TimeoutError, OSError):  # what `sink` raised has been raised above
                async with asyncio.timeout(_LAST_OUTPUT_S):
                    await pumps
        code = process.returncode or 0
        if limit is None and self._wrapper.failed(code, self._stderr):
            raise NoSandbox(f"the walls failed: {one_line(self._stderr.decode('utf-8', 'replace'))}")
        if limit is None and self._over(start, self._usage()):
            limit = "disk"
        if limit is None and code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
            limit = "cpu"
        return Done(
            exit_code=None if code < 0 else code,
            signal=-code if code < 0 else None,
            stdout=b"",
            stderr=b"",
            wall_s=time.monotonic() - began,
            limit=limit,
            output_cut=self._cut,
        )

    async def _start(self, argv: Sequence[str]) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=dict(self._wrapper.env),
                cwd="/",
                start_new_session=True,
            )
        except OSError as failure:
            raise NoSandbox(f"{argv[0]} cannot be started: {failure.strerror}") from failure

    async def _pump(self, name: str, stream: asyncio.StreamReader) -> None:
        left = self._limits.output_bytes
        while data := await stream.read(_CHUNK):
            kept = data[:left]
            self._cut = self._cut or len(kept) < len(data)
            left -= len(kept)
            if name == "stderr":
                self._stderr = (self._stderr + kept)[-_KEPT:]
            if kept:
                await self._sink(name, kept)

    async def _broken(self, pid: int, start: int) -> str:
        """Which ceiling is broken, when one is."""
        while True:
            await asyncio.sleep(_TICK_S)
            if self._over(start, self._usage()):
                return "disk"
            if self._wrapper.watch_memory:
                tree = await asyncio.to_thread(below, pid)
                self._seen |= set(tree)
                if sum(tree.values()) > self._limits.memory_bytes:
                    return "memory"
                if len(tree) > self._limits.processes:
                    return "processes"

    def _usage(self) -> int:
        return sum(tree_usage(place, 2 * self._limits.files).size for place in self._counted)

    def _over(self, start: int, now: int) -> bool:
        return now - start > self._limits.disk_bytes

    def _end(self, pid: int) -> None:
        """The process group, and all that was ever seen below it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        for seen in self._seen:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(seen, signal.SIGKILL)


async def _first(
    ended: asyncio.Task[int], watching: asyncio.Task[str], pumps: asyncio.Future[Any], timeout_s: float
) -> str | None:
    """None when the command has ended, else the ceiling that ends it. Raises what the taker of the output raised."""
    deadline = time.monotonic() + timeout_s
    waiting: set[asyncio.Future[Any]] = {ended, watching, pumps}
    while True:
        done, _ = await asyncio.wait(
            waiting, timeout=max(0.0, deadline - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
        )
        if pumps in done:
            pumps.result()
            waiting.discard(pumps)
        if ended in done:
            return None
        if watching in done:
            return watching.result()
        if time.monotonic() >= deadline:
            return "wall"


async def _feed(process: asyncio.subprocess.Process, pieces: AsyncIterable[bytes]) -> None:
    assert process.stdin is not None
    try:
        async for piece in pieces:
            process.stdin.write(piece)
            await process.stdin.drain()
    except ConnectionError:  # the command does not read any more
        return
    finally:
        process.stdin.close()
