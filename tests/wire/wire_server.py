"""A server on loopback that plays bytes, faults included, and remembers every request that it was sent."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Exchange, Facts
from cab_check.wire.limits import WireLimits
from cab_check.wire.secret import Secret

KEY = "sk-test-not-a-key-0123456789"
QUICK = WireLimits(connect_s=2.0, headers_s=0.3, idle_s=0.3, total_s=5.0, after_done_s=0.05)
CHAT = Ask("POST", "/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Grüße"}]})


@dataclass
class Connection:
    """One connection, seen from the server. `request` is what came: head and body."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: bytes = b""

    async def hear(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        self.request = head + (await self.reader.readexactly(int(size[1])) if size else b"")
        return self.request

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        await self.reader.read()  # until the client has gone


Script = Callable[[Connection], Awaitable[None]]


@dataclass
class Served:
    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def plays(*parts: bytes) -> Script:
    """Hear the request, say the parts, close."""

    async def script(connection: Connection) -> None:
        await connection.say(*parts)

    return script


def reply(body: bytes, head: str = "", status: str = "200 OK") -> bytes:
    lines = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    return lines.encode("latin-1") + body


@asynccontextmanager
async def serving(script: Script, *, tls: ssl.SSLContext | None = None, hear: bool = True) -> AsyncIterator[Served]:
    served = Served(0)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        connection = Connection(reader, writer)
        try:
            if hear:
                served.requests.append(await connection.hear())
            await script(connection)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def client(url: str, key: str | None = KEY, *, limits: WireLimits = QUICK, **access: object) -> Client:
    address = read_address(url)
    given = Access(key=Secret(key) if key else None, key_source="--key" if key else None, **access)  # type: ignore[arg-type]
    return Client(address, given, facts=Facts(address.base_url, address.given), limits=limits)


async def ask_once(url: str, ask: Ask = CHAT, **options: object) -> Exchange:
    async with client(url, **options) as asker:  # type: ignore[arg-type]
        return await asker.send(ask)


async def ask_script(script: Script, ask: Ask = CHAT, **options: object) -> Exchange:
    async with serving(script) as served:
        return await ask_once(served.url, ask, **options)


def make_certificate(
    folder: Path, name: str, *, days: int = 2, host: str = "DNS:localhost,IP:127.0.0.1"
) -> ssl.SSLContext:
    """A server context with a fresh self-signed certificate, `folder/name.pem`."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days {days} -subj /CN={name}"
    subprocess.run(
        [*command.split(), "-addext", f"subjectAltName={host}", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
