"""Faults of messages: roles, their order, forms of content, fields and past calls that are refused or dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from cab_check.demo.faults.calls import each_call
from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.parts import (
    Body,
    When,
    both,
    edit,
    error,
    has_result,
    messages,
    on_chat,
    past_calls,
    text_of,
)
from cab_check.demo.http import HttpReply

_NINE = re.compile(r"[a-zA-Z0-9]{9}")


def _roles(body: Body) -> list[str]:
    return [str(item.get("role")) for item in messages(body)]


def _follows(first: Iterable[str], second: str) -> When:
    """Whether a message of role `second` comes right after one of `first`."""

    def when(body: Body) -> bool:
        roles = _roles(body)
        return any(a in first and b == second for a, b in pairwise(roles))

    return when


def _content(kind: str, content: object) -> bool:
    parts = content if isinstance(content, list) else None
    return {
        "empty": content == "",
        "empty-list": parts == [],
        "blank-text-part": bool(parts) and any(not text_of([part]).strip() for part in parts or ()),
        "parts": bool(parts),
    }[kind]


def _holds(kind: str, *roles: str) -> When:
    """Whether a message, of one of `roles` if any are named, has content of this form."""
    return lambda body: any(
        "content" in item and (not roles or item.get("role") in roles) and _content(kind, item["content"])
        for item in messages(body)
    )


def _unanswered(body: Body) -> bool:
    """Whether a past call has no result."""
    answered = {item.get("tool_call_id") for item in messages(body)}
    return any(call.get("id") not in answered for call in past_calls(body))


def _damaged(body: Body) -> bool:
    """Whether the arguments of a past call are no JSON object."""
    for call in past_calls(body):
        function = call.get("function")
        try:
            value = json.loads(function.get("arguments", "")) if isinstance(function, dict) else None
        except (ValueError, TypeError):
            return True
        if not isinstance(value, dict):
            return True
    return False


def _late_system(body: Body) -> bool:
    return "system" in _roles(body)[1:] or "developer" in _roles(body)[1:]


def _deaf_to(role: str) -> Fault:
    """The text of a role is emptied before the model sees it."""

    def change(body: Body) -> None:
        body["messages"] = [item for item in messages(body) if item.get("role") != role] or body["messages"]

    return Fault(
        f"role-ignored-{role}",
        "role-ignored",
        f"Messages of the role {role} are accepted and never reach the model.",
        before=edit(change, lambda body: role in _roles(body)),
        subject=role,
    )


def _refused(code: str, subject: str, says: str, when: When, answer: HttpReply) -> Fault:
    return Fault(f"{code}-{subject}", code, says, after=on_chat(answer, when), subject=subject)


def _unknown(words: str) -> HttpReply:
    return error(400, words, type="invalid_request_error")


def _shorten(call: dict[str, Any]) -> None:
    """The last nine letters or digits of an id, as Mistral's servers make them."""
    if isinstance(call.get("id"), str):
        call["id"] = re.sub(r"[^a-zA-Z0-9]", "", call["id"])[-9:]


_NOT_NINE = on_chat(
    error(
        400,
        "Tool call id must be a-z, A-Z, 0-9, with a length of 9.",
        type="invalid_request_message_order",
    ),
    lambda body: any(not _NINE.fullmatch(str(call.get("id"))) for call in past_calls(body)),
)


