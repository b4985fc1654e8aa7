"""A completion as the JSON of OpenAI's API: one document, or the chunks of a stream.

https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cab_check.demo.completion import Completion
from cab_check.demo.http import DONE

MODEL = "cab-check-demo"
MODEL_CREATED = 1_767_225_600
"""2026-01-01: the model is a script and has no date of its own."""

DELTA = re.compile(r"```|(?:(?!```).){1,24}(?:\s+|$)|(?:(?!```).){1,24}|\s+")
"""The pieces of a streamed text: a few words, never past the end of a line or a fence, as tokens come."""


def model_entry(context_tokens: int) -> dict[str, Any]:
    """The one entry of the model list."""
    return {
        "id": MODEL,
        "object": "model",
        "created": MODEL_CREATED,
        "owned_by": MODEL,
        "context_length": context_tokens,
    }


def as_completion(completion: Completion) -> dict[str, Any]:
    """The reply to a request that did not ask for a stream."""
    message: dict[str, Any] = {"role": "assistant", "content": completion.text, "refusal": None}
    if completion.calls:
        message["content"] = completion.text or None
        message["tool_calls"] = [_call(call.id, call.name, call.arguments) for call in completion.calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason}
    return {**_frame(completion, "chat.completion"), "choices": [choice], "usage": _usage(completion)}


def as_chunks(completion: Completion, *, include_usage: bool) -> tuple[Any, ...]:
    """The events of a streamed reply, the closing `[DONE]` included."""
    frame = {**_frame(completion, "chat.completion.chunk"), **({"usage": None} if include_usage else {})}
    chunks: list[Any] = [{**frame, "choices": [_choice(delta)]} for delta in _deltas(completion)]
    chunks.append({**frame, "choices": [_choice({}, completion.finish_reason)]})
    if include_usage:
        chunks.append({**frame, "choices": [], "usage": _usage(completion)})
    return (*chunks, DONE)


def _deltas(completion: Completion) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if completion.calls and not completion.text else ""}
    for piece in DELTA.findall(completion.text):
        yield {"content": piece}
    for index, call in enumerate(completion.calls):
        yield {"tool_calls": [{"index": index, **_call(call.id, call.name, "")}]}
        for piece in DELTA.findall(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _frame(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": completion.created,
        "model": MODEL,
        "system_fingerprint": "demo",
    }


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(completion: Completion) -> dict[str, Any]:
    prompt, output = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
