"""Faults of long prompts: cut in silence, refused, crashing, slow."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.params import limit_of
from cab_check.demo.faults.parts import Body, asked, edit, error, messages, on_chat, text_of, written
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.demo.tokens import BYTES_PER_TOKEN, count

_TOKENS = 4_096
_WITH_OUTPUT = 16_384
_PREFILL_S = 0.02
"""Seconds per token of the prompt: 50 tokens in a second, as a large model on a laptop."""


def tokens_of(body: Body) -> int:
    """The size of a prompt in the demo's tokens, near enough: its messages and tools as JSON."""
    return count(json.dumps([body.get("messages"), body.get("tools") or []], ensure_ascii=False))


def _long(body: Body) -> bool:
    return tokens_of(body) > _TOKENS


def _texts(body: Body) -> list[dict[str, Any]]:
    return [item for item in messages(body) if text_of(item.get("content"))]


def _beginning_lost(body: Body) -> None:
    """The texts of the messages, cut from the first one on until the rest fits."""
    excess = sum(len(text_of(item["content"])) for item in _texts(body)) - _TOKENS * BYTES_PER_TOKEN
    for item in _texts(body):
        if excess <= 0:
            return
        text = text_of(item["content"])
        item["content"] = text[excess:]
        excess -= len(text)


def _middle_lost(body: Body) -> None:
    """The texts of the messages as one, without what lies between its two ends."""
    excess = sum(len(text_of(item["content"])) for item in _texts(body)) - _TOKENS * BYTES_PER_TOKEN
    skip = _TOKENS * BYTES_PER_TOKEN // 2
    for item in _texts(body):
        if excess <= 0:
            return
        text = text_of(item["content"])
        kept, rest = text[:skip], text[skip:]
        skip -= len(kept)
        item["content"] = kept + rest[excess:]
        excess -= len(rest)


def _too_small(request: HttpRequest, reply: HttpReply) -> HttpReply:
    body = asked(request)
    if not body or reply.status != 200 or not _long(body):
        return reply
    return _exceeded(_TOKENS, f"your messages and tools result in {tokens_of(body)} tokens")


def _counts_output(request: HttpRequest, reply: HttpReply) -> HttpReply:
    body = asked(request)
    prompt, limit = tokens_of(body), limit_of(body) or 0
    if not body or reply.status != 200 or prompt + limit <= _WITH_OUTPUT:
        return reply
    return _exceeded(
        _WITH_OUTPUT,
        f"you requested {prompt + limit} tokens ({prompt} in the messages, {limit} in the completion)",
    )


def _exceeded(tokens: int, words: str) -> HttpReply:
    return error(
        400,
        f"This model's maximum context length is {tokens} tokens. However, {words}.",
        type="invalid_request_error",
        param="messages",
        code="context_length_exceeded",
    )


def _slow(request: HttpRequest, reply: HttpReply) -> HttpReply:
    body = asked(request)
    if not body or reply.status != 200:
        return reply
    wait_s = reply.delivery.wait_s + tokens_of(body) * _PREFILL_S
    return replace(reply, delivery=replace(reply.delivery, wait_s=wait_s))


FAULTS = (
    Fault(
        "context-truncated-silently",
        "context-truncated-silently",
        f"Of prompts above {_TOKENS} tokens the beginning is dropped, under status 200.",
        before=edit(_beginning_lost, _long),
        subject=str(_TOKENS),
    ),
    Fault(
        "context-truncated-silently-middle",
        "context-truncated-silently",
        f"Of prompts above {_TOKENS} tokens the middle is dropped, under status 200: both ends arrive.",
        before=edit(_middle_lost, _long),
        subject=str(_TOKENS),
    ),
    Fault(
        "context-too-small",
        "context-too-small",
        f"Prompts above {_TOKENS} tokens are refused, in words that name the limit.",
        after=_too_small,
        subject=str(_TOKENS),
    ),
    Fault(
        "context-counts-output",
        "context-counts-output",
        f"Prompt and output limit together must stay within {_WITH_OUTPUT} tokens; a smaller limit passes.",
        after=_counts_output,
    ),
    Fault(
        "context-overflow-unclear",
        "context-overflow-unclear",
        f"Prompts above {_TOKENS} tokens end in a 500 that says nothing.",
        after=on_chat(written(500, b"Internal Server Error", "text/plain"), _long),
    ),
    Fault(
        "first-token-slow",
        "first-token-slow",
        f"Every token of the prompt costs {_PREFILL_S * 1000:.0f} ms before the reply begins, as without a GPU.",
        after=_slow,
    ),
)
