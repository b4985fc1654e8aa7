"""cab-check's end of the talk with a launcher: JSON lines to it, frames from it (`launch/channel.py` has the forms)."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox.box import Done

_HEADER = struct.Struct(">cI")
_WORDS_S = 2.0
_LAST_OUTPUT = 300  # bytes of stderr that are told with a failure of the walls
_NAMES = {b"O": "stdout", b"E": "stderr"}

Sink = Callable[[str, bytes], Awaitable[None]]
OutputWatcher = Callable[[str, bytes], None]


class Collected:
    """A sink that keeps what comes, and tells `watch` of each piece."""

    def __init__(self, watch: OutputWatcher | None = None) -> None:
        self._streams = {"stdout": bytearray(), "stderr": bytearray()}
        self._watch = watch

    async def put(self, name: str, data: bytes) -> None:
        """Take one piece."""
        self._streams[name] += data
        if self._watch is not None:
            self._watch(name, data)

    def into(self, done: Done) -> Done:
        """`done` with all that came."""
        return replace(done, stdout=bytes(self._streams["stdout"]), stderr=bytes(self._streams["stderr"]))


class Talk:
    """Messages to and from one launcher process."""

    def __init__(self, launcher: asyncio.subprocess.Process) -> None:
        assert launcher.stdin is not None and launcher.stdout is not None and launcher.stderr is not None
        self._to, self._from, self._words = launcher.stdin, launcher.stdout, launcher.stderr
        self._header: tuple[bytes, int] | None = None
        self._taken = asyncio.Event()

    async def send(self, message: Mapping[str, Any]) -> None:
        """One message. Raises NoSandbox if the launcher is gone."""
        try:
            self._to.write(json.dumps(message).encode() + b"\n")
            await self._to.drain()
        except ConnectionError as gone:
            raise NoSandbox("the sandbox's launcher has ended") from gone

    async def feed(self, pieces: AsyncIterable[bytes]) -> None:
        """Send the pieces to the running command's standard input, each when the one before was taken, then its end."""
        async for piece in pieces:
            self._taken.clear()
            await self.send({"stdin": base64.b64encode(piece).decode(), "more": True})
            await self._taken.wait()
        await self.send({"stdin": "", "more": False})

    async def outcome(self, sink: Sink, answer_s: float) -> dict[str, Any]:
        """The fields of the D frame; output goes to `sink` on the way.

        Raises TimeoutError if the launcher takes longer than `answer_s`, in which the time that `sink` takes does not
        count, and NoSandbox if the walls failed or the launcher ended.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + answer_s
        stderr = b""
        while True:
            async with asyncio.timeout_at(deadline):
                kind, body = await self.frame()
            if kind == b"D":
                outcome: dict[str, Any] = json.loads(body)
                return outcome
            if kind == b"X":
                said = one_line(stderr.decode("utf-8", "replace"))
                raise NoSandbox(f"the walls failed: {one_line(body.decode('utf-8', 'replace'))} {said}".rstrip())
            if kind == b"I":
                self._taken.set()
                continue
            if kind == b"E":
                stderr = (stderr + body)[-_LAST_OUTPUT:]
            began = loop.time()
            await sink(_NAMES[kind], body)
            deadline += loop.time() - began

    async def frame(self) -> tuple[bytes, bytes]:
        """The next frame; one that a cancelled call had begun to read is not lost. Raises NoSandbox at the end."""
        try:
            if self._header is None:
                kind, length = _HEADER.unpack(await self._from.readexactly(_HEADER.size))
                self._header = kind, length
            kind, length = self._header
            body = await self._from.readexactly(length)
        except asyncio.IncompleteReadError as gone:
            raise NoSandbox(f"the sandbox's launcher has ended: {await self._last_words()}") from gone
        self._header = None
        return kind, body

    async def _last_words(self) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(_WORDS_S):
                text = (await self._words.read(65536)).decode("utf-8", "replace").strip()
                return one_line(text.splitlines()[-1]) if text else "without a word"
        return "without a word"
