"""What harmless variations of the demo endpoint are made of: changes of messages, calls, streams, lists and routes."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faulty_endpoint import MODEL
from sound_wire import USUAL, Style

from cab_check.demo.faults.calls import arguments
from cab_check.demo.faults.fault import After, Before, unread, untouched
from cab_check.demo.faults.parts import (
    Body,
    both,
    calls,
    choice_deltas,
    choices,
    chunks,
    delta_event,
    deltas,
    is_usage,
    message,
    messages,
    plain,
    speak,
    text_of,
)
from cab_check.demo.http import DONE

Change = Callable[[Any], object]


@dataclass(frozen=True)
class Variation:
    """A harmless difference. Those of one `group` exclude each other; `path` and `model` are what the user typed.

    `fresh` makes the change of replies where it remembers what it did: a new one for each endpoint.
    """

    name: str
    group: str
    after: After = untouched
    before: Before = unread
    style: Style = USUAL
    fresh: Callable[[], After] | None = None
    path: str = "/v1"
    model: str = MODEL


# --- what changes are made of -----------------------------------------------------------------------------------------


def documents(change: Change) -> After:
    """Change completions and the chunks of streams in place."""

    def in_stream(events: list[Any]) -> list[Any]:
        for event in events:
            if isinstance(event, dict):
                change(event)
        return events

    return both(plain(change), chunks(in_stream))


def spoken(change: Callable[[dict[str, Any]], object]) -> After:
    """Change the message of completions and the deltas of streams in place."""

    def in_stream(events: list[Any]) -> list[Any]:
        for delta in choice_deltas(events):
            change(delta)
        return events

    return both(plain(lambda value: change(message(value))), chunks(in_stream))


def chosen(change: Callable[[dict[str, Any]], object]) -> After:
    """Change the choices of completions and chunks in place."""

    def each(value: Any) -> None:
        for choice in choices(value):
            change(choice)

    return documents(each)


def counted(change: Callable[[dict[str, Any]], object]) -> After:
    """Change token counts in place."""

    def each(value: Any) -> None:
        if isinstance(value.get("usage"), dict):
            change(value["usage"])

    return documents(each)


def put(**values: Any) -> Change:
    """Set these fields."""
    return lambda holder: holder.update(copy.deepcopy(values))


def drop(*names: str) -> Change:
    """Take these fields out."""

    def change(holder: dict[str, Any]) -> None:
        for name in names:
            holder.pop(name, None)

    return change


def _phrased(body: Body, pattern: str) -> bool:
    last = messages(body)[-1] if messages(body) else {}
    return last.get("role") != "tool" and re.match(pattern, text_of(last.get("content"))) is not None


def _speaks(body: Body) -> bool:
    """One word, or the word of a tool's result, is due: an answer that a person reads, not one whose form is asked."""
    return _phrased(body, "Reply with exactly: ") or (bool(messages(body)) and messages(body)[-1].get("role") == "tool")


def says(change: Callable[[str], str]) -> After:
    """Change a whole answer in words; in streams it then comes in one delta."""

    def in_plain(value: Any) -> None:
        text = message(value).get("content")
        if isinstance(text, str) and text:
            message(value)["content"] = change(text)

    def in_stream(events: list[Any]) -> list[Any]:
        texts = [delta for delta in choice_deltas(events) if delta.get("content")]
        if texts:
            texts[0]["content"], rest = change("".join(delta["content"] for delta in texts)), texts[1:]
            for delta in rest:
                delta["content"] = ""
        return events

    return both(plain(in_plain, _speaks), chunks(in_stream, _speaks))


def in_every_delta(name: str, value: Any) -> After:
    def in_stream(events: list[Any]) -> list[Any]:
        for delta in choice_deltas(events):
            delta.setdefault(name, value)
        return events

    return chunks(in_stream)


def _no_roles(events: list[Any]) -> list[Any]:
    for delta in choice_deltas(events):
        delta.pop("role", None)
    return events


without_roles = chunks(_no_roles)
"""Deltas that leave the role out: it can be no other."""


def with_calls(change: Callable[[dict[str, Any]], object]) -> After:
    """Change the message that carries calls; in streams, the first delta of one that does."""

    def in_plain(value: Any) -> None:
        if calls(value):
            change(message(value))

    def in_stream(events: list[Any]) -> list[Any]:
        if any(deltas(events)):
            change(next(choice_deltas(events)))
        return events

    return both(plain(in_plain), chunks(in_stream))


# --- calls ------------------------------------------------------------------------------------------------------------


