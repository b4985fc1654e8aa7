"""Faults of streams: events that are missing, late, malformed or not there at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cab_check.demo.faults.calls import by_index, each_delta, hermes, in_one_chunk, plain_as_text, stream_as_text
from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.network import delivered
from cab_check.demo.faults.parts import (
    both,
    choice_deltas,
    choices,
    chunks,
    delta_event,
    deltas,
    error,
    is_usage,
    on_chat,
    without,
)
from cab_check.demo.http import DONE, HttpReply, HttpRequest

_TOKEN_S = 0.04
"""Seconds for which a buffering proxy holds each event back: the pace of a middling model."""


def _lacking(*kinds: str) -> After:
    """A stream without its finish reason or its end mark."""

    def gone(event: Any) -> bool:
        if event == DONE:
            return "done" in kinds
        return "finish" in kinds and any(choice.get("finish_reason") for choice in choices(event))

    return chunks(lambda events: [event for event in events if not gone(event)])


def _each_chunk(name: str) -> After:
    """Chunks without a field of theirs, or of their choices; the token counts stay."""

    def change(events: list[Any]) -> list[Any]:
        for event in events:
            if isinstance(event, dict) and not is_usage(event):
                for holder in (event, *choices(event)):
                    holder.pop(name, None)
        return events

    return chunks(change)


def _unnamed(events: list[Any]) -> list[Any]:
    for delta in choice_deltas(events):
        delta.setdefault("role", "")
    return events


def _last_delta_null(events: list[Any]) -> list[Any]:
    for event in events:
        for choice in choices(event):
            if choice.get("finish_reason"):
                choice["delta"] = None
    return events


def _rewritten(old: bytes, new: bytes) -> After:
    """Other bytes in every piece of a stream."""

    def rewrite(piece: bytes) -> bytes:
        return piece.replace(old, new)

    return delivered(lambda how: replace(how, rewrites=(*how.rewrites, rewrite)), streams=True)


def _headed(name: str, value: str) -> After:
    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        return reply if reply.events is None else replace(reply, headers=(*reply.headers, (name, value)))

    return after


def _compressed(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """Says gzip and sends no gzip, where the client said that it takes it."""
    if reply.events is None or "gzip" not in request.headers.get("accept-encoding", ""):
        return reply
    return replace(reply, headers=(*reply.headers, ("Content-Encoding", "gzip")))


def _buffered(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """Everything at once, after as long as writing it took."""
    if reply.events is None:
        return reply
    wait_s = reply.delivery.wait_s + len(reply.events) * _TOKEN_S
    return replace(reply, delivery=replace(reply.delivery, wait_s=wait_s, at_once=True))


def _named_late(events: list[Any]) -> list[Any]:
    for call in by_index(list(deltas(events))):
        if len(call) > 1 and "name" in call[0]["function"]:
            call[1]["function"]["name"] = call[0]["function"].pop("name")
    return events


def _broken(events: list[Any]) -> list[Any]:
    return [*events[:2], {"error": {"message": "upstream went away", "code": 502}}]


def _commented(piece: bytes) -> bytes:
    return b": keep-alive\n\n" + piece


def _next(index: object) -> object:
    return index + 1 if isinstance(index, int) else index


def _shorter(function: dict[str, Any]) -> object:
    written = function.get("arguments")
    return written[:-1] if isinstance(written, str) else written


FAULTS = (
    Fault(
        "stream-rejected",
        "stream-rejected",
        "A request for a stream is refused.",
        after=on_chat(error(400, "streaming is not supported"), lambda body: bool(body.get("stream"))),
    ),
    Fault(
        "stream-not-streamed",
        "stream-not-streamed",
        "A request for a stream is answered with one JSON document, as by a gateway that ignores the wish.",
        before=without("stream", "stream_options"),
    ),
    Fault(
        "stream-wrong-content-type",
        "stream-wrong-content-type",
        "Events come under the content type text/plain.",
        after=_headed("Content-Type", "text/plain"),
    ),
    Fault(
        "stream-buffered",
        "stream-buffered",
        "A proxy holds the events back and lets them go in one burst at the end.",
        after=_buffered,
    ),
    Fault(
        "stream-compressed",
        "stream-compressed",
        "A client that accepts gzip gets a stream that says it is gzip, and is not.",
        after=_compressed,
    ),
    Fault(
        "stream-error-event",
        "stream-error-event",
        "A stream begins well and ends with an error object.",
        after=chunks(_broken),
    ),
    Fault(
        "stream-cut",
        "stream-cut",
        "Streams end before their finish reason and their end mark.",
        after=_lacking("finish", "done"),
    ),
    Fault(
        "stream-cut-broken-off",
        "stream-cut",
        "The connection breaks in the middle of a stream.",
        after=delivered(lambda how: replace(how, breaks_off=True), streams=True),
    ),
    Fault(
        "stream-cut-finish-reason-left-out",
        "stream-cut",
        "Streams have no finish reason, and end with [DONE] all the same.",
        after=_lacking("finish"),
    ),
    Fault("stream-done-missing", "stream-done-missing", "Streams end without [DONE].", after=_lacking("done")),
    Fault(
        "stream-event-malformed",
        "stream-event-malformed",
        "The events are not valid JSON: a quotation mark is missing.",
        after=_rewritten(b'"delta"', b'"delta'),
        subject="json",
    ),
    Fault(
        "stream-event-malformed-choices",
        "stream-event-malformed",
        "The chunks have no choices.",
        after=_each_chunk("choices"),
        subject="choices",
    ),
    Fault(
        "stream-event-malformed-index",
        "stream-event-malformed",
        "The choices of the chunks have no index.",
        after=_each_chunk("index"),
        subject="choices",
    ),
    Fault(
        "stream-event-malformed-delta",
        "stream-event-malformed",
        "The choices of the chunks have no delta.",
        after=_each_chunk("delta"),
        subject="delta",
    ),
    Fault(
        "stream-event-malformed-role",
        "stream-event-malformed",
        "The role is an empty string in every chunk but the first.",
        after=chunks(_unnamed),
        subject="role",
    ),
    Fault(
        "stream-event-malformed-last-delta",
        "stream-event-malformed",
        "The chunk with the finish reason has null for its delta.",
        after=chunks(_last_delta_null),
        subject="last-delta",
    ),
    Fault(
        "stream-event-malformed-framing",
        "stream-event-malformed",
        "The events come as lines of JSON, without the framing of server-sent events.",
        after=both(_lacking("done"), _rewritten(b"data: ", b""), _rewritten(b"\n\n", b"\n")),
        subject="framing",
    ),
    Fault(
        "stream-comments",
        "stream-comments",
        "A comment line for keep-alive stands before every event, as routers send it.",
        after=delivered(lambda how: replace(how, rewrites=(*how.rewrites, _commented)), streams=True),
    ),
    Fault(
        "stream-empty-choices",
        "stream-empty-choices",
        "The first chunk has an empty list of choices, as where a content filter reports first.",
        after=chunks(lambda events: [{**delta_event(events, {}), "choices": []}, *events]),
    ),
    Fault(
        "stream-tool-index",
        "stream-tool-index",
        "Streamed tool calls carry no index.",
        after=each_delta(lambda entry, name: entry.pop("index", None)),
        subject="missing",
    ),
    Fault(
        "stream-tool-index-one-chunk",
        "stream-tool-index",
        "Streamed tool calls come whole, in one chunk, and carry no index.",
        after=in_one_chunk(lambda call: call.pop("index", None)),
        subject="missing",
    ),
    Fault(
        "stream-tool-index-reused",
        "stream-tool-index",
        "All streamed tool calls of a reply carry the index 0.",
        after=each_delta(lambda entry, name: entry.update(index=0)),
        subject="reused",
    ),
    Fault(
        "stream-tool-index-offset",
        "stream-tool-index",
        "The index of streamed tool calls begins at 1.",
        after=each_delta(lambda entry, name: entry.update(index=_next(entry.get("index")))),
        subject="offset",
    ),
    Fault(
        "stream-tool-name",
        "stream-tool-name",
        "The tool's name comes again in every delta of a call.",
        after=each_delta(lambda entry, name: entry["function"].update(name=name)),
        subject="repeated",
    ),
    Fault(
        "stream-tool-name-null",
        "stream-tool-name",
        "The tool's name is null in every delta of a call.",
        after=each_delta(lambda entry, name: entry["function"].update(name=None)),
        subject="null",
    ),
    Fault(
        "stream-tool-name-late",
        "stream-tool-name",
        "The tool's name comes with the second delta of a call, not with the first.",
        after=chunks(_named_late),
        subject="late",
    ),
    Fault(
        "stream-differs",
        "stream-differs",
        "Tool calls are sound in plain replies and stand in the text of streams.",
        after=stream_as_text(hermes),
    ),
    Fault(
        "stream-differs-plain",
        "stream-differs",
        "Tool calls are sound in streams and stand in the text of plain replies.",
        after=plain_as_text(hermes),
    ),
    Fault(
        "stream-differs-arguments",
        "stream-differs",
        "Streamed tool calls lose a character of their arguments in every delta.",
        after=each_delta(lambda entry, name: entry["function"].update(arguments=_shorter(entry["function"]))),
    ),
)
