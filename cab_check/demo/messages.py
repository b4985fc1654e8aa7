"""The demo's /v1/messages: the same model behind Anthropic's API, streamed or not, and its count of tokens.

https://docs.anthropic.com/en/api/messages, .../messages-streaming and .../messages-count-tokens
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cab_check.demo.completion import Completion, complete
from cab_check.demo.encode import DELTA, MODEL
from cab_check.demo.errors import ApiError, invalid
from cab_check.demo.http import HttpReply, compact
from cab_check.demo.request import read_request
from cab_check.demo.tokens import count_prompt

MESSAGES = "/v1/messages"
COUNT_TOKENS = f"{MESSAGES}/count_tokens"
_SAME = ("model", "stream", "temperature", "top_p", "max_tokens")
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large"}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def reply_to(body: dict[str, Any], context_tokens: int) -> HttpReply:
    """The reply to the request `body`. Raises ApiError 400 for the first field that does not hold."""
    if "max_tokens" not in body:
        raise invalid("max_tokens", "max_tokens: Field required")
    asked = read_request(as_chat(body))
    return encode(complete(asked, context_tokens), stream=asked.stream)


def encode(completion: Completion, *, stream: bool) -> HttpReply:
    """The reply that says `completion`."""
    if stream:
        return HttpReply(200, events=tuple(_events(completion)))
    return HttpReply(200, _message(completion))


def count_tokens(body: dict[str, Any]) -> HttpReply:
    """What the request would cost before the model says a word."""
    return HttpReply(200, {"input_tokens": count_prompt(read_request(as_chat(body)))})


def refusal(error: ApiError) -> HttpReply:
    """An error in this API's form."""
    kind = _TYPES.get(error.status, "invalid_request_error")
    return HttpReply(
        error.status, {"type": "error", "error": {"type": kind, "message": error.message}}, headers=error.headers
    )


# --- the request -----------------------------------------------------------------------------------------------------


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """`body` as the chat completions request that says the same."""
    given = body.get("messages")
    if not isinstance(given, list):
        raise invalid("messages", "messages: a list is required")
    messages = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    for number, item in enumerate(given):
        messages += _messages(item, f"messages.{number}")
    chat = {name: body[name] for name in _SAME if name in body}
    if "stop_sequences" in body:
        chat["stop"] = body["stop_sequences"]
    return chat | {"messages": messages} | _tools(body)


def _messages(item: Any, at: str) -> list[dict[str, Any]]:
    """One message as chat completions have it: results of tools before it, each a message of its own."""
    role, content = (item.get("role"), item.get("content")) if isinstance(item, dict) else (None, None)
    if role not in ("user", "assistant", "system") or content is None:
        raise invalid(at, f"{at}: a role (user, assistant, system) and content are required")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise invalid(at, f"{at}.content: a string or a list of blocks is required")
    found: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for number, block in enumerate(blocks):
        kind = block.get("type")
        if kind == "tool_result" and role == "user":
            found.append(
                {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": block.get("content", "")}
            )
        elif kind == "tool_use" and role == "assistant":
            calls.append(_call(block))
        elif kind == "text":
            said.append({"type": "text", "text": block.get("text")})
        elif kind not in ("thinking", "redacted_thinking"):
            raise invalid(at, f"{at}.content.{number}: blocks of type {kind!r} are not supported in a {role} message")
    if said or calls:
        found.append({"role": role, "content": said or None, **({"tool_calls": calls} if calls else {})})
    return found


def _call(block: dict[str, Any]) -> dict[str, Any]:
    function = {"name": block.get("name"), "arguments": compact(block.get("input") or {})}
    return {"id": block.get("id"), "function": function}


def _tools(body: dict[str, Any]) -> dict[str, Any]:
    """Tools with a schema; those that the API's owner would run itself are taken and left unused."""
    given = body.get("tools", [])
    own = (
        [tool for tool in given if isinstance(tool, dict) and "input_schema" in tool] if isinstance(given, list) else []
    )
    functions = [
        {"name": tool.get("name"), "description": tool.get("description"), "parameters": tool["input_schema"]}
        for tool in own
    ]
    chat: dict[str, Any] = {"tools": [{"type": "function", "function": function} for function in functions]}
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return chat
    chat["parallel_tool_calls"] = not choice.get("disable_parallel_tool_use", False)
    named = {"type": "function", "function": {"name": choice.get("name")}}
    return chat | {"tool_choice": named if choice.get("type") == "tool" else _CHOICES.get(str(choice.get("type")))}


# --- the reply -------------------------------------------------------------------------------------------------------


def _message(completion: Completion) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if completion.reasoning:
        blocks.append({"type": "thinking", "thinking": completion.reasoning, "signature": "c2lnbmVk"})
    if completion.text or not (completion.calls or completion.reasoning):
        blocks.append({"type": "text", "text": completion.text})
    for call in completion.calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)})
    usage = {"input_tokens": completion.prompt_tokens, "output_tokens": completion.completion_tokens}
    return {
        "id": completion.id.replace("chatcmpl-", "msg_"),
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": blocks,
        "stop_reason": _STOPS[completion.finish_reason],
        "stop_sequence": None,
    } | ({"usage": usage} if completion.counted else {})


def _input(arguments: str) -> Any:
    """The arguments as an object; a call that the limit cut in the middle has none."""
    try:
        return json.loads(arguments)
    except (ValueError, TypeError):
        return {}


_PIECES: dict[str, tuple[str, Any, str, str]] = {
    "text": ("text", "", "text_delta", "text"),
    "thinking": ("thinking", "", "thinking_delta", "thinking"),
    "tool_use": ("input", {}, "input_json_delta", "partial_json"),
}
"""Kinds of blocks -> the field that comes in pieces, what it is at first, and the type and the field of its pieces."""


def _events(completion: Completion) -> Iterator[dict[str, Any]]:
    whole = _message(completion)
    prompt = {"input_tokens": completion.prompt_tokens, "output_tokens": 1}
    begun = {**whole, "content": [], "stop_reason": None} | ({"usage": prompt} if completion.counted else {})
    yield {"type": "message_start", "message": begun}
    arguments = iter([call.arguments for call in completion.calls])
    for index, block in enumerate(whole["content"]):
        field, empty, kind, name = _PIECES[block["type"]]
        yield {"type": "content_block_start", "index": index, "content_block": {**block, field: empty}}
        for piece in DELTA.findall(str(next(arguments)) if field == "input" else block[field]):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: piece}}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    counts = {"usage": {"output_tokens": completion.completion_tokens}} if completion.counted else {}
    yield {"type": "message_delta", "delta": end, **counts}
    yield {"type": "message_stop"}
