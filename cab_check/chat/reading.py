"""A recorded exchange, read as the chat completion that was asked for."""

from __future__ import annotations

from typing import Any

from cab_check.chat.errors import is_html, read_error
from cab_check.chat.plain import read_plain
from cab_check.chat.problems import Problems
from cab_check.chat.reply import Reply
from cab_check.chat.stream import DONE, StreamReader
from cab_check.wire.exchange import Exchange
from cab_check.wire.sse import Deviation, SseReading, read_events

EVENT_STREAM = "text/event-stream"
_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_FRAMING = frozenset({"no-events", "unterminated-event", "joined-events", "not-a-field", "invalid-utf8"})
_WAITED = frozenset({"headers-timeout", "idle-timeout", "total-timeout", "too-large", "interrupted"})


def read_reply(exchange: Exchange) -> Reply:
    """The chat completion in `exchange`, with every deviation of form named.

    Whether a stream was due is decided by what was sent (`"stream": true`), whether one came by the bytes. A status of
    400 or more gives the error alone; no reply at all gives an empty `Reply`: how the exchange ended says why.
    """
    asked = exchange.sent.json if isinstance(exchange.sent.json, dict) else {}
    streaming = asked.get("stream") is True
    if exchange.got is None:
        return Reply(streaming)
    status = exchange.got.status
    if not 200 <= status < 300:
        return Reply(streaming, error=read_error(status, exchange.body))
    if _is_events(exchange):
        return _read_events(exchange, asked, streaming)
    return _read_document(exchange, streaming)


def _is_events(exchange: Exchange) -> bool:
    """Events by content type, or by the look of the bytes where the content type says something else."""
    body = exchange.body.lstrip(b"\xef\xbb\xbf \r\n")
    if body[:1] in (b"{", b"[", b"<"):
        return False
    return content_type(exchange) == EVENT_STREAM or body.startswith(_STARTS)


def content_type(exchange: Exchange) -> str:
    """The reply's media type in lower case, without parameters; empty if it has none."""
    value = exchange.got.header("content-type") if exchange.got else None
    return (value or "").split(";")[0].strip().lower()


def _read_events(exchange: Exchange, asked: dict[str, Any], streaming: bool) -> Reply:
    problems = Problems()
    if not streaming:
        problems.add("response-not-json", "reply", exchange.text)
    elif content_type(exchange) != EVENT_STREAM:
        problems.add("stream-wrong-content-type", "reply.headers.content-type", content_type(exchange))
    if exchange.decode_error is not None:
        problems.add("stream-compressed" if streaming else "response-not-json", "reply", exchange.decode_error)
    pieces = exchange.got.pieces if exchange.got else ()
    # Compressed or redacted pieces are not the text that the events are in, so their times are not the events' times.
    timed = b"".join(piece.data for piece in pieces) == exchange.body
    reading = read_events(pieces if timed else exchange.body)
    framing = _broken_framing(reading, whole=exchange.end == "complete")
    for deviation in framing:
        problems.add("stream-event-malformed", deviation.where, f"{deviation.kind}: {deviation.excerpt}", "framing")
    if reading.comments:
        problems.add("stream-comments", "reply", f": {reading.comments[0]}")
    options = asked.get("stream_options")
    reader = StreamReader(problems, usage_asked=isinstance(options, dict) and options.get("include_usage") is True)
    events = reading.lenient if framing else reading.events
    for number, event in enumerate(events):
        reader.feed(event, number, event.at_ms if timed else None)
    lost = exchange.end in _WAITED or bool(framing and not events)
    return reader.reply(complete=exchange.end == "complete", explained=lost)


def _broken_framing(reading: SseReading, *, whole: bool) -> list[Deviation]:
    """The deviations that make clients lose events. A last event cut in half by a cut connection is no framing fault,
    and a last `[DONE]` without its blank line costs nothing but the `[DONE]`.
    """
    return [
        deviation
        for deviation in reading.deviations
        if deviation.kind in _FRAMING
        and not (deviation.kind == "unterminated-event" and (not whole or deviation.excerpt.strip() == DONE))
    ]


def _read_document(exchange: Exchange, streaming: bool) -> Reply:
    problems = Problems()
    value = exchange.json
    if value is None:
        _note_unreadable(exchange, streaming, problems)
        return Reply(streaming, problems=problems.all)
    if streaming and isinstance(value, dict) and value.get("choices"):
        problems.add("stream-not-streamed", "reply", exchange.text)
    return read_plain(value, problems, exchange.status)


def _note_unreadable(exchange: Exchange, streaming: bool, problems: Problems) -> None:
    """A 2xx body that is neither events nor JSON. One that we stopped waiting for is judged by its time, not here."""
    if exchange.end in _WAITED:
        return
    if is_html(exchange.body):
        problems.add("web-page-instead-of-api", "reply", exchange.text)
    elif streaming and _is_json_lines(exchange.body):
        problems.add("stream-event-malformed", "reply", exchange.text, "framing")
    else:
        problems.add("response-not-json", "reply", exchange.decode_error or exchange.text)


def _is_json_lines(body: bytes) -> bool:
    """JSON documents on lines of their own, without the `data:` that makes them events."""
    lines = [line for line in body.splitlines() if line.strip()]
    return len(lines) > 1 and all(line.lstrip().startswith(b"{") for line in lines)
