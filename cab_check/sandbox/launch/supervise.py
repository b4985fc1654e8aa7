"""One command from fork to the last process of it: streams, deadline, ceilings, and the report."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import time
from dataclasses import dataclass, field
from typing import Protocol

from cab_check.sandbox.launch import reap
from cab_check.sandbox.launch.channel import Channel, Closed
from cab_check.sandbox.launch.feed import Feed
from cab_check.sandbox.launch.limits import Ceilings, Watchdog
from cab_check.sandbox.launch.payload import Command, Stdio

_TICK_S = 0.1
_CHUNK = 65536
_MOST_UNSENT = 1 << 20  # bytes: above this the command's output is left in its pipes until cab-check has read
_KINDS = {"stdout": b"O", "stderr": b"E"}


class Walls(Protocol):
    """What an engine does in the launcher."""

    def enter(self) -> None:
        """Build what one box needs, once. Raises OSError with the reason if it cannot stand."""

    def spawn(self, command: Command, stdio: Stdio) -> int:
        """Fork `command` behind the walls; the pid of a child of this process that ends when the command does."""


class WallsFell(Exception):
    """The command did not run, because a step of the walls failed in its process."""


@dataclass
class _Stream:
    name: str
    descriptor: int
    sent: int = 0
    cut: bool = False
    ended: bool = False


@dataclass
class Running:
    """A command under way."""

    walls: Walls
    channel: Channel
    limits: Ceilings
    watchdog: Watchdog
    timeout_s: float
    feed: Feed
    limit: str | None = None
    cancelled: bool = False
    cpu_s: float = 0.0
    report: bytes = b""
    streams: dict[int, _Stream] = field(default_factory=dict)

    def run(self, command: Command) -> dict[str, object]:
        """Run to the end; the fields of the D frame: exit_code, signal, limit, cpu_s, wall_s, output_cut.

        Raises WallsFell if it never started, Closed if cab-check went away; everything is ended first.
        """
        began = time.monotonic()
        self.watchdog.begin()
        self._start(command)
        try:
            status = self._follow(began + self.timeout_s, began)
        finally:
            self.cpu_s += reap.sweep()
            self._drain()
            self.feed.close()
            for descriptor in (*self.streams, self._report, self._pidfd):
                os.close(descriptor)
        code, sign = self._ending(status)
        if self.limit is None:
            out_of_cpu = sign == signal.SIGXCPU or code == 128 + signal.SIGXCPU  # the second as a shell says it
            self.limit = "cpu" if out_of_cpu else self.watchdog.final()
        return {
            "exit_code": code,
            "signal": sign,
            "limit": self.limit,
            "cpu_s": round(self.cpu_s, 6),
            "wall_s": round(time.monotonic() - began, 6),
            "output_cut": any(stream.cut for stream in self.streams.values()),
        }

    def _start(self, command: Command) -> None:
        out, out_w = os.pipe()
        err, err_w = os.pipe()
        self._report, report_w = os.pipe()
        self._report_ended = False
        source = self.feed.open()
        self._child = self.walls.spawn(command, Stdio(source, out_w, err_w, report_w))
        for descriptor in (source, out_w, err_w, report_w):
            os.close(descriptor)
        for descriptor in (out, err, self._report):
            os.set_blocking(descriptor, False)
        self.streams = {out: _Stream("stdout", out), err: _Stream("stderr", err)}
        self._pidfd = os.pidfd_open(self._child)

    def _follow(self, deadline: float, began: float) -> int:
        """Serve the streams until the child has ended; its wait status."""
        look = began + _TICK_S / 2
        self._receive()  # what came together with the command has been read already, and no poll tells of it
        while not self.cancelled:
            ready = self._wait(max(0, min(look, deadline) - time.monotonic()))
            if self.channel.outgoing in ready:
                self.channel.flush()
            self._serve(ready)
            if self._pidfd in ready:
                _, status, usage = os.wait4(self._child, 0)
                self.cpu_s += usage.ru_utime + usage.ru_stime
                return status
            self.limit = self._must_end(ready, deadline, look)
            if self.limit or self.cancelled:
                return -1
            if time.monotonic() >= look:
                look = time.monotonic() + _TICK_S
        return -1

    def _wait(self, seconds: float) -> set[int]:
        """Descriptors of which something can be read, or to which something that waits can be written."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        poll.register(self.channel.incoming, select.POLLIN)
        if not self._report_ended:
            poll.register(self._report, select.POLLIN)
        if self.channel.unsent <= _MOST_UNSENT:
            for stream in self.streams.values():
                if not stream.ended:
                    poll.register(stream.descriptor, select.POLLIN)
        if self.channel.unsent:
            poll.register(self.channel.outgoing, select.POLLOUT)
        if self.feed.waiting is not None:
            poll.register(self.feed.waiting, select.POLLOUT)
        return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}

    def _must_end(self, ready: set[int], deadline: float, look: float) -> str | None:
        if self.channel.incoming in ready:
            self._receive()
        now = time.monotonic()
        if now >= deadline:
            return "wall"
        return self.watchdog.broken() if now >= look else None

    def _receive(self) -> None:
        while (message := self.channel.receive()) is not None:
            if "cancel" in message:
                self.cancelled = True
            elif "stdin" in message:
                self.feed.add(base64.b64decode(message["stdin"]), more=message["more"])

    def _serve(self, ready: set[int]) -> None:
        for descriptor in ready & set(self.streams):
            self._pass_on(self.streams[descriptor])
        if self._report in ready:
            self._read_report()
        if self.feed.waiting in ready and self.feed.write():
            self.channel.send(b"I", b"")

    def _pass_on(self, stream: _Stream) -> bool:
        """Forward a piece of output up to the ceiling, drop the rest; whether more can come."""
        try:
            data = os.read(stream.descriptor, _CHUNK)
        except BlockingIOError:
            return True
        room = self.limits["output_bytes"] - stream.sent
        kept = data[:room]
        stream.cut = stream.cut or len(kept) < len(data)
        if kept:
            stream.sent += len(kept)
            self.channel.send(_KINDS[stream.name], kept)
        stream.ended = not data
        return bool(data)

    def _read_report(self) -> None:
        try:
            data = os.read(self._report, 4096)
        except BlockingIOError:
            return
        self.report += data
        self._report_ended = not data

    def _drain(self) -> None:
        """What is left in the pipes after everything has ended: a pipe's capacity at most, so it cannot go on."""
        for stream in self.streams.values():
            for _ in range(64):
                try:
                    if not self._pass_on(stream):
                        break
                except Closed:
                    return
        self._read_report()

    def _ending(self, status: int) -> tuple[int | None, int | None]:
        """Exit code and signal of the command, from the report of its pid 1 or, without one, the child's status."""
        words = [line.split(b" ", 1) for line in self.report.splitlines()]
        for word, *rest in words:
            if word == b"failed":
                raise WallsFell(rest[0].decode("utf-8", "replace") if rest else "no reason given")
        said = {word: rest[0] for word, *rest in words if rest}
        said |= _bubblewrap_says(self.report)
        if b"exit" in said:
            return int(said[b"exit"]), None
        if b"signal" in said:
            return None, int(said[b"signal"])
        if self.limit or self.cancelled:
            return None, int(signal.SIGKILL)
        if [b"exec"] not in words or b"{" in self.report or status < 0:
            raise WallsFell("the process before the command ended without a word")
        code = os.waitstatus_to_exitcode(status)
        return (code, None) if code >= 0 else (None, -code)


def _bubblewrap_says(report: bytes) -> dict[bytes, bytes]:
    """The exit code from bubblewrap's status lines; it writes one only if the command was really started."""
    for line in report.splitlines():
        if line.startswith(b"{"):
            code = json.loads(line).get("exit-code")
            if code is not None:
                return {b"exit": b"%d" % code}
    return {}
