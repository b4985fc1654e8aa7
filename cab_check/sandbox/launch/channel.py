"""The launcher's end of the talk with cab-check: JSON lines in on descriptor 0, frames out on descriptor 1.

A frame is one byte of kind, four of length (big endian), and that many bytes. Kinds: R the walls stand (JSON),
X they do not (text), O and E output, I the input sent so far has been taken, D a command is done (JSON).
"""

from __future__ import annotations

import json
import os
import select
import struct
from typing import Any

HEADER = struct.Struct(">cI")
_CHUNK = 65536


class Closed(Exception):
    """cab-check is gone, or has closed the box."""


class Channel:
    """Never blocks on writing: what cannot be sent yet is kept, at most what one command may print."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self._read = bytearray()
        self._unsent = bytearray()
        os.set_blocking(incoming, False)
        os.set_blocking(outgoing, False)

    @property
    def unsent(self) -> int:
        """Bytes left to send."""
        return len(self._unsent)

    def send(self, kind: bytes, body: bytes) -> None:
        """Queue a frame, and send what can be sent now. Raises Closed."""
        self._unsent += HEADER.pack(kind, len(body)) + body
        self.flush()

    def flush(self) -> None:
        """Send what can be sent without waiting. Raises Closed."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self.outgoing, self._unsent[:_CHUNK])]
        except BlockingIOError:
            return
        except BrokenPipeError as gone:
            raise Closed from gone

    def receive(self) -> dict[str, Any] | None:
        """The next message, or None if none is complete yet. Raises Closed at the end of the talk."""
        while b"\n" not in self._read:
            try:
                data = os.read(self.incoming, _CHUNK)
            except BlockingIOError:
                return None
            if not data:
                raise Closed
            self._read += data
        line, _, rest = bytes(self._read).partition(b"\n")
        self._read = bytearray(rest)
        message: dict[str, Any] = json.loads(line)
        return message

    def wait(self) -> dict[str, Any]:
        """The next message, however long it takes. Raises Closed."""
        poll = select.poll()
        while True:
            message = self.receive()
            if message is not None:
                return message
            self.flush()
            poll.register(self.incoming, select.POLLIN)
            if self._unsent:
                poll.register(self.outgoing, select.POLLOUT)
            poll.poll()
            if self._unsent:
                poll.unregister(self.outgoing)
