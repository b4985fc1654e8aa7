"""Replies of the demo endpoint over real sockets in every way that HTTP allows: framing, coding, heads, packets."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from cab_check.demo.http import Handler, HttpReply, HttpRequest, head, pieces

Bytes = Callable[[bytes], bytes]
Parts = list[bytes]


def same(data: bytes) -> bytes:
    """The bytes as they are."""
    return data


def whole(parts: Parts) -> Parts:
    """The pieces as they are."""
    return parts


@dataclass(frozen=True)
class Style:
    """How a reply goes out. Every field that is left alone stands for what the demo server itself does.

    `interim` are bytes before the status line, `head` changes the head's lines, `coding` compresses by what the request
    accepts, `chunk` frames one piece of a chunked body and `last` ends it, `split` makes packets of it all, `pause_s`
    lies between packets. `close`: how the connection ends, if not kept: told, or simply closed once the reply is out.
    """

    interim: bytes = b""
    head: Bytes = same
    coding: str = ""
    chunked: str = "streams"  # "streams" | "always" | "never": then the end of the connection ends the body
    chunk: Bytes = same
    last: bytes = b"0\r\n\r\n"
    split: Callable[[Parts], Parts] = whole
    close: str = "never"  # "never" | "told" | "untold"

    def over(self, other: Style) -> Style:
        """Both; where both differ from the usual, this one."""
        usual = Style()
        mine = {f.name: getattr(self, f.name) for f in fields(Style)}
        return Style(**{k: v if v != getattr(usual, k) else getattr(other, k) for k, v in mine.items()})


USUAL = Style()


class Wire:
    """A server on loopback that answers with a handler's replies in one style, and knows what went out otherwise."""

    def __init__(self, handler: Handler, style: Style) -> None:
        self._handler, self._style = handler, style
        self.changed = 0
        """Replies of which the bytes, or the end of the connection, were others than the demo server's own."""
        self.port = 0

    def converse(self, link: socket.socket) -> None:
        """Answer the requests of one connection."""
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with link.makefile("rb") as reader:
            while (request := _request(reader)) is not None:
                reply = self._handler(request)
                time.sleep(reply.delivery.wait_s)
                out = wired(request, reply, self._style)
                plain = wired(request, reply, USUAL)
                self.changed += out != plain or self._style.close == "untold"
                for number, packet in enumerate(out):
                    if number == 1 and reply.delivery.first_s:
                        time.sleep(reply.delivery.first_s)
                    link.sendall(packet)
                if self._style.close != "never" or self._style.chunked == "never":
                    link.shutdown(socket.SHUT_WR)
                    return


def wired(request: HttpRequest, reply: HttpReply, style: Style) -> Parts:
    """The packets of one reply: the head, then the body's pieces as they are framed."""
    body = written(reply)
    coding = style.coding if style.coding in request.headers.get("accept-encoding", "") else ""
    if coding and body:
        body = list(_compressed(body, coding))
    streamed = reply.events is not None
    framed = style.chunked == "always" or (style.chunked == "streams" and streamed)
    length = None if framed or style.chunked == "never" else sum(map(len, body))
    top = head(reply, length, keep=style.close != "told")
    top = _without(top, b"Transfer-Encoding")
    if framed:
        top = _with(top, b"Transfer-Encoding: chunked")
        body = [style.chunk(b"%x\r\n%s\r\n" % (len(piece), piece)) for piece in body if piece] + [style.last]
    if coding and body:
        top = _with(top, b"Content-Encoding: " + coding.encode())
    return style.split([style.interim + style.head(top), *body])


def written(reply: HttpReply) -> Parts:
    """The pieces of the body, rewritten as its delivery says."""
    body = list(pieces(reply))
    for rewrite in reply.delivery.rewrites:
        body = [rewrite(piece) for piece in body]
    return body


def _compressed(body: Parts, coding: str) -> Iterator[bytes]:
    """Each piece flushed, so that a stream stays one."""
    engine = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    for piece in body:
        yield engine.compress(piece) + engine.flush(zlib.Z_SYNC_FLUSH)
    yield engine.flush()


def _with(top: bytes, line: bytes) -> bytes:
    return top.removesuffix(b"\r\n") + line + b"\r\n\r\n"


def _without(top: bytes, name: bytes) -> bytes:
    return b"\r\n".join(line for line in top.split(b"\r\n") if not line.startswith(name + b":"))


def _request(reader: socket.SocketIO) -> HttpRequest | None:
    """The next request; None where the client has left."""
    line = reader.readline()
    if not line.strip():
        return None
    headers: dict[str, str] = {}
    while (field := reader.readline().strip()) != b"":
        name, _, value = field.partition(b":")
        headers[name.decode().lower()] = value.strip().decode()
    method, target, _ = line.decode().split(" ", 2)
    body = reader.read(int(headers.get("content-length", "0")))
    return HttpRequest(method, target.partition("?")[0], headers, body)


@contextmanager
def wire(handler: Handler, style: Style) -> Iterator[Wire]:
    """`handler` behind a socket."""
    laid = Wire(handler, style)

    class Handling(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                laid.converse(self.request)
            except (ConnectionError, TimeoutError):
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handling) as server:
        laid.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield laid
        finally:
            server.shutdown()
            thread.join()
