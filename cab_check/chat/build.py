"""Bodies of chat completions requests, as plain dicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cab_check.chat.reply import ToolCall

Message = dict[str, Any]


def chat(
    model: str,
    messages: Sequence[Message],
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    stream: bool = False,
    max_tokens: int | None = None,
    temperature: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A request body. What is None is left out; a stream also asks for its usage. `more` is added as it is."""
    optional = {
        "tools": list(tools) if tools is not None else None,
        "tool_choice": tool_choice,
        "stream": True if stream else None,
        "stream_options": {"include_usage": True} if stream else None,
        "max_tokens": max_tokens,
        "temperature": temperature,
    }
    body = {"model": model, "messages": list(messages)}
    return body | {name: value for name, value in optional.items() if value is not None} | more


def system(content: str) -> Message:
    """A system message."""
    return {"role": "system", "content": content}


def user(content: str) -> Message:
    """A user's message."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """An assistant's message."""
    return {"role": "assistant", "content": content}


def function_tool(
    name: str, description: str, properties: Mapping[str, Any] | None = None, required: Sequence[str] = ()
) -> dict[str, Any]:
    """One entry of `tools`. `properties` are JSON Schemas by name; without any the tool takes no arguments."""
    parameters: dict[str, Any] = {"type": "object", "properties": dict(properties or {})}
    if required:
        parameters["required"] = list(required)
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def named(name: str) -> dict[str, Any]:
    """The `tool_choice` that asks for one tool."""
    return {"type": "function", "function": {"name": name}}


def assistant_calls(calls: Sequence[ToolCall], content: str | None = None) -> Message:
    """The assistant's message sent back as history, its calls with the id and arguments that the server gave."""
    return {"role": "assistant", "content": content, "tool_calls": [_echo(call) for call in calls]}


def tool_result(call: ToolCall, content: str) -> Message:
    """The answer to `call`."""
    return {"role": "tool", "tool_call_id": call.id, "content": content}


def _echo(call: ToolCall) -> dict[str, Any]:
    """A call as a client stores it. Arguments that came as an object become text, the only form requests allow."""
    arguments = call.arguments
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments if arguments is not None else {}, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
