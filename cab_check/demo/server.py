"""The demo endpoint as a server on loopback: its own thread, its own event loop, gone within a second of `close`."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from functools import partial
from types import TracebackType

from cab_check.base.errors import UsageError
from cab_check.demo.connection import HEAD_BYTES, converse
from cab_check.demo.endpoint import CONTEXT_TOKENS, Endpoint
from cab_check.demo.faults.fault import Fault, lay
from cab_check.demo.http import Handler

BACKLOG = 128
STOP_S = 1.0


def serve(
    *,
    port: int = 0,
    key: str | None = None,
    context_tokens: int = CONTEXT_TOKENS,
    host: str = "127.0.0.1",
    faults: Sequence[Fault] = (),
) -> DemoServer:
    """Start the demo endpoint and return it, already listening; port 0 takes a free one.

    With `key`, every request must carry it as a bearer token. `faults` are laid over the endpoint. Raises UsageError
    for an address that is not loopback, and for a port that cannot be had.
    """
    handler = lay(Endpoint(key=key, context_tokens=context_tokens), faults)
    return DemoServer(handler, host=host, port=port, key=key)


class DemoServer:
    """A running server of `handler`. A context manager; `close` may be called more than once."""

    def __init__(self, handler: Handler, *, host: str, port: int, key: str | None) -> None:
        self._handler = handler
        self._socket = _listen(host, port)
        address, self.port = self._socket.getsockname()[:2]
        self.base_url = f"http://{f'[{address}]' if ':' in address else address}:{self.port}/v1"
        self.key = key
        self.requests = 0
        """How many requests have been read so far, refused ones included."""
        self._loop = asyncio.SelectorEventLoop()
        self._stop = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="cab-check-demo", daemon=True)
        self._thread.start()

    def __enter__(self) -> DemoServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, cut open connections, and wait for the thread, at most `STOP_S` seconds."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop.add_reader(self._socket, self._accept)
        await self._stop.wait()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self) -> None:
        """Take one connection. Not left to asyncio's own server, which drops one that comes while it closes."""
        try:
            link, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        link.setblocking(False)
        task = self._loop.create_task(self._converse(link))
        self._open.add(task)
        task.add_done_callback(partial(self._ended, link))

    def _ended(self, link: socket.socket, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        link.close()

    async def _converse(self, link: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=link, limit=HEAD_BYTES)
        try:
            await converse(reader, writer, self._handler, self._count)
        finally:
            writer.transport.abort()

    def _count(self) -> None:
        self.requests += 1


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address)
    except ValueError:
        loopback = None
    if loopback is None or not loopback.is_loopback:
        raise UsageError(f"The demo endpoint listens on loopback only, not on {host}.", "Use 127.0.0.1 or ::1.")
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no port: they run from 0 to 65535.", "Choose another --port, or 0 for a free one.")
    family = socket.AF_INET6 if loopback.version == 6 else socket.AF_INET
    try:
        listening = socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as failure:
        raise UsageError(
            f"Port {port} on {host} cannot be used: {failure}.", "Choose another --port, or 0 for a free one."
        ) from failure
    listening.setblocking(False)
    return listening
