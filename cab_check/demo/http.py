"""One HTTP request and one reply as plain values, and the bytes of a reply.

A handler is a function from request to reply. Whoever wants to change either (to show a fault, say) wraps
the handler and works on plain values; nothing is bytes before `head` and `pieces`.
"""

from __future__ import annotations

import json
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


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Either one JSON `value`, or `events` to stream one after the other, or neither: no body."""

    status: int
    value: Any = None
    events: tuple[Any, ...] | None = None
    headers: tuple[tuple[str, str], ...] = ()


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


def compact(value: Any) -> str:
    """JSON as hosted endpoints write it: no blanks, Unicode as it is (a lone surrogate stays escaped)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if _encodable(text) else json.dumps(value, separators=(",", ":"))


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def head(reply: HttpReply, length: int | None, *, keep: bool) -> bytes:
    """Status line and headers; `length` None means chunked, or no body at all for a 204."""
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        f"Server: cab-check-demo/{__version__}",
        f"Date: {formatdate(usegmt=True)}",
    ]
    if reply.events is not None:
        lines += ["Content-Type: text/event-stream; charset=utf-8", "Cache-Control: no-cache"]
        lines.append("Transfer-Encoding: chunked")
    elif reply.value is not None:
        lines.append("Content-Type: application/json")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines.append("Connection: keep-alive" if keep else "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
