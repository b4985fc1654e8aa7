"""What a recording shows of whoever answered: each trace a place and the words found there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cab_check.chat.errors import read_error
from cab_check.chat.reading import content_type
from cab_check.wire.exchange import Exchange, Recording
from cab_check.wire.sse import read_events

_API_ROUTES = ("/models", "/chat/completions", "/responses", "/messages", "/completions", "/embeddings")
_PAGE = 4000


@dataclass(frozen=True, slots=True)
class Trace:
    """`at` is a place as in `servers.toml`; `exchange` the number of the exchange, None for the address itself."""

    at: str
    words: str
    exchange: int | None


def traces(recording: Recording) -> Iterator[Trace]:
    """All traces, exchange by exchange."""
    host = urlsplit(recording.facts.base_url).hostname
    if host:
        yield Trace("host", host, None)
    for exchange in recording.exchanges:
        for at, words in _of_exchange(exchange):
            yield Trace(at, words, exchange.number)


def _of_exchange(exchange: Exchange) -> Iterator[tuple[str, str]]:
    if exchange.got is None:
        return
    for name, value in exchange.got.headers:
        yield f"header:{name.lower()}", value
        yield "header-name", name.lower()
    yield from _of_error(exchange)
    if content_type(exchange) == "text/event-stream":
        yield from _of_stream(exchange)
        return
    path = urlsplit(exchange.sent.url).path
    if exchange.sent.method == "GET" and path.endswith("/models"):
        yield from _of_models(exchange.json)
    elif not path.endswith(_API_ROUTES) and exchange.status == 200:
        yield f"route:{path}", exchange.text[:_PAGE]
    elif isinstance(exchange.json, dict) and exchange.json.get("choices"):
        yield from _of_reply(exchange.json, "message")


def _of_error(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """The error's words, its own and those it quotes; of a web page the page, which tells more than its title."""
    error = read_error(exchange.status, exchange.body)
    if error is None:
        return
    if error.type == "html":
        yield "error", exchange.text[:_PAGE]
    for link in error.chain:
        yield "error", link.message
        yield from (("error-type", word) for word in (link.type, link.code) if word)


def _of_stream(exchange: Exchange) -> Iterator[tuple[str, str]]:
    reading = read_events(exchange.body)
    yield from (("comment", comment) for comment in reading.comments[:5])
    for event in reading.events:
        value = _json(event.data)
        if isinstance(value, dict):
            yield from _of_reply(value, "delta")


def _of_models(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    yield "models", " ".join(sorted(value))
    listed = value.get("data")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    if rows:
        yield "model", json.dumps(rows[0], sort_keys=True, default=str)
    yield from (("owned_by", row["owned_by"]) for row in rows if isinstance(row.get("owned_by"), str))


def _of_reply(value: dict[str, Any], part: str) -> Iterator[tuple[str, str]]:
    yield "reply", " ".join(sorted(value))
    if isinstance(value.get("id"), str):
        yield "reply-id", value["id"]
    if isinstance(value.get("system_fingerprint"), str):
        yield "system_fingerprint", value["system_fingerprint"]
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get(part) if isinstance(first, dict) else None
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and isinstance(call.get("id"), str):
            yield "tool-id", call["id"]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
