"""What happens to one request while it is under way: its clock, its deadlines, and what was seen so far."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

import httpcore

from cab_check.wire.exchange import End, Got, Headers, Piece, Times, TlsFacts
from cab_check.wire.limits import WireLimits
from cab_check.wire.line import Line, TlsLine
from cab_check.wire.resolve import Spot

Phase = Literal["name", "connect", "tls", "reply", "body", "after-done"]
_TIMEOUTS: dict[Phase, End] = {
    "name": "dns",
    "connect": "connect-timeout",
    "tls": "connect-timeout",
    "reply": "headers-timeout",
    "body": "idle-timeout",
    "after-done": "complete",
}
_DONE = (b"data: [DONE]", b"data:[DONE]")


class TooLarge(Exception):
    """A size limit of ours was reached. The text says which."""


class Journal:
    """Filled by httpcore's trace events and by the reader of the body; used as a context, it keeps the deadlines.

    When one passes, the block is cancelled from inside and TimeoutError comes out; `timeout_end` then names it.
    """

    def __init__(self, limits: WireLimits, total_s: float | None = None) -> None:
        self.limits = limits
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.phase: Phase = "name"
        self.line: Line | TlsLine | None = None
        self.spots: tuple[Spot, ...] = ()
        self.sent_headers: Headers | None = None
        self.tls: TlsFacts | None = None
        self.head: tuple[str, int, str, Headers] | None = None
        self.connected = self.tls_done = self.sent = self.headers = None  # type: float | None
        self._pieces: list[tuple[float, bytearray]] = []
        self._size = 0
        self._tail = b""
        self._tunnelling = False
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._total_s = limits.total_s if total_s is None else total_s
        self._alarm = asyncio.timeout(None)

    async def __aenter__(self) -> Journal:
        await self._alarm.__aenter__()
        self._within(self.limits.connect_s)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._alarm.__aexit__(kind, error, trace)

    @property
    def peer(self) -> str | None:
        """The address that the socket is connected to: the server's, or a proxy's."""
        return self.line.peer if self.line else None

    @property
    def timeout_end(self) -> End:
        """Which deadline has passed."""
        return "total-timeout" if self.now_ms() >= self._total_s * 1000 else _TIMEOUTS[self.phase]

    def now_ms(self) -> float:
        """Milliseconds since the request began."""
        return self._ms(self._loop.time())

    def resolved(self, spots: tuple[Spot, ...]) -> None:
        """The host name has these addresses."""
        self.spots = spots
        self.phase = "connect"

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """The callback of httpcore's `trace` extension; what concerns a proxy's CONNECT is not the request."""
        step = event.partition(".")[2]
        if step == "connect_tcp.complete":
            self.line, self.connected, self.phase = info["return_value"], self.now_ms(), "tls"
        elif step == "start_tls.complete":
            self.line, self.tls_done = info["return_value"], self.now_ms()
            self.tls = _tls_facts(self.line)
        elif step == "send_request_headers.started":
            self._tunnelling = info["request"].method == b"CONNECT"
            if not self._tunnelling:
                self._begin_request(info["request"])
        elif self._tunnelling:
            return
        elif step == "send_request_body.complete":
            self.sent = self.now_ms()
        elif step == "receive_response_headers.complete":
            self._begin_body(*info["return_value"])

    def piece(self, data: bytes) -> None:
        """Bytes of the body; joined to the piece before if both came in one read. Raises TooLarge."""
        at = self._ms(self.line.last_read) if self.line else self.now_ms()
        self._size += len(data)
        if self._pieces and self._pieces[-1][0] == at:
            self._pieces[-1][1].extend(data)
        else:
            self._pieces.append((at, bytearray(data)))
        if self._size > self.limits.body_bytes:
            raise TooLarge(f"the body is larger than {self.limits.body_bytes} bytes")
        self._tail = (self._tail + data)[-64:]
        # Clients leave an event stream at [DONE]. A server that keeps it open afterwards is not one that stalls.
        self.phase = "after-done" if any(mark in self._tail for mark in _DONE) else "body"
        self._within(self.limits.after_done_s if self.phase == "after-done" else self.limits.idle_s)

    def got(self) -> Got | None:
        """The reply as far as it came, None without a whole head."""
        if self.head is None:
            return None
        version, status, reason, headers = self.head
        return Got(status, reason, version, headers, tuple(Piece(at, bytes(data)) for at, data in self._pieces))

    def times(self) -> Times:
        """The times so far; the end is now."""
        first = self._pieces[0][0] if self._pieces else None
        return Times(self.connected, self.tls_done, self.sent, self.headers, first, self.now_ms())

    def _begin_request(self, request: httpcore.Request) -> None:
        self.sent_headers = _text(request.headers)
        self.phase = "reply"
        self._within(self.limits.headers_s)

    def _begin_body(self, version: bytes, status: int, reason: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.headers = self._ms(self.line.last_read) if self.line else self.now_ms()
        self.head = version.decode("latin-1"), status, reason.decode("latin-1"), _text(headers)
        self.phase = "body"
        self._within(self.limits.idle_s)

    def _within(self, seconds: float) -> None:
        if not self._alarm.expired():
            self._alarm.reschedule(min(self._loop.time() + seconds, self._zero + self._total_s))

    def _ms(self, clock: float) -> float:
        return round((clock - self._zero) * 1000, 3)


def _text(headers: Any) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _tls_facts(line: Any) -> TlsFacts:
    tls = line.get_extra_info("ssl_object")
    certificate = tls.getpeercert() or {}
    cipher = tls.cipher()
    return TlsFacts(
        version=tls.version(),
        cipher=cipher[0] if cipher else None,
        subject=_name(certificate.get("subject")),
        issuer=_name(certificate.get("issuer")),
        not_after=certificate.get("notAfter"),
    )


def _name(parts: Any) -> str | None:
    """`((("commonName", "x"),),)` as `commonName=x`."""
    return ", ".join(f"{key}={value}" for part in parts for key, value in part) if parts else None
