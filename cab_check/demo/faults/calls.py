"""Changes to the tool calls of a reply, the same for documents and for streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cab_check.demo.faults.fault import After
from cab_check.demo.faults.parts import both, calls, chunks, deltas, plain, said, speak

Call = dict[str, Any]


def each_call(change: Callable[[Call], object]) -> After:
    """Change every call of plain replies, and the delta that opens each streamed one."""

    def in_plain(value: Any) -> None:
        for call in calls(value):
            change(call)

    def in_stream(events: list[Any]) -> list[Any]:
        for entry in deltas(events):
            if "name" in entry["function"]:
                change(entry)
        return events

    return both(plain(in_plain), chunks(in_stream))


def each_delta(change: Callable[[Call, str | None], object]) -> After:
    """Change every delta of a streamed call, given the tool's name."""

    def in_stream(events: list[Any]) -> list[Any]:
        name: str | None = None
        for entry in deltas(events):
            name = entry["function"].get("name", name)
            change(entry, name)
        return events

    return chunks(in_stream)


def arguments(change: Callable[[str], Any]) -> After:
    """Change the arguments of every call. A streamed call then carries them whole, in its first delta."""

    def in_plain(value: Any) -> None:
        for call in calls(value):
            written = call["function"].get("arguments")
            call["function"]["arguments"] = change(written) if isinstance(written, str) else written

    def in_stream(events: list[Any]) -> list[Any]:
        entries = list(deltas(events))
        for call in by_index(entries):
            whole = _whole(call)
            for entry in call:
                entry["function"]["arguments"] = ""
            call[0]["function"]["arguments"] = change(whole)
        return events

    return both(plain(in_plain), chunks(in_stream))


def in_one_chunk(change: Callable[[Call], object]) -> After:
    """Every streamed call whole, in one delta that is changed; plain replies as they are."""

    def in_stream(events: list[Any]) -> list[Any]:
        later: set[int] = set()
        for call in by_index(list(deltas(events))):
            call[0]["function"]["arguments"] = _whole(call)
            later |= {id(entry) for entry in call[1:]}
            change(call[0])
        return [event for event in events if not later.intersection(id(entry) for entry in deltas([event]))]

    return chunks(in_stream)


def as_text(write: Callable[[str, str], str], *, finish_reason: str = "stop") -> After:
    """Every call written into the text: by `write`, from its name and arguments."""
    return both(plain_as_text(write, finish_reason), stream_as_text(write, finish_reason))


def plain_as_text(write: Callable[[str, str], str], finish_reason: str = "stop") -> After:
    """The same for documents only."""

    def in_plain(value: Any) -> None:
        found = [write(*_spelled([call])) for call in calls(value)]
        if found:
            speak(value, "\n".join(found), finish_reason)

    return plain(in_plain)


def stream_as_text(write: Callable[[str, str], str], finish_reason: str = "stop") -> After:
    """The same for streams only."""

    def in_stream(events: list[Any]) -> list[Any]:
        found = [write(*_spelled(call)) for call in by_index(list(deltas(events)))]
        return said(events, "\n".join(found), finish_reason) if found else events

    return chunks(in_stream)


def hermes(name: str, written: str) -> str:
    """A call as Qwen2.5, Qwen3 and Hermes models write it."""
    try:
        values = json.loads(written)
    except ValueError:
        values = written
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': values})}\n</tool_call>"


def by_index(entries: list[Call]) -> list[list[Call]]:
    """The deltas of each call together; without an index, one call."""
    found: dict[Any, list[Call]] = {}
    for entry in entries:
        found.setdefault(str(entry.get("index")), []).append(entry)
    return list(found.values())


def _whole(call: list[Call]) -> str:
    written = [entry["function"].get("arguments") for entry in call]
    return "".join(piece for piece in written if isinstance(piece, str))


def _spelled(call: list[Call]) -> tuple[str, str]:
    names = [entry["function"]["name"] for entry in call if isinstance(entry["function"].get("name"), str)]
    return (names[0] if names else ""), _whole(call)
