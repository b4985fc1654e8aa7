"""Anthropic's /messages: requests as Claude Code sends them, and replies read with every deviation named.

https://docs.anthropic.com/en/api/messages and .../messages-streaming. Anthropic's clients choose by the `event:` line
and drop events without one; text and calls come in numbered blocks, a call's input as pieces of JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cab_check.chat.problems import Problems
from cab_check.chat.reply import ToolCall, Usage
from cab_check.chat.toolcalls import check_finish
from cab_check.chat.typed import (
    HIDDEN,
    Api,
    PlacedCall,
    TypedEvent,
    TypedReply,
    check_counted,
    check_placed,
    read_typed,
    texts_in,
    was_broken_off,
    whole_number,
)
from cab_check.wire.exchange import Exchange

BROKEN = "messages-api-broken"
_AT_LIMIT = ("max_tokens", "model_context_window_exceeded")
VERSION = ("anthropic-version", "2023-06-01")
_FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "tool_calls"}
"""The stop reasons of this API -> the finish reasons of chat completions that say the same."""
_SAYS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}

Block = Mapping[str, Any]


# --- requests --------------------------------------------------------------------------------------------------------


def create(
    model: str | None,
    messages: Sequence[Block],
    *,
    max_tokens: int,
    system: str | Sequence[Block] = (),
    tools: Sequence[Block] = (),
    stream: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A request body; `more` is added as it is."""
    body: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "messages": list(messages)}
    if system:
        body["system"] = system if isinstance(system, str) else list(system)
    if tools:
        body["tools"] = list(tools)
    if stream:
        body["stream"] = True
    return body | more


