"""HTTP/1.1 on one accepted connection: requests in, replies out, with limits and deadlines on both.

Framing follows RFC 9112. A request that cannot be framed is answered once and the connection is closed,
since nobody knows where the next one would begin.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

from cab_check.demo.errors import ApiError
from cab_check.demo.http import NEVER, Delivery, Handler, HttpReply, HttpRequest, head, pieces

HEAD_BYTES = 64 * 1024
BODY_BYTES = 8 * 1024 * 1024
IDLE_S = 120.0
HEAD_S = 10.0
BODY_S = 30.0
WRITE_S = 30.0
LINGER_S = 2.0
PACE_S = 0.001
"""Between two events of a stream, so that a client sees them come one by one, as from a fast model."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S{1,8192}) HTTP/1\.([01])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class Gone(Exception):
    """The client closed the connection, broke it, or let a deadline pass."""


async def converse(reader: StreamReader, writer: StreamWriter, handler: Handler, count: Callable[[], None]) -> None:
    """Answer requests until the client leaves or asks to close. `count` is called once per request read."""
    keep = True
    try:
        while keep:
            try:
                request = await _request(reader, writer)
                reply = handler(request)
                count()
                keep = request.headers.get("connection", "").lower() != "close"
            except ApiError as error:
                request, reply, keep = HttpRequest("", ""), error.reply(), False
            await _deliver(reader, writer, request, reply, keep=keep)
        await _linger(reader, writer)
    except (Gone, ConnectionError, TimeoutError, asyncio.IncompleteReadError):
        return


async def _request(reader: StreamReader, writer: StreamWriter) -> HttpRequest:
    async with asyncio.timeout(IDLE_S):
        line = await _line(reader)
        while line in (b"\r\n", b"\n"):
            line = await _line(reader)
    started = _REQUEST_LINE.fullmatch(line)
    if started is None:
        raise ApiError(400, "This is not an HTTP/1.1 request line.", code="bad_request_line")
    async with asyncio.timeout(HEAD_S):
        headers = await _headers(reader)
    if started[3] == b"0":
        headers["connection"] = "close"
    async with asyncio.timeout(BODY_S):
        body = await _body(reader, writer, headers)
    target = started[2].decode("latin-1")
    return HttpRequest(started[1].decode(), target.partition("?")[0], headers, body)


async def _line(reader: StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as failure:
        raise ApiError(431, f"A line of the head is longer than {HEAD_BYTES} bytes.") from failure


async def _headers(reader: StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    size = 0
    while (line := await _line(reader)) not in (b"\r\n", b"\n"):
        size += len(line)
        if size > HEAD_BYTES:
            raise ApiError(431, f"The head is longer than {HEAD_BYTES} bytes.")
        found = _HEADER.fullmatch(line)
        if found is None:
            raise ApiError(400, "A header line cannot be read.", code="bad_header")
        name, value = found[1].decode().lower(), found[2].decode("latin-1")
        if name in headers and name in ("content-length", "transfer-encoding", "host"):
            raise ApiError(400, f"The header {name} came twice.", code="bad_header")
        headers[name] = value
    return headers


async def _body(reader: StreamReader, writer: StreamWriter, headers: dict[str, str]) -> bytes:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise ApiError(400, "The length of the body is not clear.", code="bad_framing")
    if length is not None and not re.fullmatch(r"[0-9]{1,15}", length):
        raise ApiError(400, "Content-Length is not a number.", code="bad_framing")
    if int(length or 0) > BODY_BYTES:
        raise _too_large()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _chunks(reader) if coding else await reader.readexactly(int(length or 0))
    if body and headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "A compressed request body is not understood here.", code="unsupported_encoding")
    return body


async def _chunks(reader: StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = await _line(reader)
        found = _CHUNK_SIZE.fullmatch(line)
        if found is None:
            raise ApiError(400, "A chunk of the body cannot be read.", code="bad_framing")
        size = int(found[1], 16)
        if size == 0:
            await _headers(reader)
            return bytes(body)
        if len(body) + size > BODY_BYTES:
            raise _too_large()
        body += await reader.readexactly(size)
        if await _line(reader) not in (b"\r\n", b"\n"):
            raise ApiError(400, "A chunk of the body does not end where it says.", code="bad_framing")


def _too_large() -> ApiError:
    return ApiError(413, f"The request body is larger than {BODY_BYTES} bytes.", code="request_too_large")


async def _deliver(
    reader: StreamReader, writer: StreamWriter, request: HttpRequest, reply: HttpReply, *, keep: bool
) -> None:
    """Send `reply` as its delivery says. Raises Gone where that ends the connection."""
    how = reply.delivery
    await _pause(reader, how.wait_s)
    if how.hangs_up:
        raise Gone
    parts = [_rewritten(piece, how) for piece in pieces(reply)]
    streamed = reply.events is not None
    length = None if streamed or reply.status == 204 else sum(map(len, parts))
    await _write(writer, head(reply, length, keep=keep))
    if how.first_s:
        await _pause(reader, how.first_s)
    if request.method == "HEAD":
        parts = []
    elif how.breaks_off:
        parts = _beginning(parts)
    if streamed:
        await _stream(writer, parts, pace_s=0.0 if how.at_once else PACE_S)
    else:
        await _write(writer, b"".join(parts))
    if how.breaks_off:
        raise Gone
    if streamed:
        await _write(writer, b"0\r\n\r\n")


async def _stream(writer: StreamWriter, parts: list[bytes], *, pace_s: float) -> None:
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part]
    if not pace_s:
        await _write(writer, b"".join(chunks))
        return
    for chunk in chunks:
        await _write(writer, chunk)
        await asyncio.sleep(pace_s)


def _rewritten(piece: bytes, how: Delivery) -> bytes:
    for rewrite in how.rewrites:
        piece = rewrite(piece)
    return piece


def _beginning(parts: list[bytes]) -> list[bytes]:
    """The first half of a body, and of its only piece."""
    if len(parts) == 1:
        return [parts[0][: len(parts[0]) // 2]]
    return parts[: len(parts) // 2]


async def _pause(reader: StreamReader, seconds: float) -> None:
    """Wait; for NEVER, until the client has left."""
    if seconds != NEVER:
        await asyncio.sleep(seconds)
        return
    while await reader.read(HEAD_BYTES):
        pass
    raise Gone


async def _linger(reader: StreamReader, writer: StreamWriter) -> None:
    """Let the client read the last reply: closing with bytes unread makes the kernel throw that reply away.

    See RFC 9112, section 9.6.
    """
    try:
        writer.write_eof()
    except OSError:  # the client has left already: "not connected", which is no ConnectionError
        raise Gone from None
    async with asyncio.timeout(LINGER_S):
        while await reader.read(HEAD_BYTES):
            pass


async def _write(writer: StreamWriter, data: bytes) -> None:
    """Raises Gone if the client has left, or does not read what it asked for."""
    if writer.is_closing():
        raise Gone
    writer.write(data)
    async with asyncio.timeout(WRITE_S):
        await writer.drain()
