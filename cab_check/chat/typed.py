"""What the two APIs with typed events have in common: OpenAI's /responses and Anthropic's /messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cab_check.chat.errors import error_in, read_error
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, Problem, ToolCall, Usage
from cab_check.chat.toolcalls import check_arguments, check_id
from cab_check.wire.exchange import Exchange
from cab_check.wire.sse import SseEvent, read_events

_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_OURS = frozenset({"headers-timeout", "idle-timeout", "total-timeout", "too-large", "interrupted"})
DONE = "[DONE]"
HIDDEN = "[not shown]"
"""Stands for reasoning that came without a word of it: encrypted, or left out."""


@dataclass(frozen=True)
class TypedReply:
    """One reply of /responses or /messages. `finish` is the API's own word; `items` are the output items or content
    blocks as a client gives them back. All None and empty if there was no reply; `problems` says what is wrong with it.
    """

    streamed: bool
    text: str | None = None
    reasoning: str | None = None
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


@dataclass(frozen=True, slots=True)
class Api:
    """What tells the two APIs apart for a reader: the code for their own form, the field that holds the output, the
    subject for a reply that is no such thing, and how to read the events and the document.
    """

    broken: str
    holds: str
    form: str
    events: Callable[[Exchange, Sequence[TypedEvent], Problems], TypedReply]
    document: Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]], bool, Problems], TypedReply]


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A call, and the paths of its id and of its arguments in the reply."""

    call: ToolCall
    id_at: str
    arguments_at: str


def read_typed(exchange: Exchange, api: Api) -> TypedReply:
    """The reply of such an API in `exchange`, plain or streamed."""
    refused = refusal(exchange)
    if refused is not None:
        return refused
    problems, streaming = Problems(), asks_for_stream(exchange)
    if is_events(exchange):
        return _read_events(exchange, api, problems)
    value = exchange.json
    error = error_in(value, exchange.status) if isinstance(value, dict) and not value.get(api.holds) else None
    if error is not None:
        return TypedReply(streaming, error=error)
    if was_broken_off(exchange) and value is None:
        return TypedReply(streaming)
    output = value.get(api.holds) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(output, list) or not all(isinstance(o, dict) for o in output):
        problems.add(api.broken, f"reply.{api.holds}", exchange.text, "events" if streaming else api.form)
        return TypedReply(streaming, problems=problems.all)
    if streaming:
        problems.add("stream-not-streamed", "reply", exchange.text)
    return api.document(value, output, streaming, problems)


def _read_events(exchange: Exchange, api: Api, problems: Problems) -> TypedReply:
    if not asks_for_stream(exchange):
        problems.add(api.broken, "reply", exchange.text, api.form)
    events = typed_events(exchange, problems, api.broken)
    failed = next((event.value for event in events if event.type == "error"), None)
    if failed is None:
        return api.events(exchange, events, problems)
    error = error_in(failed) or ApiError(str(failed.get("message") or failed))
    problems.add("stream-error-event", "reply.events", error.message)
    return TypedReply(True, error=error, problems=problems.all)


def check_placed(calls: Sequence[PlacedCall], *, streaming: bool, cut: bool, problems: Problems) -> None:
    """Note what is wrong with the calls of a reply, by the same rules as those of chat completions."""
    seen: set[str] = set()
    for placed in calls:
        check_id(placed.call.id, placed.id_at, "stream" if streaming else "plain", seen, problems)
        if not cut and placed.call.type != "custom_tool_call":
            check_arguments(placed.call.arguments, placed.arguments_at, problems)


def check_counted(usage: Usage | None, where: str, problems: Problems) -> None:
    """Note a stream that came to its end and carries no token counts."""
    if usage is None or usage == Usage():
        problems.add("usage-missing", where, "no token counts", "stream")


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


def texts_in(parts: Any) -> str:
    """The `text` of each part in a list of parts, joined."""
    found = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(text for text in found if isinstance(text, str))


def whole_number(value: Any) -> int | None:
    """`value` if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _value(event: SseEvent) -> Any:
    try:
        return json.loads(event.data)
    except (ValueError, RecursionError):
        return None
