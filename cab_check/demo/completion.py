"""From a request to a finished completion: the model's answer within the limits that the request sets."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Literal

from cab_check.demo.conversation import Call, ChatRequest
from cab_check.demo.errors import invalid
from cab_check.demo.http import compact
from cab_check.demo.jsonmode import as_json
from cab_check.demo.model import answer
from cab_check.demo.tokens import count, count_calls, count_prompt, cut


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply of the model; `created` in seconds since the epoch. The scripted model never reasons and always counts;
    only a fault may put `reasoning` here, or take the counts away.
    """

    id: str
    created: int
    text: str
    calls: tuple[Call, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]
    prompt_tokens: int
    completion_tokens: int
    reasoning: str = ""
    counted: bool = True


def complete(request: ChatRequest, context_tokens: int) -> Completion:
    """The model's reply to `request`. Raises ApiError 400 if prompt and output do not fit into `context_tokens`."""
    prompt = count_prompt(request)
    limit = _output_limit(prompt, request.max_tokens, context_tokens)
    said = answer(request)
    text = said.text if said.calls else as_json(said.text, request)
    whole = _before_stop(text, request.stop)
    calls = tuple(Call(f"call_{secrets.token_hex(12)}", item.name, compact(item.arguments)) for item in said.calls)
    text, kept = cut(whole, limit), _within(calls, limit - count(whole))
    finish: Literal["stop", "length", "tool_calls"] = "tool_calls" if calls else "stop"
    if (text, kept) != (whole, calls):
        finish = "length"
    return Completion(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        text=text,
        calls=kept,
        finish_reason=finish,
        prompt_tokens=prompt,
        completion_tokens=count(text) + count_calls(kept),
    )


def _output_limit(prompt: int, max_tokens: int | None, context_tokens: int) -> int:
    if prompt + (max_tokens or 1) <= context_tokens:
        return max_tokens or context_tokens - prompt
    asked = f" and {max_tokens} for the completion, {prompt + max_tokens} in all" if max_tokens else ""
    raise invalid(
        "messages",
        f"This model's maximum context length is {context_tokens} tokens. "
        f"However, you requested {prompt} tokens in the messages and tools{asked}.",
        "context_length_exceeded",
    )


def _before_stop(text: str, stop: tuple[str, ...]) -> str:
    return text[: min((at for word in stop if (at := text.find(word)) >= 0), default=len(text))]


def _within(calls: tuple[Call, ...], limit: int) -> tuple[Call, ...]:
    """The calls as far as `limit` tokens reach: the last one may end in the middle of its arguments."""
    kept: list[Call] = []
    for call in calls:
        room = limit - count(call.name)
        if room < 0:
            break
        kept.append(Call(call.id, call.name, cut(call.arguments, room)))
        limit = room - count(call.arguments)
        if limit < 0:
            break
    return tuple(kept)
