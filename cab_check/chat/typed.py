"""What the two APIs with typed events have in common: OpenAI's /responses and Anthropic's /messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cab_check.chat.errors import read_error
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, Problem, ToolCall, Usage
from cab_check.wire.exchange import Exchange
from cab_check.wire.sse import SseEvent, read_events

_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_OURS = frozenset({"headers-timeout", "idle-timeout", "total-timeout", "too-large", "interrupted"})
DONE = "[DONE]"


@dataclass(frozen=True)
class TypedReply:
    """One reply of /responses or /messages. `finish` is the API's own word; `items` are the output items or content
    blocks as a client gives them back. All None and empty if there was no reply; `problems` says what is wrong with it.
    """

    streamed: bool
    text: str | None = None
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish: str | None = None
    cut_at_limit: bool = False
    error: ApiError | None = None
    items: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether there is text or a call, and no error."""
        return self.error is None and bool(self.text or self.calls)


@dataclass(frozen=True, slots=True)
class TypedEvent:
    """One event of a stream: the name on its `event:` line ("message" without one), and its JSON object."""

    name: str
    value: Mapping[str, Any]

    @property
    def type(self) -> Any:
        """The event's own word for what it is."""
        return self.value.get("type")


def asks_for_stream(exchange: Exchange) -> bool:
    """Whether the request says `"stream": true`."""
    return isinstance(exchange.sent.json, dict) and exchange.sent.json.get("stream") is True


def refusal(exchange: Exchange) -> TypedReply | None:
    """The reply if there was none, or one with a status other than 2xx; None if there is something to read."""
    streaming = asks_for_stream(exchange)
    if exchange.got is None:
        return TypedReply(streaming)
    if not 200 <= exchange.got.status < 300:
        return TypedReply(streaming, error=read_error(exchange.got.status, exchange.body))
    return None


def is_events(exchange: Exchange) -> bool:
    """Whether the bytes look like server-sent events."""
    return exchange.body.lstrip(b"\xef\xbb\xbf \r\n").startswith(_STARTS)


def was_broken_off(exchange: Exchange) -> bool:
    """Whether it was us who stopped reading: a missing end says nothing then."""
    return exchange.end in _OURS


def typed_events(exchange: Exchange, problems: Problems, code: str) -> list[TypedEvent]:
    """The events that are JSON objects with a type; others are noted as `code:events`, but for a closing `[DONE]`."""
    found = []
    for number, event in enumerate(read_events(exchange.body).events):
        value = _value(event)
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            found.append(TypedEvent(event.event, value))
        elif isinstance(value, dict) and value.get("error"):
            found.append(TypedEvent(event.event, {"type": "error", **value}))
        elif event.data.strip() != DONE:
            problems.add(code, f"reply.events[{number}]", event.data, "events")
    return found


def whole_number(value: Any) -> int | None:
    """`value` if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _value(event: SseEvent) -> Any:
    try:
        return json.loads(event.data)
    except (ValueError, RecursionError):
        return None
