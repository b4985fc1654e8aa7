"""How exchanges end: every transport fault over a real socket, next to its sound twin."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib

import pytest
from wire_server import CHAT, KEY, QUICK, Connection, ask_once, ask_script, client, plays, reply, serving

from cab_check.wire.decode import arrivals
from cab_check.wire.exchange import Ask
from cab_check.wire.journal import Journal
from cab_check.wire.limits import WireLimits

OK = b'{"object":"chat.completion"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def label(value: object) -> str:
    """Compressed bytes hold the time, and every worker must give a test the same name."""
    return "bytes" if isinstance(value, bytes) else str(value)


def bomb() -> bytes:
    return gzip.compress(bytes(4_000_000))


@pytest.mark.parametrize(
    ("said", "end", "status", "body"),
    [
        (reply(OK), "complete", 200, OK),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", "complete", 200, b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", "complete", 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "complete", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + reply(OK), "complete", 200, OK),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "protocol", None, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "cut", 200, b"hello"),
        (CHUNKED + b"5\r\nhello\r\n5\r\nwo", "cut", 200, b"hellowo"),
        (CHUNKED + b"5\r\nhello\r\nzz\r\n", "protocol", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "cut", None, b""),
        (b"", "reset", None, b""),
        (b"HTTP/1.1 banana\r\n\r\n", "protocol", None, b""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol", None, b""),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n", "too-large", 200, b""),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 300_000 + b"\r\n\r\n", "too-large", None, b""),
        (reply(gzip.compress(OK), "Content-Encoding: gzip\r\n"), "complete", 200, OK),
        (reply(gzip.compress(OK[:9]) + gzip.compress(OK[9:]), "Content-Encoding: x-gzip\r\n"), "complete", 200, OK),
        (reply(zlib.compress(OK), "Content-Encoding: deflate\r\n"), "complete", 200, OK),
        (reply(zlib.compress(OK)[2:-4], "Content-Encoding: deflate\r\n"), "complete", 200, OK),
        (reply(gzip.compress(zlib.compress(OK)), "Content-Encoding: deflate, gzip\r\n"), "complete", 200, OK),
    ],
    ids=label,
)
def test_an_exchange_ends_as_the_bytes_say(said: bytes, end: str, status: int | None, body: bytes) -> None:
    exchange = asyncio.run(ask_script(plays(said)))
    assert (exchange.end, exchange.status, exchange.body) == (end, status, body), exchange.detail
    assert exchange.decode_error is None
    assert bool(exchange.detail) == (end != "complete")


@pytest.mark.parametrize(
    ("coding", "raw", "error"),
    [
        ("gzip", OK, "not gzip"),
        ("gzip", gzip.compress(OK)[:-6], "ends too early"),
        ("gzip", bomb(), "larger than the limit"),
        ("gzip", gzip.compress(bomb()), None),
        ("deflate", b"\xff" * 20, "not deflate"),
        ("br", OK, "not asked for"),
    ],
    ids=label,
)
def test_a_false_content_coding_is_told_and_the_raw_bytes_are_kept(coding: str, raw: bytes, error: str | None) -> None:
    limits = WireLimits(body_bytes=1_000_000)
    exchange = asyncio.run(ask_script(plays(reply(raw, f"Content-Encoding: {coding}\r\n")), limits=limits))
    assert exchange.end == "complete" and exchange.got is not None
    assert exchange.got.raw == raw
    assert len(exchange.body) <= limits.body_bytes
    assert exchange.decode_error is None if error is None else error in (exchange.decode_error or "")


def test_a_body_over_the_limit_is_left_and_what_came_is_kept() -> None:
    limits = WireLimits(body_bytes=100_000)
    exchange = asyncio.run(ask_script(plays(reply(b"x" * 400_000)), limits=limits))
    assert exchange.end == "too-large"
    assert 100_000 < len(exchange.body) < 400_000


async def _reset_at_once(connection: Connection) -> None:
    connection.reset()


async def _reset_in_the_body(connection: Connection) -> None:
    await connection.say(CHUNKED + b"5\r\nhello\r\n")
    connection.reset()


async def _no_headers(connection: Connection) -> None:
    await connection.hang()


async def _headers_by_drops(connection: Connection) -> None:
    """Each byte would reset a timeout that is counted from the last read."""
    while True:
        await connection.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.05)


async def _stall(connection: Connection) -> None:
    await connection.say(EVENTS + b"data: {}\n\n")
    await connection.hang()


async def _open_after_done(connection: Connection) -> None:
    await connection.say(EVENTS + b"data: {}\n\ndata: [DONE]\n\n")
    await connection.hang()


async def _endless(connection: Connection) -> None:
    await connection.say(EVENTS)
    while True:
        await connection.say(b": keep-alive\n\n")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "end", "status"),
    [
        (_reset_at_once, "reset", None),
        (_reset_in_the_body, "cut", 200),
        (_no_headers, "headers-timeout", None),
        (_headers_by_drops, "headers-timeout", None),
        (_stall, "idle-timeout", 200),
        (_open_after_done, "complete", 200),
        (_endless, "total-timeout", 200),
    ],
)
def test_a_server_that_breaks_off_or_waits(script: object, end: str, status: int | None) -> None:
    limits = WireLimits(connect_s=2, headers_s=0.2, idle_s=0.2, total_s=0.6, after_done_s=0.05)
    exchange = asyncio.run(ask_script(script, limits=limits))  # type: ignore[arg-type]
    assert (exchange.end, exchange.status) == (end, status), exchange.detail
    assert exchange.detail
    assert exchange.times.end < 2000


def test_total_of_one_ask_is_shorter_than_that_of_the_limits() -> None:
    async def run() -> str:
        async with serving(_endless) as served, client(served.url) as asker:
            return (await asker.send(CHAT, total_s=0.1)).end

    assert asyncio.run(run()) == "total-timeout"


def test_refused_says_where() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = taken.getsockname()[1]
        exchange = asyncio.run(ask_once(f"http://127.0.0.1:{port}/v1"))
    assert exchange.end == "refused"
    assert f"127.0.0.1:{port}" in exchange.detail
    assert exchange.got is None and exchange.peer is None and exchange.times.connected is None


def test_a_name_that_does_not_exist() -> None:
    exchange = asyncio.run(ask_once("http://no-such-host.invalid/v1"))
    assert exchange.end == "dns"


def test_a_server_that_accepts_nothing_is_a_connect_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:  # fill the queue: the kernel then leaves the next one without an answer
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        exchange = asyncio.run(ask_once(f"http://127.0.0.1:{port}", limits=WireLimits(connect_s=0.2)))
        for sock in waiting:
            sock.close()
    assert exchange.end == "connect-timeout"


def test_an_early_refusal_of_a_large_body_is_read() -> None:
    async def refuse(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.say(reply(b"{}", status="413 Content Too Large"))

    async def run() -> tuple[str, int | None]:
        async with serving(refuse, hear=False) as served, client(served.url) as asker:
            exchange = await asker.send(Ask("POST", "/chat/completions", raw=b"x" * 8_000_000))
            return exchange.end, exchange.status

    assert asyncio.run(run()) == ("complete", 413)


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}é\u2014", f"{KEY}\r\nX-Evil: 1"])
def test_a_key_that_cannot_be_sent_is_told_without_showing_it(key: str) -> None:
    exchange = asyncio.run(ask_script(plays(reply(OK)), key=key))
    assert exchange.end == "request-invalid"
    assert exchange.got is None
    assert KEY not in repr(exchange)


def test_pieces_keep_their_arrival_times_also_through_compression() -> None:
    packed = zlib.compressobj(wbits=31)
    first = packed.compress(b"one") + packed.flush(zlib.Z_SYNC_FLUSH)
    second = packed.compress(b"two") + packed.flush()

    async def script(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + first)
        await asyncio.sleep(0.1)
        await connection.say(second)

    exchange = asyncio.run(ask_script(script))
    assert exchange.body == b"onetwo"
    one, two = arrivals(exchange)
    assert (one.data, two.data) == (b"one", b"two")
    assert two.at_ms - one.at_ms > 80
    assert exchange.times.first_byte == one.at_ms


def test_interrupting_keeps_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        began = asyncio.Event()
        note = Journal.piece

        def piece(journal: Journal, data: bytes) -> None:
            note(journal, data)
            began.set()

        monkeypatch.setattr(Journal, "piece", piece)
        async with serving(_stall) as served, client(served.url, limits=WireLimits()) as asker:
            task = asyncio.create_task(asker.send(CHAT))
            await began.wait()
            assert asker.in_flight == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asker.in_flight == 0
            (exchange,) = asker.recording.exchanges
            assert (exchange.end, exchange.body) == ("interrupted", b"data: {}\n\n")

    asyncio.run(run())


def test_asks_run_side_by_side_and_are_recorded_in_order() -> None:
    async def run() -> None:
        async def script(connection: Connection) -> None:
            slow = b"/slow" in connection.request
            await asyncio.sleep(0.1 if slow else 0)
            await connection.say(reply(OK))

        async with serving(script) as served, client(served.url) as asker:
            await asyncio.gather(asker.send(Ask("GET", "/slow")), asker.send(Ask("GET", "/fast")))
            assert [(e.number, e.sent.route) for e in asker.recording.exchanges] == [(1, "/slow"), (2, "/fast")]

    asyncio.run(run())


def test_the_request_is_recorded_as_it_went_out() -> None:
    async def run() -> None:
        async with serving(plays(reply(OK))) as served:
            exchange = await ask_once(f"{served.url}?api-version=3", headers=(("X-Team", "blue"),))
            head, _, body = served.requests[0].partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            assert lines[0] == "POST /v1/chat/completions?api-version=3 HTTP/1.1"
            shown = [f"{name}: {value}" for name, value in exchange.sent.headers]
            assert [line.replace(KEY, "[redacted]") for line in lines[1:]] == shown
            assert body == exchange.sent.body == CHAT.payload()
            assert exchange.peer == f"127.0.0.1:{served.port}"
            assert exchange.got is not None and exchange.got.http_version == "HTTP/1.1"
            assert QUICK.headers_s * 1000 > (exchange.times.headers or 0) > (exchange.times.connected or 0) > 0

    asyncio.run(run())
