"""Anthropic's /messages: requests as Claude Code sends them, and replies read with every deviation named.

https://docs.anthropic.com/en/api/messages and .../messages-streaming. Anthropic's clients choose by the `event:` line
and drop events without one; text and calls come in numbered blocks, a call's input as pieces of JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cab_check.chat.errors import error_in
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, ToolCall, Usage
from cab_check.chat.typed import (
    TypedEvent,
    TypedReply,
    asks_for_stream,
    is_events,
    refusal,
    typed_events,
    was_broken_off,
    whole_number,
)
from cab_check.wire.exchange import Exchange

BROKEN = "messages-api-broken"
VERSION = ("anthropic-version", "2023-06-01")
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
    refused = refusal(exchange)
    if refused is not None:
        return refused
    problems = Problems()
    if is_events(exchange):
        return _read_stream(exchange, problems)
    streaming, value = asks_for_stream(exchange), exchange.json
    error = error_in(value, exchange.status) if isinstance(value, dict) and not value.get("content") else None
    if error is not None:
        return TypedReply(streaming, error=error)
    if was_broken_off(exchange) and value is None:
        return TypedReply(streaming)
    if streaming:
        problems.add(BROKEN, "reply", exchange.text, "events")
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        problems.add(BROKEN, "reply.content", exchange.text, "events" if streaming else None)
        return TypedReply(streaming, problems=problems.all)
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
        whole = "".join(self.json_pieces)
        if self.block.get("type") != "tool_use" or not whole.strip():
            return self.block
        try:
            return {**self.block, "input": json.loads(whole)}
        except (ValueError, RecursionError):
            return {**self.block, "input": whole}


def _read_stream(exchange: Exchange, problems: Problems) -> TypedReply:
    if not asks_for_stream(exchange):
        problems.add(BROKEN, "reply", exchange.text)
    events = typed_events(exchange, problems, BROKEN)
    failed = next((event for event in events if event.type == "error"), None)
    if failed is not None:
        return TypedReply(True, error=error_in(failed.value) or ApiError(str(failed.value)), problems=problems.all)
    unnamed = next((event for event in events if event.name != event.type), None)
    if unnamed is not None:
        problems.add(BROKEN, "reply.events", f"event: {unnamed.name}, type: {unnamed.type}", "events")
    types = [event.type for event in events]
    if events and not was_broken_off(exchange) and ("message_start" not in types or "message_stop" not in types):
        problems.add(BROKEN, "reply.events", f"first {types[0]}, last {types[-1]}", "events")
    blocks = _blocks(events, problems)
    ends = [event.value for event in events if event.type == "message_delta"]
    deltas = [end["delta"] for end in ends if isinstance(end.get("delta"), dict)]
    finish = next((delta.get("stop_reason") for delta in deltas if delta.get("stop_reason")), None)
    return _reply(True, blocks, finish, _streamed_usage(events), problems)


def _blocks(events: Sequence[TypedEvent], problems: Problems) -> list[dict[str, Any]]:
    found: dict[Any, _Open] = {}
    for event in events:
        index, block, delta = (event.value.get(name) for name in ("index", "content_block", "delta"))
        index = whole_number(index)
        if event.type == "content_block_start" and isinstance(block, dict):
            found[index] = _Open(dict(block))
        elif event.type == "content_block_delta" and isinstance(delta, dict):
            if index in found:
                found[index].add(delta)
            else:
                problems.add(BROKEN, "reply.events", event.value, "events")
    return [block.close() for block in found.values()]


def _streamed_usage(events: Sequence[TypedEvent]) -> Usage | None:
    """The prompt's tokens come with the first event, the output's with the last."""
    counts: dict[str, Any] = {}
    for event in events:
        holder = event.value.get("message") if event.type == "message_start" else event.value
        usage = holder.get("usage") if isinstance(holder, dict) else None
        counts |= {name: count for name, count in usage.items() if count} if isinstance(usage, dict) else {}
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
    cut = finish in ("max_tokens", "model_context_window_exceeded")
    judged = Problems() if cut else problems  # a call that was cut at the limit is nobody's fault
    calls = tuple(_call(block, number, judged) for number, block in enumerate(blocks) if _is_call(block))
    words = [block.get("text") for block in blocks if block.get("type") == "text"]
    return TypedReply(
        streaming,
        text="".join(word for word in words if isinstance(word, str)) or None,
        calls=calls,
        usage=usage,
        finish=finish if isinstance(finish, str) else None,
        cut_at_limit=cut,
        items=tuple(blocks),
        problems=problems.all,
    )


def _is_call(block: Block) -> bool:
    return block.get("type") == "tool_use"


def _call(block: Block, number: int, problems: Problems) -> ToolCall:
    """The call; its input is an object here, unlike the text that chat completions carry."""
    call_id, name, given = block.get("id"), block.get("name"), block.get("input")
    for key, value, kind in (("id", call_id, str), ("name", name, str), ("input", given, dict)):
        if not isinstance(value, kind) or (kind is str and not value):
            problems.add(BROKEN, f"reply.content[{number}].{key}", value, "tools")
    return ToolCall(call_id, name, json.dumps(given, ensure_ascii=False) if isinstance(given, dict) else given)
