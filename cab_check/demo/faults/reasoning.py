"""Faults of reasoning: where it stands, whether it may, must or cannot come back, and what it uses up."""

from __future__ import annotations

from typing import Any

from cab_check.demo.faults.calls import each_call
from cab_check.demo.faults.chat import around
from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.params import limit_of
from cab_check.demo.faults.parts import (
    Body,
    When,
    always,
    both,
    chunks,
    delta_event,
    edit,
    error,
    is_usage,
    message,
    messages,
    on_chat,
    past_calls,
    plain,
    speak,
)
from cab_check.demo.http import DONE

_THOUGHT = "The user wants this done as it is asked. I will do it in one step."
_LONGEST = 8_192
_SIGNED = {"google": {"thought_signature": "c2lnbmVkLWJ5LXRoZS1kZW1v"}}


def _thinks(field: str) -> After:
    """Reasoning before every reply, in this field."""

    def in_stream(events: list[Any]) -> list[Any]:
        return [*events[:1], delta_event(events, {field: _THOUGHT}), *events[1:]]

    return both(plain(lambda value: message(value).update({field: _THOUGHT})), chunks(in_stream))


def _hears(*fields: str) -> Any:
    """Reasoning that the client sends back stands before the model, as a sound server's template puts it there."""

    def change(body: Body) -> None:
        for item in messages(body):
            for field in fields:
                if isinstance(item.get(field), str) and isinstance(item.get("content") or "", str):
                    item["content"] = f"<think>{item[field]}</think>{item.get('content') or ''}"

    return edit(change)


def _past(body: Body) -> list[dict[str, Any]]:
    """The assistant's messages that made calls."""
    return [item for item in messages(body) if item.get("role") == "assistant" and item.get("tool_calls")]


def _small(body: Body) -> bool:
    return (limit_of(body) or _LONGEST + 1) <= _LONGEST


def _nothing_else(reason: str, when: When = always) -> After:
    """Reasoning, and neither text nor call after it."""

    def in_plain(value: Any) -> None:
        speak(value, "", reason)
        message(value).update(reasoning_content=_THOUGHT)

    def in_stream(events: list[Any]) -> list[Any]:
        usage = [event for event in events if is_usage(event)]
        thought = delta_event(events, {"role": "assistant", "reasoning_content": _THOUGHT})
        return [thought, delta_event(events, {}, reason), *usage, DONE]

    return both(plain(in_plain, when), chunks(in_stream, when))


FAULTS = (
    Fault(
        "reasoning-in-text",
        "reasoning-in-text",
        "The model's reasoning stands in the text, in think tags.",
        after=around(f"<think>{_THOUGHT}</think>", ""),
    ),
    *(
        Fault(
            f"reasoning-field-{field}",
            "reasoning-field",
            f"The model reasons, in the field {field}, which only some clients read.",
            before=_hears(field),
            after=_thinks(field),
            subject=field,
        )
        for field in ("reasoning_content", "reasoning")
    ),
    Fault(
        "reasoning-must-be-echoed",
        "reasoning-must-be-echoed",
        "The turn after a tool call is refused unless the client sends the reasoning back.",
        before=_hears("reasoning_content"),
        after=both(
            on_chat(
                error(
                    400,
                    "The `reasoning_content` in the thinking mode must be passed back to the API.",
                    type="invalid_request_error",
                ),
                lambda body: any(not item.get("reasoning_content") for item in _past(body)),
            ),
            _thinks("reasoning_content"),
        ),
        subject="reasoning_content",
    ),
    Fault(
        "reasoning-echo-refused",
        "reasoning-echo-refused",
        "A turn that sends the reasoning back is refused.",
        after=both(
            on_chat(
                error(
                    400,
                    "'messages.1' : for 'role:assistant' the following must be satisfied"
                    "[('messages.1' : property 'reasoning_content' is unsupported)]",
                    type="invalid_request_error",
                ),
                lambda body: any("reasoning_content" in item for item in messages(body)),
            ),
            _thinks("reasoning_content"),
        ),
        subject="reasoning_content",
    ),
    Fault(
        "reasoning-history-dropped",
        "reasoning-history-dropped",
        "The model reasons; what a client sends back of it is accepted and never reaches the model.",
        after=_thinks("reasoning_content"),
    ),
    Fault(
        "opaque-field-must-be-echoed",
        "opaque-field-must-be-echoed",
        "Tool calls carry a signature, and the next turn is refused without it, as by Gemini.",
        after=both(
            on_chat(
                error(
                    400,
                    "Function call is missing a thought_signature in functionCall parts.",
                ),
                lambda body: any(not call.get("extra_content") for call in past_calls(body)),
            ),
            each_call(lambda call: call.update(extra_content=_SIGNED)),
        ),
        subject="thought_signature",
    ),
    Fault(
        "empty-reply-reasoning",
        "empty-reply",
        "The model reasons, in the field reasoning_content, and says it is done: neither text nor call follows.",
        after=_nothing_else("stop"),
    ),
    Fault(
        "reasoning-exhausts-limit",
        "reasoning-exhausts-limit",
        f"Under an output limit of up to {_LONGEST} tokens the model reasons until the limit, and never answers.",
        after=_nothing_else("length", _small),
    ),
)
