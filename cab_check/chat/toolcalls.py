"""What can be wrong with a finished tool call, streamed or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cab_check.chat.problems import Problems
from cab_check.chat.reply import ToolCall


def read_calls(value: Any, where: str, problems: Problems) -> tuple[ToolCall, ...]:
    """The calls of a message that came whole. null and an empty list both mean that there are none."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        problems.add("response-shape", where, value, "tool_calls")
        return ()
    return tuple(_read_call(item) for item in value)


def _read_call(item: dict[str, Any]) -> ToolCall:
    function = item.get("function")
    inner = function if isinstance(function, dict) else {}
    return ToolCall(
        id=item.get("id"),
        name=inner.get("name"),
        arguments=inner.get("arguments"),
        type=item.get("type", "function"),
        index=item.get("index"),
    )


def check_calls(
    calls: Sequence[ToolCall], where: str, subject: str, finish_reason: str | None, problems: Problems
) -> None:
    """Note what is wrong with `calls`; `where` is the path of the list, `subject` is `plain` or `stream`.

    Arguments cut at the output limit (finish reason `length`) are not JSON either, and that is nobody's fault.
    """
    seen: set[str] = set()
    for number, call in enumerate(calls):
        place = f"{where}[{number}]"
        check_id(call.id, f"{place}.id", subject, seen, problems)
        if finish_reason != "length":
            check_arguments(call.arguments, f"{place}.function.arguments", problems)


def check_id(value: Any, where: str, subject: str, seen: set[str], problems: Problems) -> None:
    """Note an id that is no text, or that stands among those `seen`, to which it is added."""
    if not isinstance(value, str) or not value:
        problems.add("tool-call-id-missing", where, value, subject)
    elif value in seen:
        problems.add("tool-call-id-repeated", where, value)
    else:
        seen.add(value)


def check_arguments(arguments: Any, where: str, problems: Problems) -> None:
    """Note arguments that are no string holding one JSON object."""
    if isinstance(arguments, (dict, list)):
        problems.add("tool-arguments-object", where, arguments)
        return
    if not isinstance(arguments, str) or not arguments.strip() or arguments.strip() == "null":
        problems.add("tool-arguments-empty", where, arguments)
        return
    value = _loads(arguments)
    if isinstance(value, str) and isinstance(_loads(value), dict):
        problems.add("tool-arguments-double-encoded", where, arguments)
    elif not isinstance(value, dict):
        problems.add("tool-arguments-invalid-json", where, arguments)


def check_finish(calls: Sequence[ToolCall], finish_reason: str | None, where: str, problems: Problems) -> None:
    """Note a finish reason that contradicts the calls. `stop` beside a call is what vLLM answers to a named tool."""
    if calls and finish_reason == "stop":
        problems.add("finish-reason-wrong", where, finish_reason, "stop-with-calls")
    if not calls and finish_reason == "tool_calls":
        problems.add("finish-reason-wrong", where, finish_reason, "tool_calls-without-calls")


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