FAULTS = (
    Fault(
        "template-error",
        "template-error",
        "The chat template fails on a message that brings a tool's result.",
        after=on_chat(error(500, "Jinja Exception: no such attribute", type="server_error"), has_result),
    ),
    _refused(
        "role-rejected",
        "developer",
        "The role developer is refused.",
        lambda body: "developer" in _roles(body),
        _unknown("developer is not one of ['system', 'assistant', 'user', 'tool'] - 'messages.0.role'"),
    ),
    _refused(
        "role-rejected",
        "system",
        "The role system is refused, as by templates that know user and assistant only.",
        lambda body: "system" in _roles(body),
        _unknown("System role not supported"),
    ),
    _refused(
        "role-rejected",
        "tool",
        "The role tool is refused: the first turn works, the second does not.",
        lambda body: "tool" in _roles(body),
        _unknown("Unexpected message role: tool"),
    ),
    _refused(
        "role-rejected",
        "many-systems",
        "A second system message is refused.",
        lambda body: _roles(body).count("system") > 1,
        _unknown("Only one system message is allowed."),
    ),
    _deaf_to("system"),
    _deaf_to("developer"),
    _refused(
        "role-order-rejected",
        "user-user",
        "Two user messages in a row are refused.",
        _follows(("user",), "user"),
        _unknown("Conversation roles must alternate user/assistant/user/assistant/..."),
    ),
    _refused(
        "role-order-rejected",
        "user-after-tool",
        "A user message right after a tool's result is refused.",
        _follows(("tool",), "user"),
        _unknown("Unexpected role 'user' after role 'tool'"),
    ),
    _refused(
        "role-order-rejected",
        "trailing-assistant",
        "A request that ends with an assistant's message is refused.",
        lambda body: _roles(body)[-1:] == ["assistant"],
        _unknown("Assistant response prefill is incompatible with this model."),
    ),
    _refused(
        "role-order-rejected",
        "late-system",
        "A system message that is not the first message is refused.",
        _late_system,
        _unknown("System message must be at the beginning."),
    ),
    _refused(
        "role-order-rejected",
        "tool-unanswered",
        "A past call without a result is refused.",
        _unanswered,
        _unknown("An assistant message with 'tool_calls' must be followed by tool messages for each 'tool_call_id'."),
    ),
    _refused(
        "content-form-rejected",
        "null",
        "Content that is null is refused, also where the message carries tool calls.",
        lambda body: any("content" in item and item["content"] is None for item in messages(body)),
        _unknown("invalid message content type: <nil>"),
    ),
    _refused(
        "content-form-rejected",
        "missing",
        "A message without the field content is refused, also where it carries tool calls.",
        lambda body: any("content" not in item for item in messages(body)),
        _unknown("Field required: 'content'"),
    ),
    _refused(
        "content-form-rejected",
        "empty",
        "Content that is an empty string is refused.",
        _holds("empty"),
        _unknown("Messages must have non-empty content."),
    ),
    _refused(
        "content-form-rejected",
        "empty-list",
        "Content that is an empty list is refused.",
        _holds("empty-list"),
        _unknown("Content must hold at least one part."),
    ),
    _refused(
        "content-form-rejected",
        "blank-text-part",
        "A text part that holds only blanks is refused.",
        _holds("blank-text-part"),
        _unknown("messages: text content blocks must be non-empty"),
    ),
    _refused(
        "content-form-rejected",
        "parts",
        "Content that is a list of parts is refused.",
        _holds("parts"),
        _unknown('can only concatenate str (not "list") to str'),
    ),
    _refused(
        "content-form-rejected",
        "tool-parts",
        "Content that is a list of parts is refused in a tool's result, and taken elsewhere.",
        _holds("parts", "tool"),
        _unknown("The content of a tool message must be a string."),
    ),
    *(
        _refused(
            "message-field-rejected",
            name,
            f"A message with the field {name} is refused.",
            lambda body, name=name: any(name in item for item in messages(body)),  # type: ignore[misc]
            _unknown(
                f"[{{'type': 'extra_forbidden', 'loc': ('body', 'messages', 0, '{name}'), "
                "'msg': 'Extra inputs are not permitted'}]"
            ),
        )
        for name in ("name", "refusal")
    ),
    _refused(
        "message-field-rejected",
        "provider_specific_fields",
        "A message with a field that a client has added is refused.",
        lambda body: any("provider_specific_fields" in item for item in messages(body)),
        _unknown("messages.2.provider_specific_fields: Extra inputs are not permitted"),
    ),
    _refused(
        "message-field-rejected",
        "index",
        "A past tool call with the number that it had in the stream is refused.",
        lambda body: any("index" in call for call in past_calls(body)),
        _unknown("messages.2.tool_calls.0.index: Extra inputs are not permitted"),
    ),
    _refused(
        "message-field-rejected",
        "tool_calls",
        "A past message with more than one tool call is refused.",
        lambda body: any(len(item.get("tool_calls") or ()) > 1 for item in messages(body)),
        error(400, "Only one call in a message is possible here."),
    ),
    Fault(
        "history-arguments-rejected",
        "history-arguments-rejected",
        "A past tool call whose arguments are not JSON makes the request fail, and every later one with it.",
        after=on_chat(error(400, "Expecting ',' delimiter: line 1 column 24 (char 23)"), _damaged),
    ),
    Fault(
        "tool-call-id-rejected",
        "tool-call-id-rejected",
        "A past tool call is refused unless its id is nine letters or digits, as the server's own are.",
        after=both(_NOT_NINE, each_call(_shorten)),
        subject="9 letters or digits",
    ),
)
