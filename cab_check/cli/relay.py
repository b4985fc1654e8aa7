"""The three streams of `cab-check sandbox`, passed through as they come: bytes as they are, but for a terminal."""

from __future__ import annotations

import asyncio
import codecs
import os
import queue
import threading
from collections.abc import AsyncIterator

from cab_check.base.text import clean

_CHUNK = 65536
_DESCRIPTORS = {"stdout": 1, "stderr": 2}


class Relay:
    """Writes a command's output to our own stdout and stderr, unbuffered.

    What goes to a terminal is cleaned first, since an escape sequence can type, rename windows and hide text; with
    `raw` it is not. What goes to a file or a pipe is never changed.
    """

    def __init__(self, *, raw: bool) -> None:
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace")
            for name, descriptor in _DESCRIPTORS.items()
            if not raw and os.isatty(descriptor)
        }

    async def put(self, name: str, data: bytes) -> None:
        """Write one piece, however long its reader takes. Raises BrokenPipeError if the reader has left."""
        decoder = self._decoders.get(name)
        if decoder is not None:
            data = clean(decoder.decode(data)).encode()
        await asyncio.to_thread(_write, _DESCRIPTORS[name], data)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


async def standard_input() -> AsyncIterator[bytes]:
    """Our own standard input, a piece whenever the last one was taken, up to its end.

    A thread of its own reads, since files cannot be waited for and a read cannot be broken off; it ends with us.
    """
    loop = asyncio.get_running_loop()
    wanted: queue.SimpleQueue[asyncio.Future[bytes]] = queue.SimpleQueue()

    def read() -> None:
        data = b"-"
        while data:
            answer = wanted.get()
            try:
                data = os.read(0, _CHUNK)
            except OSError:  # there is none, or its terminal is gone
                data = b""
            try:
                loop.call_soon_threadsafe(_answer, answer, data)
            except RuntimeError:  # the loop has ended with the command
                return

    threading.Thread(target=read, daemon=True).start()
    while True:
        answer: asyncio.Future[bytes] = loop.create_future()
        wanted.put(answer)
        data = await answer
        if not data:
            return
        yield data


def _answer(future: asyncio.Future[bytes], data: bytes) -> None:
    if not future.done():
        future.set_result(data)