def text(words: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": words}


def message(role: str, *blocks: Block) -> dict[str, Any]:
    """A message of blocks."""
    return {"role": role, "content": list(blocks)}


def tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """A tool of a chat completions request as this API has it."""
    inner = function["function"]
    return {"name": inner["name"], "description": inner["description"], "input_schema": inner["parameters"]}


def tool_result(call: ToolCall, words: str) -> dict[str, Any]:
    """The answer to `call`, a block of a user's message."""
    return {"type": "tool_result", "tool_use_id": call.id, "content": words}


# --- replies ---------------------------------------------------------------------------------------------------------


def read_message(exchange: Exchange) -> TypedReply:
    """The reply of /messages in `exchange`, plain or streamed."""
    return read_typed(exchange, _API)


def _read_document(
    value: Mapping[str, Any], content: Sequence[Block], streaming: bool, problems: Problems
) -> TypedReply:
    return _reply(streaming, content, value.get("stop_reason"), _usage(value.get("usage")), problems)


@dataclass(slots=True)
class _Open:
    """A block whose deltas are still coming."""

    block: dict[str, Any]
    json_pieces: list[str] = field(default_factory=list)

    def add(self, delta: Mapping[str, Any]) -> None:
        kind = delta.get("type")
        if kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
            self.json_pieces.append(delta["partial_json"])
        name = _SAYS.get(str(kind))
        if name and isinstance(delta.get(name), str):
            self.block[name] = f"{self.block.get(name) or ''}{delta[name]}"

    def close(self) -> dict[str, Any]:
        """The block with its input put together; one that is no JSON object stays the text that came."""
        whole = "".join(self.json_pieces)
        if self.block.get("type") != "tool_use" or not whole.strip():
            return self.block
        try:
            value = json.loads(whole)
        except (ValueError, RecursionError):
            value = None
        return {**self.block, "input": value if isinstance(value, dict) else whole}


def _read_stream(exchange: Exchange, events: Sequence[TypedEvent], problems: Problems) -> TypedReply:
    unnamed = next((event for event in events if event.name != event.type), None)
    if unnamed is not None:
        problems.add(BROKEN, "reply.events", f"event: {unnamed.name}, type: {unnamed.type}", "events")
    types = [event.type for event in events]
    if events and "message_start" not in types:
        problems.add(BROKEN, "reply.events[0]", f"first {types[0]}", "events")
    blocks = _blocks(events, problems)
    ends = [event.value for event in events if event.type == "message_delta"]
    deltas = [end["delta"] for end in ends if isinstance(end.get("delta"), dict)]
    finish = next((delta.get("stop_reason") for delta in deltas if delta.get("stop_reason")), None)
    if events and not was_broken_off(exchange) and "message_stop" not in types:
        problems.add("stream-done-missing" if finish else "stream-cut", "reply.events", f"last {types[-1]}")
    if "message_stop" in types and finish not in _AT_LIMIT:
        _check_closed(events, problems)
    usage = _streamed_usage(events)
    if finish:
        check_counted(usage, "reply.events", problems)
    return _reply(True, blocks, finish, usage, problems)


def _blocks(events: Sequence[TypedEvent], problems: Problems) -> list[dict[str, Any]]:
    """The blocks in their order. A delta without an index belongs to the block that was opened last."""
    found: list[tuple[int | None, _Open]] = []
    for event in events:
        block, delta, index = (event.value.get(name) for name in ("content_block", "delta", "index"))
        if event.type == "content_block_start" and isinstance(block, dict):
            found.append((whole_number(index), _Open(dict(block))))
            if block.get("type") == "tool_use" and whole_number(index) is None:
                problems.add("stream-tool-index", "reply.events", event.value, "missing")
        elif event.type == "content_block_delta" and isinstance(delta, dict):
            place = whole_number(index)
            home = next((opened for at, opened in reversed(found) if place is None or at == place), None)
            if home is None:
                problems.add(BROKEN, "reply.events", event.value, "events")
            else:
                home.add(delta)
    return [opened.close() for _, opened in found]


def _check_closed(events: Sequence[TypedEvent], problems: Problems) -> None:
    """Note a call whose block never ends: clients put its input together only then."""
    closed = [event.value.get("index") for event in events if event.type == "content_block_stop"]
    for event in events:
        block, index = event.value.get("content_block"), event.value.get("index")
        opens_call = event.type == "content_block_start" and isinstance(block, dict) and block.get("type") == "tool_use"
        if opens_call and index not in closed and not (closed and (index is None or None in closed)):
            problems.add(BROKEN, "reply.events", "no content_block_stop for the call", "tools")


def _streamed_usage(events: Sequence[TypedEvent]) -> Usage | None:
    """The prompt's tokens come with the first event, the output's with the last; a later 0 takes nothing back."""
    counts: dict[str, Any] = {}
    for event in events:
        holder = event.value.get("message") if event.type == "message_start" else event.value
        usage = holder.get("usage") if isinstance(holder, dict) else None
        new = usage if isinstance(usage, dict) else {}
        counts |= {name: count for name, count in new.items() if count or name not in counts}
    return _usage(counts)


def _usage(value: Any) -> Usage | None:
    """Cached prompt tokens are counted apart by this API, and belong to the prompt all the same."""
    if not isinstance(value, dict) or not value:
        return None
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    prompt = [count for name in names if (count := whole_number(value.get(name))) is not None]
    return Usage(sum(prompt) if prompt else None, whole_number(value.get("output_tokens")))


def _reply(
    streaming: bool, blocks: Sequence[Block], finish: Any, usage: Usage | None, problems: Problems
) -> TypedReply:
    cut = finish in _AT_LIMIT
    judged = Problems() if cut else problems  # a call that was cut at the limit is nobody's fault
    placed = [
        _call(block, number, streaming, judged)
        for number, block in enumerate(blocks)
        if block.get("type") == "tool_use"
    ]
    check_placed(placed, streaming=streaming, cut=cut, problems=judged)
    calls = tuple(one.call for one in placed)
    if isinstance(finish, str) and not problems.has(BROKEN):
        check_finish(calls, _FINISHES.get(finish), "reply.stop_reason", problems)
    thought = [block for block in blocks if block.get("type") in ("thinking", "redacted_thinking")]
    words = [block.get("thinking") for block in thought]
    return TypedReply(
        streaming,
        text=texts_in([block for block in blocks if block.get("type") == "text"]) or None,
        reasoning=("".join(word for word in words if isinstance(word, str)) or HIDDEN) if thought else None,
        calls=calls,
        usage=usage,
        finish=finish if isinstance(finish, str) else None,
        cut_at_limit=cut,
        items=tuple(blocks),
        problems=problems.all,
    )


def _call(block: Block, number: int, streaming: bool, problems: Problems) -> PlacedCall:
    """The call with its arguments as text; the input itself is an object here, unlike in chat completions."""
    at, name, given = f"reply.content[{number}]", block.get("name"), block.get("input")
    if not isinstance(name, str) or not name:
        problems.add(BROKEN, f"{at}.name", name, "tools")
    if not isinstance(given, dict) and not (streaming and isinstance(given, str)):
        problems.add(BROKEN, f"{at}.input", given, "tools")
        given = {}  # named already
    written = json.dumps(given, ensure_ascii=False) if isinstance(given, dict) else given
    return PlacedCall(ToolCall(block.get("id"), name, written), f"{at}.id", f"{at}.input")


_API = Api(BROKEN, "content", "events", _read_stream, _read_document)