def with_ids(make: Callable[[int, dict[str, Any]], str]) -> After:
    """Other ids for calls: `make` is given the number of the call in its reply, and the call."""

    def in_plain(value: Any) -> None:
        for number, call in enumerate(calls(value)):
            call["id"] = make(number, call)

    def in_stream(events: list[Any]) -> list[Any]:
        for entry in deltas(events):
            if entry.get("id"):
                entry["id"] = make(entry["index"], entry)
        return events

    return both(plain(in_plain), chunks(in_stream))


def rejoined(step: int) -> After:
    """The arguments of streamed calls in deltas of `step` characters; 0 for one delta."""

    def in_stream(events: list[Any]) -> list[Any]:
        done: list[Any] = []
        texts: dict[int, str] = {}
        for entry in deltas(events):
            texts[entry["index"]] = texts.get(entry["index"], "") + (entry["function"].get("arguments") or "")
        for event in events:
            given = next((choice["delta"].get("tool_calls") for choice in choices(event) if "delta" in choice), None)
            if not given:
                done.append(event)
            elif "name" in given[0]["function"]:
                text, index = texts[given[0]["index"]], given[0]["index"]
                parts = [text[at : at + step] for at in range(0, len(text), step)] if step else []
                given[0]["function"]["arguments"] = "" if step else text
                more = [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in parts]
                done += [event, *(delta_event(events, delta) for delta in more)]
        return done

    return chunks(in_stream)


def answered_by_one() -> After:
    """The first call alone, however many were asked for."""

    def in_plain(value: Any) -> None:
        if len(calls(value)) > 1:
            message(value)["tool_calls"] = message(value)["tool_calls"][:1]

    def in_stream(events: list[Any]) -> list[Any]:
        return [event for event in events if not any(entry["index"] for entry in deltas([event]))]

    return both(plain(in_plain), chunks(in_stream))


def stop_beside_calls(value: Any) -> None:
    """The finish reason that vLLM gives where the request names a tool or demands one."""
    for choice in choices(value):
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "stop"


def end_turn(value: Any) -> None:
    """Words of Anthropic's API for the same."""
    for choice in choices(value):
        words = {"stop": "end_turn", "tool_calls": "tool_use"}
        choice["finish_reason"] = words.get(choice.get("finish_reason"), choice.get("finish_reason"))


def later_delta(change: Callable[[dict[str, Any]], object], *, again: bool = False) -> After:
    """Change the deltas of a streamed call after the one that opens it; `again`: they repeat its id."""

    def in_stream(events: list[Any]) -> list[Any]:
        ids: dict[int, str] = {}
        for entry in deltas(events):
            if "name" in entry["function"]:
                ids[entry["index"]] = entry["id"]
                continue
            change(entry)
            if again:
                entry["id"] = ids[entry["index"]]
        return events

    return chunks(in_stream)


def all_arguments(change: Callable[[str], str]) -> After:
    """Change the arguments of calls that were not cut."""

    def whole(text: str) -> str:
        try:
            return change(text)
        except ValueError:
            return text

    return arguments(whole)


def friendly(text: str) -> After:
    def in_stream(events: list[Any]) -> list[Any]:
        if not any(deltas(events)):
            return events
        return [events[0], *(delta_event(events, {"content": word}) for word in text.split(" ")), *events[1:]]

    def in_plain(value: Any) -> None:
        if calls(value):
            message(value)["content"] = text

    return both(plain(in_plain), chunks(in_stream))


def _looks_again(body: Body) -> bool:
    """The turn right after a result, unless its word is asked for in so many words."""
    asks = " ".join(text_of(item.get("content")) for item in messages(body) if item.get("role") == "user")
    return bool(messages(body)) and messages(body)[-1].get("role") == "tool" and "repeat" not in asks


_AGAIN = {"id": "call_again0001", "type": "function", "function": {"name": "list_files", "arguments": "{}"}}


def call_again() -> After:
    """Another call after a tool's result, before the answer; only once, as a model that wants to be sure."""

    def in_plain(value: Any) -> None:
        speak(value, None, "tool_calls")
        message(value)["tool_calls"] = [dict(_AGAIN)]

    def in_stream(events: list[Any]) -> list[Any]:
        first = delta_event(events, {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **_AGAIN}]})
        return [first, delta_event(events, {}, "tool_calls"), *(e for e in events if is_usage(e)), DONE]

    return both(plain(in_plain, _looks_again), chunks(in_stream, _looks_again))
