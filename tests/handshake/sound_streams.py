"""Harmless changes of streams: framing, where counts and ends stand, how text is cut into chunks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cab_check.demo.faults.fault import After
from cab_check.demo.faults.parts import (
    choice_deltas,
    choices,
    delta_event,
    deltas,
    is_usage,
)
from cab_check.demo.http import DONE, HttpReply, HttpRequest


def rewriting(change: Callable[[bytes], bytes], *, streams: bool = True) -> After:
    """Change the bytes of each event of a stream, or of each document."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if reply.status != 200 or (reply.events is not None) != streams:
            return reply
        how = reply.delivery
        return replace(reply, delivery=replace(how, rewrites=(*how.rewrites, change)))

    return after


def marked(event: bytes) -> bytes:
    """A byte order mark before the first chunk of a chat, which is the one that names the role."""
    return b"\xef\xbb\xbf" + event if b'"role"' in event else event


def framed(event: bytes) -> bytes:
    return b"id: 7\nretry: 3000\n" + (b"" if event.startswith(b"event:") else b"event: message\n") + event


def on_lines(event: bytes) -> bytes:
    """A chunk as indented JSON, one data line for each of its lines."""
    name, _, data = event.rpartition(b"data: ")
    if not data.startswith(b"{"):
        return event
    lines = json.dumps(json.loads(data), indent=1).encode().split(b"\n")
    return name + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


def escaped(event: bytes) -> bytes:
    name, mark, data = event.rpartition(b"data: ")
    return name + mark + json.dumps(json.loads(data)).encode() + b"\n\n" if data.startswith(b"{") else event


def _counts_in(events: list[Any], where: Callable[[Any], bool]) -> list[Any]:
    usage = next((event["usage"] for event in events if is_usage(event)), None)
    for event in events:
        if usage and isinstance(event, dict) and not is_usage(event) and where(event):
            event["usage"] = dict(usage)
    return events


def counts_everywhere(events: list[Any]) -> list[Any]:
    """Counts on every chunk, as a server that counts as it goes."""
    return _counts_in(events, lambda event: True)


def at_the_end(events: list[Any]) -> list[Any]:
    """Counts on the chunk with the finish reason, and no chunk of their own."""
    ends = _counts_in(events, lambda event: any(choice.get("finish_reason") for choice in choices(event)))
    return [event for event in ends if not is_usage(event)]


def early_end(events: list[Any]) -> list[Any]:
    """The finish reason beside the last text or arguments, not in a chunk of its own."""
    at = next(n for n, event in enumerate(events) if any(choice.get("finish_reason") for choice in choices(event)))
    if at:
        events[at - 1]["choices"][0]["finish_reason"] = events[at]["choices"][0]["finish_reason"]
        if events[at].get("usage"):
            events[at - 1]["usage"] = events[at]["usage"]
        del events[at]
    return events


def empty_ends(events: list[Any]) -> list[Any]:
    """An empty delta after the first chunk, and before the one that ends it."""
    empty = delta_event(events, {"content": ""})
    return [events[0], delta_event(events, {}), *events[1:-2], empty, *events[-2:]] if len(events) > 3 else events


def _texts(events: list[Any]) -> list[Any]:
    return [event for event in events if any(choice.get("delta", {}).get("content") for choice in choices(event))]


def spelled(events: list[Any]) -> list[Any]:
    """One character per chunk."""
    done: list[Any] = []
    for event in events:
        if event in _texts(events):
            letters = event["choices"][0]["delta"]["content"]
            done += [delta_event(events, {"content": letter}) for letter in letters]
        else:
            done.append(event)
    return done


def spoken_at_once(events: list[Any]) -> list[Any]:
    """All text in the first chunk that has any."""
    texts = _texts(events)
    if not texts:
        return events
    whole = "".join(event["choices"][0]["delta"]["content"] for event in texts)
    first = delta_event(events, {"content": whole})
    return [first if event is texts[0] else event for event in events if not any(event is t for t in texts[1:])]


def thinks(events: list[Any]) -> list[Any]:
    words = [delta_event(events, {"reasoning_content": word + " "}) for word in THOUGHT.split()]
    return [events[0], *words, *events[1:]]


THOUGHT = "The user asks for one thing, and I can do that in one step. Let me see what it takes. " * 12


def one_chunk(events: list[Any]) -> list[Any]:
    """Everything in one chunk, the finish reason beside it: how servers stream that cannot."""
    every = list(choice_deltas(events))
    opened = list(deltas(events))
    texts = "".join(delta.get("content") or "" for delta in every)
    merged: dict[int, dict[str, Any]] = {}
    for entry in opened:
        first = merged.setdefault(entry["index"], entry)
        if first is not entry:
            first["function"]["arguments"] += entry["function"]["arguments"]
    ends = [choice["finish_reason"] for event in events for choice in choices(event) if choice.get("finish_reason")]
    delta = {"role": "assistant", "content": texts or None, **({"tool_calls": list(merged.values())} if merged else {})}
    return [delta_event(events, delta, ends[-1]), *(event for event in events if is_usage(event)), DONE]


def without(name: str) -> Callable[[list[Any]], list[Any]]:
    """Streamed calls that leave a field out of every delta."""

    def change(events: list[Any]) -> list[Any]:
        for entry in deltas(events):
            entry.pop(name, None)
        return events

    return change
