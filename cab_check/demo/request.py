"""The body of a chat completion request: read, checked field by field, and turned into a `ChatRequest`.

Null counts as absent everywhere, as in the APIs that this one imitates; fields that nobody knows are ignored.
"""

from __future__ import annotations

import json
from typing import Any, Literal, cast, get_args

from cab_check.demo.conversation import Call, ChatRequest, Message, Role
from cab_check.demo.errors import ApiError, invalid
from cab_check.demo.parameters import check_parameters, whole_number
from cab_check.demo.tools import read_choice, read_tools

ROLES = get_args(Role)


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises ApiError 400 if there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as failure:
        raise ApiError(400, f"The body of the request is not JSON: {failure}", code="invalid_json") from failure
    if not isinstance(value, dict):
        raise ApiError(400, "The body of the request must be a JSON object.", code="invalid_json")
    return {name: item for name, item in value.items() if item is not None}


def read_request(body: dict[str, Any]) -> ChatRequest:
    """`body` as a request. Raises ApiError 400 for the first field that does not hold."""
    check_parameters(body)
    messages = _messages(body)
    tools = read_tools(body)
    choice, named = read_choice(body, tools)
    stream = body.get("stream", False)
    json_mode, json_schema = _format(body.get("response_format", {"type": "text"}))
    return ChatRequest(
        messages=messages,
        tools=tools,
        choice=choice,
        named=named,
        parallel=body.get("parallel_tool_calls", True),
        max_tokens=whole_number(body, "max_completion_tokens") or whole_number(body, "max_tokens"),
        stop=_stop(body.get("stop", [])),
        json_mode=json_mode,
        json_schema=json_schema,
        stream=stream,
        include_usage=_include_usage(body.get("stream_options"), stream),
    )


def _messages(body: dict[str, Any]) -> tuple[Message, ...]:
    given = body.get("messages")
    if given is None:
        raise invalid("messages", "Missing required parameter: 'messages'.", "missing_required_parameter")
    if not isinstance(given, list):
        raise invalid("messages", "'messages' must be a list.", "invalid_type")
    if not given:
        raise invalid("messages", "'messages' is empty: at least one message is needed.", "empty_array")
    messages: list[Message] = []
    called: set[str] = set()
    for index, item in enumerate(given):
        message = _message(item, f"messages[{index}]")
        if message.role == "tool" and message.call_id not in called:
            where = f"messages[{index}].tool_call_id"
            raise invalid(where, f"{where} is {message.call_id!r}, a tool call that no earlier assistant message made.")
        called.update(call.id for call in message.calls)
        messages.append(message)
    return tuple(messages)


def _message(item: Any, at: str) -> Message:
    if not isinstance(item, dict):
        raise invalid(at, f"{at} must be an object.", "invalid_type")
    role = item.get("role")
    if role not in ROLES:
        raise invalid(f"{at}.role", f"{at}.role is {role!r}; it must be one of {', '.join(ROLES)}.", "invalid_value")
    calls = _calls(item.get("tool_calls"), f"{at}.tool_calls") if role == "assistant" else ()
    if item.get("content") is None and not (role == "assistant" and calls):
        raise invalid(
            f"{at}.content", f"{at}.content is missing; only an assistant that calls a tool may leave it out."
        )
    call_id = item.get("tool_call_id") if role == "tool" else ""
    if not isinstance(call_id, str) or (role == "tool" and not call_id):
        raise invalid(f"{at}.tool_call_id", f"{at} has the role 'tool' and needs a 'tool_call_id'.")
    return Message(cast("Role", role), _text(item.get("content"), f"{at}.content"), calls, call_id)


def _text(content: Any, at: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise invalid(at, f"{at} must be a string or a list of parts.", "invalid_type")
    return "\n".join(_part(part, f"{at}[{index}]") for index, part in enumerate(content))


def _part(part: Any, at: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in ("text", "refusal"):
        raise invalid(at, f"{at} is of type {kind!r}; this model takes parts of type 'text' only.", "invalid_value")
    text = part.get(kind)
    if not isinstance(text, str):
        raise invalid(f"{at}.{kind}", f"{at}.{kind} must be a string.", "invalid_type")
    return text


def _calls(given: Any, at: str) -> tuple[Call, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise invalid(at, f"{at} must be a list.", "invalid_type")
    return tuple(_call(item, f"{at}[{index}]") for index, item in enumerate(given))


def _call(item: Any, at: str) -> Call:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict) or item.get("type", "function") != "function":
        raise invalid(at, f"{at} must be an object of type 'function' with a 'function'.", "invalid_type")
    for holder, where in ((item, at), (function, f"{at}.function")):
        for name in ("id",) if holder is item else ("name", "arguments"):
            if not isinstance(holder.get(name), str):
                raise invalid(f"{where}.{name}", f"{where}.{name} must be a string.", "invalid_type")
    return Call(item["id"], function["name"], function["arguments"])


def _stop(given: Any) -> tuple[str, ...]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or len(words) > 4 or not all(isinstance(word, str) for word in words):
        raise invalid("stop", "'stop' must be a string or a list of at most 4 strings.", "invalid_type")
    return tuple(word for word in words if word)


def _include_usage(options: Any, stream: bool) -> bool:
    if options is None:
        return False
    if not stream:
        raise invalid("stream_options", "'stream_options' is only allowed when 'stream' is true.")
    usage = (options.get("include_usage") or False) if isinstance(options, dict) else None
    if not isinstance(usage, bool):
        raise invalid("stream_options", "'stream_options' is an object with a boolean 'include_usage'.", "invalid_type")
    return usage


def _format(given: Any) -> tuple[bool, dict[str, Any] | None]:
    kind: Literal["text", "json_object", "json_schema"] | None = given.get("type") if isinstance(given, dict) else None
    if kind == "json_schema":
        wrapped = given.get("json_schema")
        schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
        if not isinstance(schema, dict):
            raise invalid("response_format.json_schema", "'response_format.json_schema' needs a 'schema' object.")
        return True, schema
    if kind not in ("text", "json_object"):
        raise invalid(
            "response_format", "'response_format.type' must be 'text', 'json_object' or 'json_schema'.", "invalid_value"
        )
    return kind == "json_object", None
