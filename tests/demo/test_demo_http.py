"""The server as such: framing, keep-alive, hostile clients, limits, and how it stops."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from cab_check.base.errors import UsageError
from cab_check.demo import connection
from cab_check.demo.encode import MODEL
from cab_check.demo.server import DemoServer, serve

ASK = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Reply with exactly: pong"}]}).encode()
CHAT = "/v1/chat/completions"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with serve() as running:
        yield running


def exchange(server: DemoServer, data: bytes) -> bytes:
    """Everything that comes back for `data` until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(65536), b""))


def post(body: bytes, *headers: str) -> bytes:
    lines = [f"POST {CHAT} HTTP/1.1", "Host: x", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


SOUND = {
    "length": post(ASK, f"Content-Length: {len(ASK)}"),
    "chunks": post(chunked(ASK[:7], ASK[7:]), "Transfer-Encoding: chunked"),
    "chunk extensions": post(b"%x;a=b\r\n%s\r\n0\r\nX: y\r\n\r\n" % (len(ASK), ASK), "transfer-encoding: Chunked"),
    "bare line feeds": post(ASK, f"Content-Length: {len(ASK)}").replace(b"\r\n", b"\n"),
    "a blank line first": b"\r\n" + post(ASK, f"Content-Length: {len(ASK)}"),
    "a query": post(ASK, f"Content-Length: {len(ASK)}").replace(b"completions ", b"completions?api-version=1 ", 1),
    "the older version": post(ASK, f"Content-Length: {len(ASK)}").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a wait for 100": post(ASK, f"Content-Length: {len(ASK)}", "Expect: 100-continue"),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_framing_is_answered(server: DemoServer, name: str) -> None:
    back = exchange(server, SOUND[name])
    assert b" 200 OK\r\n" in back
    assert b'"content":"pong"' in back
    assert back.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") == (name == "a wait for 100")


UNSOUND = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\n", 400),
    "text": (b"hello there\r\n\r\n", 400),
    "another protocol": (b"GET / HTTP/2.0\r\n\r\n", 400),
    "a header without a colon": (b"GET /v1/models HTTP/1.1\r\nnonsense\r\n\r\n", 400),
    "a blank before the colon": (b"GET /v1/models HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "two lengths": (post(ASK, "Content-Length: 5", "Content-Length: 6"), 400),
    "length and chunks": (post(ASK, "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    "a negative length": (post(ASK, "Content-Length: -5"), 400),
    "an unknown coding": (post(ASK, "Transfer-Encoding: gzip"), 400),
    "a broken chunk": (post(b"zz\r\n", "Transfer-Encoding: chunked"), 400),
    "a chunk too long": (post(b"2\r\nabcd\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
    "a compressed body": (post(ASK, f"Content-Length: {len(ASK)}", "Content-Encoding: gzip"), 415),
    "a body too large": (post(b"", f"Content-Length: {connection.BODY_BYTES + 1}"), 413),
    "a chunk too large": (post(b"ffffffff\r\n", "Transfer-Encoding: chunked"), 413),
    "a line too long": (b"GET /" + b"a" * connection.HEAD_BYTES * 2 + b" HTTP/1.1\r\n\r\n", 431),
    "too many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * connection.HEAD_BYTES + b"\r\n", 431),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_framing_is_refused_once_and_closed(server: DemoServer, name: str) -> None:
    data, status = UNSOUND[name]
    back = exchange(server, data)
    assert back.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close\r\n" in back
    head, _, body = back.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["message"]
    assert b"Server: cab-check-demo/" in head


def test_one_connection_serves_many_requests(server: DemoServer) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as link:
        sockets: set[Any] = set()
        for stream in (False, True, False):
            link.request("POST", CHAT, json.dumps({**json.loads(ASK), "stream": stream}))
            reply = link.getresponse()
            assert b"pong" in reply.read()
            assert reply.getheader("Transfer-Encoding") == ("chunked" if stream else None)
            sockets.add(link.sock)
        link.request("HEAD", "/v1/models")
        assert link.getresponse().read() == b""
        link.request("OPTIONS", CHAT)
        reply = link.getresponse()
        assert (reply.status, reply.getheader("Allow"), reply.read()) == (204, "POST, OPTIONS", b"")
        link.request("GET", "/v1/models")
        assert json.load(link.getresponse())["data"][0]["id"] == MODEL
        assert len(sockets) == 1
    assert server.requests == 6


def test_a_stream_comes_in_pieces_and_ends_as_it_must(server: DemoServer) -> None:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Write 60 words."}], "stream": True})
    back = exchange(server, post(body.encode(), f"Content-Length: {len(body)}"))
    head, _, rest = back.partition(b"\r\n\r\n")
    assert b"Content-Type: text/event-stream" in head
    assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert rest.count(b"data: ") > 10


def test_clients_that_leave_disturb_nobody(server: DemoServer, capfd: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Write 5000 words."}], "stream": True})
    for cut in (post(ASK, "Content-Length: 9999"), post(body.encode(), f"Content-Length: {len(body)}"), b"GET", b""):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            link.sendall(cut)
            if b"5000" in cut:
                assert link.recv(1000)
    assert b"pong" in exchange(server, SOUND["length"])
    server.close()
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_a_client_that_dawdles_is_left(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_S", "BODY_S", "IDLE_S"):
        monkeypatch.setattr(connection, name, 0.05)
    for begun in (b"", b"GET /v1/models HTTP/1.1\r\nHost:", post(b"{", "Content-Length: 10")):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
            link.sendall(begun)
            assert link.recv(100) == b""


def test_stopping_takes_under_a_second_with_clients_of_every_kind() -> None:
    server = serve()
    address = ("127.0.0.1", server.port)
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Write 9000 words."}], "stream": True})
    with (
        socket.create_connection(address) as idle,
        socket.create_connection(address) as half,
        socket.create_connection(address, timeout=10) as busy,
    ):
        half.sendall(b"POST /v1")
        busy.sendall(post(body.encode(), f"Content-Length: {len(body)}"))
        assert busy.recv(100)
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 1
        assert not any(thread.name == "cab-check-demo" for thread in threading.enumerate())
        idle.settimeout(10)
        with pytest.raises(ConnectionError):
            while idle.recv(100):
                pass
            raise ConnectionResetError
    server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)


def test_connections_that_come_while_it_stops_are_closed_too(capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(40):
        server = serve()
        links = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1 + number % 4)]
        server.close()
        for link in links:
            link.close()
    gc.collect()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::", ""])
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(UsageError, match="loopback"):
        serve(host=host)


def test_a_port_that_is_taken_is_said(server: DemoServer) -> None:
    for port in (server.port, 70_000):
        with pytest.raises(UsageError, match=str(port)):
            serve(port=port)


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_the_other_names_of_loopback(host: str) -> None:
    with serve(host=host) as server:
        assert server.base_url == f"http://{'127.0.0.1' if host == 'localhost' else '[::1]'}:{server.port}/v1"
        with closing(HTTPConnection(host if host == "::1" else "127.0.0.1", server.port, timeout=10)) as link:
            link.request("GET", "/v1/models")
            assert link.getresponse().status == 200
