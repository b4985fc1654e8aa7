"""Recordings as HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), the format that browsers save and open.

What HAR has a place for stands in that place, so that any viewer shows it. What it has none for stands under `_cab`, as
the format allows: in `log` the local facts, in each entry how the exchange ended, the arrival times of its pieces, and
the raw bytes where the body was compressed. A recording that was saved and loaded is equal to the one before.
"""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cab_check import __version__
from cab_check.base.plain import plain
from cab_check.wire.exchange import Exchange, Got, Headers, Recording, Sent

VERSION = 1  # of `_cab`

_UNKNOWN = -1  # HAR's own word for "does not apply"
_PLAIN_FIELDS = ("number", "end", "detail", "started_at", "times", "decode_error", "peer", "tls", "redacted")


def to_har(recording: Recording) -> dict[str, Any]:
    """The recording as a HAR document of plain JSON values."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "cab-check", "version": __version__},
            "entries": [_entry(exchange) for exchange in recording.exchanges],
            "_cab": {"version": VERSION, "facts": plain(recording.facts)},
        }
    }


def _entry(exchange: Exchange) -> dict[str, Any]:
    entry = {
        "startedDateTime": exchange.started_at,
        "time": exchange.times.end,
        "request": _request(exchange.sent),
        "response": _response(exchange),
        "cache": {},
        "timings": _timings(exchange),
        "_cab": _own(exchange),
    }
    address = (exchange.peer or "").rpartition(":")[0].strip("[]")
    return {**entry, "serverIPAddress": address} if address else entry


def _own(exchange: Exchange) -> dict[str, Any]:
    own = {name: plain(getattr(exchange, name)) for name in _PLAIN_FIELDS}
    own["follows_redirect"] = exchange.follows_redirect
    own["sent"] = {"route": exchange.sent.route, "keyed": exchange.sent.keyed, **_bytes(exchange.sent.body)}
    own["got"] = None
    if exchange.got is not None:
        pieces = exchange.got.pieces
        own["got"] = {"pieces": [[piece.at_ms, len(piece.data)] for piece in pieces]}
        if exchange.got.raw != exchange.body:
            own["got"]["raw"] = base64.b64encode(exchange.got.raw).decode()
    elif exchange.body:
        own["body"] = base64.b64encode(exchange.body).decode()
    return own


def _bytes(body: bytes) -> dict[str, str]:
    """The body again where HAR's `postData`, which is text, cannot hold it."""
    return {} if _is_text(body) else {"body": base64.b64encode(body).decode()}


def _request(sent: Sent) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": sent.method,
        "url": sent.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(sent.headers),
        "queryString": [{"name": name, "value": value} for name, value in _query(sent.url)],
        "headersSize": _UNKNOWN,
        "bodySize": len(sent.body),
    }
    if sent.body:
        kind = next((value for name, value in sent.headers if name.casefold() == "content-type"), "")
        request["postData"] = {"mimeType": kind, "text": sent.body.decode("utf-8", "replace")}
    return request


def _response(exchange: Exchange) -> dict[str, Any]:
    got = exchange.got or Got(0, "", "", (), ())  # browsers, too, write status 0 where no reply came
    content: dict[str, Any] = {"size": len(exchange.body), "mimeType": got.header("content-type") or ""}
    if _is_text(exchange.body):
        content["text"] = exchange.body.decode()
    else:
        content |= {"text": base64.b64encode(exchange.body).decode(), "encoding": "base64"}
    return {
        "status": got.status,
        "statusText": got.reason,
        "httpVersion": got.http_version,
        "cookies": [],
        "headers": _headers(got.headers),
        "content": content,
        "redirectURL": got.header("location") or "",
        "headersSize": _UNKNOWN,
        "bodySize": len(got.raw) if exchange.got else _UNKNOWN,
    }


def _timings(exchange: Exchange) -> dict[str, float]:
    """HAR's phases, which add up to `time` (TLS is counted inside `connect`). Unknown ends count as not passed."""
    times = exchange.times
    marks = [0.0]
    for reached in (times.tls_done or times.connected, times.sent, times.headers):
        marks.append(max(marks[-1], reached) if reached is not None else marks[-1])
    connect, send, wait = (round(later - earlier, 3) for earlier, later in pairwise(marks))
    tls = max(0.0, times.tls_done - (times.connected or 0.0)) if times.tls_done is not None else _UNKNOWN
    return {
        "blocked": _UNKNOWN,
        "dns": _UNKNOWN,
        "connect": connect if times.connected is not None else _UNKNOWN,
        "ssl": round(tls, 3),
        "send": send,
        "wait": wait,
        "receive": round(max(0.0, times.end - marks[-1]), 3),
    }


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:  # an address that could not be sent at all
        return []


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
