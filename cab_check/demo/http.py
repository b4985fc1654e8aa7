"""One HTTP request and one reply as plain values, and the bytes of a reply.

A handler is a function from request to reply. Whoever wants to change either (to show a fault, say) wraps
the handler and works on plain values; nothing is bytes before `head` and `pieces`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from cab_check import __version__

DONE = "[DONE]"
"""The last event of a stream: a word, not JSON."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` is without the query; names in `headers` are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


NEVER = math.inf
"""A pause that ends only when the client leaves."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the bytes of a reply go out, where they are not simply sent. Times in seconds, or NEVER.

    `wait_s` passes before the head, `first_s` between the head and the body. `at_once` holds a stream back until all
    of it is there. `hangs_up` closes the connection without a reply, `breaks_off` in the middle of the body.
    `rewrites` change each piece of the body, one after the other.
    """

    wait_s: float = 0.0
    first_s: float = 0.0
    at_once: bool = False
    hangs_up: bool = False
    breaks_off: bool = False
    rewrites: tuple[Callable[[bytes], bytes], ...] = ()


SIMPLY = Delivery()


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Either one JSON `value`, or `events` to stream one after the other, or a `body` of other bytes, or none.

    A header in `headers` stands in place of the server's own of that name.
    """

    status: int
    value: Any = None
    events: tuple[Any, ...] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    delivery: Delivery = SIMPLY


Handler = Callable[[HttpRequest], HttpReply]


def pieces(reply: HttpReply) -> Iterator[bytes]:
    """The body in the pieces in which it is sent: one for a document, one per event for a stream."""
    if reply.events is not None:
        for event in reply.events:
            kind = event.get("type") if isinstance(event, dict) else None
            name = f"event: {kind}\n" if isinstance(kind, str) else ""  # the APIs with typed events name them twice
            yield f"{name}data: {event if event == DONE else compact(event)}\n\n".encode()
    elif reply.value is not None:
        yield compact(reply.value).encode()
    elif reply.body is not None:
        yield reply.body


def compact(value: Any) -> str:
    """JSON as hosted endpoints write it: no blanks, Unicode as it is (a lone surrogate stays escaped)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if _encodable(text) else json.dumps(value, separators=(",", ":"))


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def head(reply: HttpReply, length: int | None, *, keep: bool) -> bytes:
    """Status line and headers; `length` None means chunked, or no body at all for a 204."""
    own = [("Server", f"cab-check-demo/{__version__}"), ("Date", formatdate(usegmt=True))]
    if reply.events is not None:
        own += [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache")]
        own.append(("Transfer-Encoding", "chunked"))
    elif reply.value is not None or reply.body is not None:
        own.append(("Content-Type", "application/json"))
    if length is not None:
        own.append(("Content-Length", str(length)))
    given = {name.lower() for name, _ in reply.headers}
    fields = [*(field for field in own if field[0].lower() not in given), *reply.headers]
    lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}", *(f"{name}: {value}" for name, value in fields)]
    lines.append("Connection: keep-alive" if keep else "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _phrase(status: int) -> str:
    """The words of a status; none for one that proxies made up, such as 524."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
