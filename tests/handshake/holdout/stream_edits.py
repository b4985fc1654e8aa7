"""The edits on streams: a completion as chunks, the chunks as another server sends them, the bytes that go out.

Each is named in README.md. All are pure.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from holdout.edits import Json, drop, put

_PIECE = re.compile(r".{1,24}(?:\s+|$)|.{1,24}", re.DOTALL)


# -- on the chunks -----------------------------------------------------------------------------------------------


def as_chunks(done: Json, *, include_usage: bool) -> list[Json]:
    """A completion as the chunks of a sound stream, `[DONE]` not included; fields it does not know ride on deltas."""
    choice = done["choices"][0]
    message = choice["message"]
    frame = {**{k: v for k, v in done.items() if k not in ("choices", "usage")}, "object": "chat.completion.chunk"}
    chunks = [_chunk(frame, {"role": "assistant", "content": ""})]
    for name in message:
        if name == "content" and isinstance(message[name], list):
            chunks += _part_chunks(frame, message[name])
        if name in ("role", "refusal", "tool_calls") or not isinstance(message[name], str):
            continue
        chunks += [_chunk(frame, {name: piece}) for piece in _PIECE.findall(message[name])]
    for index, call in enumerate(message.get("tool_calls") or []):
        chunks += _call_chunks(frame, index, call)
    chunks.append(_chunk(frame, {}, choice.get("finish_reason")))
    if include_usage and done.get("usage"):
        chunks.append({**frame, "choices": [], "usage": done["usage"]})
    return chunks


def _part_chunks(frame: Json, parts: list[Json]) -> list[Json]:
    """A part of text is streamed as plain text, any other as a list with that one part."""
    found = []
    for part in parts:
        pieces = _PIECE.findall(part["text"]) if part.get("type") == "text" else [[part]]
        found += [_chunk(frame, {"content": piece}) for piece in pieces]
    return found


def _call_chunks(frame: Json, index: int, call: Json) -> list[Json]:
    arguments = call["function"]["arguments"]
    first = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
    if not isinstance(arguments, str):
        first["function"]["arguments"] = arguments
        return [_chunk(frame, {"tool_calls": [first]})]
    pieces = [{"index": index, "function": {"arguments": piece}} for piece in _PIECE.findall(arguments)]
    return [_chunk(frame, {"tool_calls": [part]}) for part in (first, *pieces)]


def _chunk(frame: Json, delta: Json, finish_reason: str | None = None) -> Json:
    return {**frame, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def edit_chunks(chunks: list[Json], edit: Json) -> list[Json]:
    """The chunks as the server streams them."""
    chunks = copy.deepcopy(chunks)
    for name, work in _CHUNKS.items():
        if name in edit:
            chunks = work(edit[name], chunks)
    return chunks


def _parts(chunk: Json) -> list[Json]:
    return [part for choice in chunk["choices"] for part in choice["delta"].get("tool_calls") or []]


def _index_offset(by: int, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for part in _parts(chunk):
            part["index"] += by
    return chunks


def _arguments_index(offset: int, chunks: list[Json]) -> list[Json]:
    """The parts after the first of a call carry another index than the first."""
    for chunk in chunks:
        for part in _parts(chunk):
            part["index"] += 0 if "id" in part else offset
    return chunks


def _call_choice(index: int, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        if _parts(chunk):
            chunk["choices"][0]["index"] = index
    return chunks


def _call_not_list(wanted: bool, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        if _parts(chunk):
            delta = chunk["choices"][0]["delta"]
            delta["tool_calls"] = delta["tool_calls"][0]
    return chunks


def _repeat_calls(at: int, chunks: list[Json]) -> list[Json]:
    """Each call comes again whole, with the same id, at an index further on."""
    again = copy.deepcopy([chunk for chunk in chunks if _parts(chunk)])
    end = max((n for n, chunk in enumerate(chunks) if _parts(chunk)), default=-1) + 1
    return [*chunks[:end], *_index_offset(at, again), *chunks[end:]]


def _late_name(first: Any, chunks: list[Json]) -> list[Json]:
    """The part that opens a call has `first` as its name; the name comes in the next one."""
    found = []
    for chunk in chunks:
        found.append(chunk)
        for part in _parts(chunk):
            if "id" in part:
                late = copy.deepcopy(chunk)
                late["choices"][0]["delta"] = {
                    "tool_calls": [{"index": part["index"], "function": {"name": part["function"]["name"]}}]
                }
                part["function"]["name"] = first
                found.append(late)
    return found


def _repeat_arguments(wanted: Json, chunks: list[Json]) -> list[Json]:
    """After the last piece of a call's arguments all of them come again; `unclosed`: the first time without a brace."""
    written: dict[int, str] = {}
    last: dict[int, int] = {}
    for n, chunk in enumerate(chunks):
        for part in _parts(chunk):
            written[part["index"]] = written.get(part["index"], "") + part["function"]["arguments"]
            last[part["index"]] = n
    found = []
    for n, chunk in enumerate(chunks):
        found.append(chunk)
        for index in [index for index, at in last.items() if at == n]:
            if wanted.get("only_non_ascii") and written[index].isascii():
                continue
            again = copy.deepcopy(chunk)
            again["choices"][0]["delta"] = {"tool_calls": [{"index": index, "function": {"arguments": written[index]}}]}
            if wanted.get("unclosed"):
                chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] = _unclosed(_parts(chunk)[0])
            found.append(again)
    return found


