"""A model that thinks, laid over the demo endpoint, and the rules that servers have for what it thought."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faulty_endpoint import Answer, Fault, Laid, asked, both, chunks, error, has_result, message, plain

from cab_check.demo.faults.table import FAULTS
from cab_check.demo.http import DONE, HttpReply, HttpRequest

THOUGHT = "The user wants the file; I will read it."
DETAILS = [{"type": "reasoning.encrypted", "data": "b3BhcXVl"}]
SIGNATURE = {"extra_content": {"google": {"thought_signature": "Cg1vcGFxdWUtYnl0ZXM="}}}


def thinks(field: str = "reasoning_content") -> Fault:
    """Reasoning in `field` of every reply, plain and streamed."""

    def in_plain(value: dict[str, Any]) -> None:
        message(value)[field] = THOUGHT

    def in_stream(events: list[Any]) -> list[Any]:
        first = next(event for event in events if event != DONE)
        thought = {**first, "choices": [{"index": 0, "delta": {field: THOUGHT}, "finish_reason": None}]}
        return [events[0], thought, *events[1:]]

    return both(plain(in_plain), chunks(in_stream))


def signs(value: dict[str, Any]) -> None:
    """A signature beside every call, as Gemini's OpenAI surface sends it."""
    for call in message(value).get("tool_calls") or ():
        call.update(SIGNATURE)


def echoes(body: dict[str, Any], word: str) -> bool:
    """Whether the assistant's messages hold `word`."""
    return any(word in json.dumps(item) for item in body["messages"] if item["role"] == "assistant")


def second_turn(when: Callable[[dict[str, Any]], bool], words: str) -> Fault:
    """Refuse second turns for which `when` holds."""

    def fault(request: HttpRequest, reply: HttpReply) -> Answer:
        body = asked(request)
        return error(400, words, type="invalid_request_error") if body and has_result(body) and when(body) else reply

    return fault


def spends(limit: int) -> Fault:
    """Nothing but reasoning under an output limit of up to `limit` tokens."""

    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if not body or body.get("max_tokens", limit + 1) > limit or reply.status != 200:
            return reply
        if reply.events is None:
            value = json.loads(json.dumps(reply.value))
            value["choices"][0].update(finish_reason="length", message={"role": "assistant", "content": None,
                                                                         "reasoning_content": THOUGHT})  # fmt: skip
            return HttpReply(200, value)
        first, *_ = reply.events
        usage = [event for event in reply.events if event != DONE and event.get("usage") and not event["choices"]]
        rows = [({"reasoning_content": THOUGHT}, None), ({}, "length")]
        body_ = [{**first, "choices": [{"index": 0, "delta": d, "finish_reason": f}]} for d, f in rows]
        return HttpReply(200, events=(*body_, *usage, DONE))

    return fault


def needs(word: str, words: str) -> Fault:
    return second_turn(lambda body: not echoes(body, word), words)


def hates(word: str, words: str) -> Fault:
    return second_turn(lambda body: echoes(body, word), words)


SIGNED = "Function call is missing a thought_signature in functionCall parts. This is required for tools to work."
CASES: dict[str, tuple[Fault, str, int]] = {
    "DeepSeek's words": (
        both(thinks(), needs(THOUGHT, "The reasoning_content in the thinking mode must be passed back to the API.")),
        "reasoning-must-be-echoed:reasoning_content",
        3,
    ),
    "needed, in no words": (
        both(thinks("reasoning"), needs(THOUGHT, "Bad Request")),
        "reasoning-must-be-echoed:reasoning",
        3,
    ),
    "refused, in Groq's words": (
        both(thinks("reasoning"), hates(THOUGHT, "'messages.1' : property 'reasoning' is unsupported")),
        "reasoning-echo-refused:reasoning",
        0,
    ),
    "refused, in no words": (
        both(thinks(), hates(THOUGHT, "Bad Request")),
        "reasoning-echo-refused:reasoning_content",
        0,
    ),
    "Gemini's words": (
        both(plain(signs), needs("thought_signature", SIGNED)),
        "opaque-field-must-be-echoed:thought_signature",
        3,
    ),
    "a field, in no words": (
        both(thinks(), both(plain(signs), needs("thought_signature", "Bad Request"))),
        "opaque-field-must-be-echoed:thought_signature",
        3,
    ),
    "details that are asked for": (
        both(
            plain(
                lambda value: message(value).update(reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}])
            ),
            needs("reasoning_details", "reasoning_details are required for this model"),
        ),
        "opaque-field-must-be-echoed:reasoning_details",
        3,
    ),
    "thinks to the end": (spends(10**6), "reasoning-exhausts-limit", 4),
}

THINKS = FAULTS["reasoning-field-reasoning_content"]
"""What is sent back of its reasoning stands before the model."""
SOUND: dict[str, Laid] = {
    "thinks and takes it back or not": THINKS,
    "thinks in the other field": FAULTS["reasoning-field-reasoning"],
    "signs its calls and asks for nothing": plain(signs),
    "thinks and signs": replace(THINKS, after=both(THINKS.after, plain(signs))),
    "thinks to the end of 1024 tokens only": spends(1024),
    "extra fields with nothing in them": plain(lambda v: message(v).update(reasoning_details=[], audio=None)),
    "too fast in the turn with its reasoning": both(
        thinks(),
        lambda request, reply: (
            error(429, "Rate limit reached for requests", type="requests")
            if asked(request) and echoes(asked(request), THOUGHT)
            else reply
        ),
    ),
}
