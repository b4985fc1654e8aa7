"""One question and one answer, as they went over the wire: the only evidence that anything above may judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

Headers = tuple[tuple[str, str], ...]

End = Literal[
    "complete",  # the whole reply arrived
    "dns",  # the host name does not resolve
    "refused",  # nothing listens there
    "unroutable",  # no way to that network
    "tls",  # the TLS handshake failed, or the certificate is not trusted
    "connect-timeout",
    "headers-timeout",  # connected, no status line in time
    "idle-timeout",  # the reply began, then nothing came for too long
    "total-timeout",
    "reset",  # the connection was reset or closed before a status line
    "cut",  # the reply began and the connection ended before it was whole
    "protocol",  # not HTTP, or broken HTTP
    "too-large",  # a size limit of ours was reached: headers, or body
    "proxy",  # the proxy between refused or failed
    "request-invalid",  # could not be sent at all: a line end in a header, say
    "interrupted",  # we stopped it
    "unrecorded",  # another program's recording does not hold what came
]


@dataclass(frozen=True, slots=True)
class Ask:
    """What to send next. `route` is joined to the base path (`/chat/completions`); `body` becomes JSON.

    `raw` replaces the JSON body where the bytes themselves are the question. `base_path` asks under another base
    path of the same origin; such a guess goes out without the key (design, section 8) unless `confirmed`.
    """

    method: Literal["GET", "POST", "OPTIONS"]
    route: str
    body: Mapping[str, Any] | None = None
    raw: bytes | None = None
    headers: Headers = ()
    base_path: str | None = None
    with_key: bool = True

    def payload(self) -> bytes:
        """The bytes of the body: deterministic, so that an ask and the exchange it led to can be matched."""
        if self.raw is not None:
            return self.raw
        if self.body is None:
            return b""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def streams(self) -> bool:
        """Whether the request asks for server-sent events."""
        return bool(self.body and self.body.get("stream") is True)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that arrived together, before decompression; `at_ms` counts from the moment the request began."""

    at_ms: float
    data: bytes


@dataclass(frozen=True)
class Sent:
    """The request as it left: the exact header lines and body."""

    method: str
    url: str
    headers: Headers
    body: bytes
    route: str
    keyed: bool

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or None if it is not JSON."""
        return _json_or_none(self.body)


@dataclass(frozen=True)
class Got:
    """The reply's head and the pieces of its body, before decompression."""

    status: int
    reason: str
    http_version: str
    headers: Headers
    pieces: tuple[Piece, ...]

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        wanted = name.casefold()
        return next((value for key, value in self.headers if key.casefold() == wanted), None)

    @cached_property
    def raw(self) -> bytes:
        """The body's bytes as they came, still compressed if the server compressed them."""
        return b"".join(piece.data for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What the TLS handshake settled."""

    version: str | None = None
    cipher: str | None = None
    subject: str | None = None
    issuer: str | None = None
    not_after: str | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds from the start of the request; None for what was not reached."""

    connected: float | None = None
    tls_done: float | None = None
    sent: float | None = None
    headers: float | None = None
    first_byte: float | None = None
    end: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """One request and what came of it. Redacted before it leaves wire/: no judge, report or file sees a key."""

    number: int
    sent: Sent
    got: Got | None
    end: End
    detail: str
    started_at: str
    times: Times
    body: bytes = b""  # of the reply, decompressed; as far as it came
    decode_error: str | None = None  # the content coding was false or damaged
    peer: str | None = None
    tls: TlsFacts | None = None
    redacted: bool = False  # the key stood in this exchange; raw bytes were dropped
    follows_redirect: int | None = None  # number of the exchange whose 307/308 led here

    @property
    def status(self) -> int | None:
        """The HTTP status, None if no status line came."""
        return self.got.status if self.got else None

    @property
    def ok(self) -> bool:
        """A complete reply with a 2xx status. Says nothing about what is in it."""
        return self.end == "complete" and self.got is not None and 200 <= self.got.status < 300

    @cached_property
    def json(self) -> Any:
        """The reply's body as JSON, or None if it is not JSON."""
        return _json_or_none(self.body)

    @property
    def text(self) -> str:
        """The reply's body as text, with undecodable bytes replaced."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Facts:
    """What is true on this machine and matters for judging. No secret: the key is described by yes and no only."""

    base_url: str
    given: str  # as it was typed; empty where a recording does not tell
    address_notes: tuple[str, ...] = ()  # codes of what was put right: "route-removed", "scheme-added" ...
    resolves: bool | None = None
    addresses: tuple[str, ...] = ()
    via_proxy: bool = False
    key_given: bool = False
    key_source: str | None = None  # "--key", "CAB_KEY", ...
    key_shape: Mapping[str, bool] = field(default_factory=dict)  # {"whitespace": False, "quotes": False, ...}
    key_length: int | None = None
    loopback_or_private: bool = False
    model_requested: str | None = None
    profile: str = "generic"
    nonce_seed: str = ""
    clock: str | None = None  # local time, ISO 8601, when the recording began
    inside: str | None = None  # what cab-check ran in: "container", "wsl2", "wsl1"; None: a machine of its own


@dataclass(frozen=True)
class Recording:
    """All exchanges of one job in the order they were started, and the local facts. Saves and loads as HAR 1.2."""

    facts: Facts
    exchanges: tuple[Exchange, ...] = ()


class Asker(Protocol):
    """Whoever answers asks: the live client, or anything a test puts in its place."""

    async def send(self, ask: Ask, *, total_s: float | None = None) -> Exchange:
        """Send one ask, record it, and return the exchange. Network failures are exchanges, not exceptions."""

    @property
    def recording(self) -> Recording:
        """Everything asked so far, redacted."""


def _json_or_none(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are both ValueErrors
        return None
    except RecursionError:
        return None