def _unclosed(part: Json) -> str:
    text = str(part["function"]["arguments"])
    return text[: text.rfind("}")] if "}" in text else text


def _whole_calls(wanted: bool, chunks: list[Json]) -> list[Json]:
    """Each call in one chunk, its arguments with its id and name."""
    calls: dict[int, Json] = {}
    found = []
    for chunk in chunks:
        for part in _parts(chunk):
            if "id" in part:
                calls[part["index"]] = part
            else:
                calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
        if not _parts(chunk) or "id" in _parts(chunk)[0]:
            found.append(chunk)
    return found


def _finish_delta(wanted: Any, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for choice in chunk["choices"]:
            if choice["finish_reason"]:
                choice["delta"] = wanted
    return chunks


def _finish_with_last(wanted: bool, chunks: list[Json]) -> list[Json]:
    """The finish_reason stands on the last chunk that carries something, not on one of its own."""
    at = next(n for n, chunk in enumerate(chunks) if chunk["choices"] and chunk["choices"][0]["finish_reason"])
    chunks[at - 1]["choices"][0]["finish_reason"] = chunks[at]["choices"][0]["finish_reason"]
    return chunks[:at] + chunks[at + 1 :]


def _no_null_finish(wanted: bool, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for choice in chunk["choices"]:
            if choice["finish_reason"] is None:
                del choice["finish_reason"]
    return chunks


def _usage_choices(wanted: str, chunks: list[Json]) -> list[Json]:
    """The chunk with the usage has `null` for its choices, or none at all (`absent`)."""
    for chunk in chunks:
        if "usage" in chunk:
            chunk["choices"] = None
            if wanted == "absent":
                del chunk["choices"]
    return chunks


def _usage_in_choice(wanted: str, chunks: list[Json]) -> list[Json]:
    """The usage stands in the choice that finishes, instead of or as well as (`also`) in a chunk of its own."""
    usage = next((chunk["usage"] for chunk in chunks if "usage" in chunk), None)
    for chunk in chunks:
        for choice in chunk["choices"]:
            if usage and choice["finish_reason"]:
                choice["usage"] = usage
    return [chunk for chunk in chunks if wanted == "also" or "usage" not in chunk]


def _cut_after(share: float, chunks: list[Json]) -> list[Json]:
    """The stream ends after this share of the chunks, where it carries a call."""
    return chunks[: max(2, int(len(chunks) * share))] if any(_parts(chunk) for chunk in chunks) else chunks


def _set_all(fields: Json, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for path, value in fields.items():
            put(chunk, path, copy.deepcopy(value))
    return chunks


def _drop_all(paths: list[str], chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for path in paths:
            drop(chunk, path)
    return chunks


def _role_everywhere(role: str, chunks: list[Json]) -> list[Json]:
    for chunk in chunks:
        for choice in chunk["choices"]:
            choice["delta"]["role"] = role
    return chunks


_CHUNKS: dict[str, Callable[[Any, list[Json]], list[Json]]] = {
    "late_name": _late_name,
    "repeat_arguments": _repeat_arguments,
    "whole_calls": _whole_calls,
    "repeat_calls": _repeat_calls,
    "index_offset": _index_offset,
    "arguments_index": _arguments_index,
    "call_choice": _call_choice,
    "call_not_list": _call_not_list,
    "cut_after": _cut_after,
    "role_everywhere": _role_everywhere,
    "set_all": _set_all,
    "drop_all": _drop_all,
    "finish_with_last": _finish_with_last,
    "usage_in_choice": _usage_in_choice,
    "finish_delta": _finish_delta,
    "no_null_finish": _no_null_finish,
    "usage_choices": _usage_choices,
}


# -- on the bytes of a stream ------------------------------------------------------------------------------------


def edit_bytes(stream: bytes, edit: Json) -> bytes:
    """The bytes of a whole event stream as they go out."""
    events = [event for event in stream.split(b"\n\n") if event.strip()]
    if edit.get("no_done"):
        events = [event for event in events if event.strip() != b"data: [DONE]"]
    if edit.get("blank_data"):
        events = [part for event in events for part in (b"data: ", event)]
    if edit.get("no_event_lines"):
        events = [re.sub(rb"(?m)^event: .*\n", b"", event) for event in events]
    if edit.get("split_event_lines"):
        events = [re.sub(rb"(?m)^(event: .*)\n", rb"\1\n\n", event) for event in events]
    return b"".join(event + b"\n\n" for event in events)
