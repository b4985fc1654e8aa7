"""Sockets under HTTP: connections that remember when bytes came, and what the first of them were.

httpcore, the engine inside httpx, takes any stream of this interface. Its own goes through layers that drop the cause
of an error and, after a failed write, the reply that explains it: a server that refuses a large body answers 413 and
closes while the client is still sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import httpcore

from cab_check.wire.resolve import Spot, resolve

T = TypeVar("T")

KEPT_FIRST = 256  # bytes of what the peer said first, to show when it was not HTTP
_HEAD_START_S = 0.25  # RFC 8305, section 5: connection attempt delay


class NoConnection(OSError):
    """No address of a host could be connected to. `failures` says of each address why."""

    def __init__(self, failures: tuple[tuple[Spot, OSError], ...]) -> None:
        super().__init__("; ".join(f"{spot.shown}: {error.strerror or error}" for spot, error in failures))
        self.failures = failures


class Line(httpcore.AsyncNetworkStream):
    """One connected socket. Raises OSError as the system gave it; WriteError for a failed write, as httpcore needs."""

    def __init__(self, sock: socket.socket, spot: Spot) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.peer = spot.shown
        self.first = b""
        self.last_read = self._loop.time()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._loop.sock_recv(self._sock, max_bytes)
        self.last_read = self._loop.time()
        self.first += data[: KEPT_FIRST - len(self.first)]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._loop.sock_sendall(self._sock, buffer)
        except OSError as failure:
            raise httpcore.WriteError(str(failure)) from failure

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        secured = TlsLine(self, ssl_context, server_hostname)
        await secured.shake_hands()
        return secured

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket at once; closing again does nothing."""
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        return self._sock if info == "socket" else None


class TlsLine(httpcore.AsyncNetworkStream):
    """TLS over any other stream, so also over a proxy's tunnel. Raises ssl.SSLError."""

    def __init__(self, below: Line | TlsLine, context: ssl.SSLContext, hostname: str | None) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self.peer: str = below.peer
        self.first = b""

    @property
    def last_read(self) -> float:
        """When bytes last came from the socket, on the loop's clock."""
        return self._below.last_read

    async def shake_hands(self) -> None:
        """Do the handshake; the stream below is closed if it fails."""
        try:
            await self._pump(self.tls.do_handshake)
        except BaseException:
            await self._below.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            data = await self._pump(lambda: self.tls.read(max_bytes))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Many servers close without the closing alert; whether the reply was whole, HTTP's framing tells.
            return b""
        self.first += data[: KEPT_FIRST - len(self.first)]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            chunk = rest[:65536]
            rest = rest[await self._pump(partial(self.tls.write, chunk)) :]

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        secured = TlsLine(self, ssl_context, server_hostname)
        await secured.shake_hands()
        return secured

    async def aclose(self) -> None:
        await self._below.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self.tls if info == "ssl_object" else self._below.get_extra_info(info)

    async def _pump(self, step: Callable[[], T]) -> T:
        """Repeat `step` of the TLS engine, carrying its bytes to and from the stream below, until it is through."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._below.read(65536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(httpcore.WriteError):
                    await self._flush()  # the alert that tells the server why
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._below.write(self._outgoing.read())


class Lines(httpcore.AsyncNetworkBackend):
    """Makes connections: the name is looked up, and its addresses are tried with a head start each (RFC 8305)."""

    def __init__(self, resolved: Callable[[tuple[Spot, ...]], None]) -> None:
        self._resolved = resolved

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        spots = await resolve(host, port)
        self._resolved(spots)
        return await _race(spots)


async def _race(spots: tuple[Spot, ...]) -> Line:
    """The first connection that stands. Raises NoConnection when every address has failed."""
    waiting = list(spots)
    failures: list[tuple[Spot, OSError]] = []
    under_way: dict[asyncio.Task[Line], Spot] = {}
    try:
        while waiting or under_way:
            if waiting:
                spot = waiting.pop(0)
                under_way[asyncio.create_task(_connect(spot))] = spot
            done, _ = await asyncio.wait(
                under_way, timeout=_HEAD_START_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                spot, failure = under_way.pop(task), task.exception()
                if failure is None:
                    return task.result()
                if not isinstance(failure, OSError):
                    raise failure
                failures.append((spot, failure))
        raise NoConnection(tuple(failures))
    finally:
        for task in under_way:
            task.cancel()
            task.add_done_callback(_close_late)


def _close_late(task: asyncio.Task[Line]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(spot: Spot) -> Line:
    sock = socket.socket(spot.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, spot.sockaddr)
    except BaseException:
        sock.close()
        raise
    return Line(sock, spot)
