"""The standard input of one command: what is known from the start, and what comes while it runs."""

from __future__ import annotations

import os

_CHUNK = 65536


class Feed:
    """The writing end of a pipe. `more` says that data will be added later; without it the end follows the data."""

    def __init__(self, data: bytes, *, more: bool) -> None:
        self._data = data
        self._more = more
        self._sink: int | None = None

    def open(self) -> int:
        """What the command reads from, for the caller to close: a pipe, or the null device if nothing will come."""
        if not self._data and not self._more:
            return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        source, self._sink = os.pipe()
        os.set_blocking(self._sink, False)
        return source

    @property
    def waiting(self) -> int | None:
        """The descriptor to write to when it can take something; None if there is nothing to write."""
        return self._sink if self._data else None

    def add(self, data: bytes, *, more: bool) -> None:
        """Put `data` behind what is there."""
        self._data += data
        self._more = more
        self._end_if_done()

    def write(self) -> bool:
        """Write what goes without waiting; whether all of it is gone, so that more may be sent."""
        if self._sink is None:
            self._data = b""
            return True
        try:
            self._data = self._data[os.write(self._sink, self._data[:_CHUNK]) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:  # the command does not read any more: the rest is dropped
            self._data, self._more = b"", False
        self._end_if_done()
        return not self._data

    def close(self) -> None:
        """Close the pipe, whatever is left."""
        if self._sink is not None:
            os.close(self._sink)
            self._sink = None

    def _end_if_done(self) -> None:
        if not self._data and not self._more:
            self.close()
