"""When an overlay rule applies to a request: the `when` of a row, in README.md's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MISSING = object()
_STEP = re.compile(r"([^.\[\]]+)|\[(\*|-?\d+)\]")
_TESTS = ("null", "list", "string", "object", "empty", "absent")


def values(data: Any, path: str) -> list[Any]:
    """What stands at `path` ("messages[*].role", "tools[0].function.name"); MISSING for each place without it."""
    found = [data]
    for name, index in _STEP.findall(path):
        found = [inner for outer in found for inner in _inside(outer, name, index)]
    return found


def _inside(outer: Any, name: str, index: str) -> list[Any]:
    if name:
        return [outer.get(name, MISSING) if isinstance(outer, dict) else MISSING]
    items = outer if isinstance(outer, list) else []
    if index == "*":
        return list(items)
    at = int(index)
    return [items[at] if -len(items) <= at < len(items) else MISSING]


def holds(data: Any, test: str) -> bool:
    """Whether one of `has` holds: "path", "path=value" (a string or JSON), or "path:null" and the other `_TESTS`."""
    path, equals, value = test.partition("=")
    if equals:
        return any(item is not MISSING and (item == value or _is_json(item, value)) for item in values(data, path))
    path, colon, kind = test.rpartition(":")
    if colon and kind in _TESTS:
        return any(_is_kind(item, kind) for item in values(data, path))
    return any(item is not MISSING for item in values(data, test))


def _is_json(item: Any, value: str) -> bool:
    try:
        return bool(json.loads(value) == item) and not isinstance(item, str)
    except ValueError:
        return False


def _is_kind(item: Any, kind: str) -> bool:
    if kind == "absent":
        return item is MISSING
    if item is MISSING:
        return False
    kinds = {"null": type(None), "list": list, "string": str, "object": dict}
    return isinstance(item, kinds[kind]) if kind in kinds else item == "" or item == []


def prompt_chars(body: dict[str, Any]) -> int:
    """The characters of messages (or input) and tools as JSON, which is what a server has to read."""
    parts = [body[name] for name in ("messages", "input", "system", "instructions", "tools") if name in body]
    return sum(len(json.dumps(part, ensure_ascii=False)) for part in parts)


def output_limit(body: dict[str, Any]) -> int:
    """The output limit that the request asks for, in tokens; 0 for none."""
    limits = [body.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    return max((limit for limit in limits if isinstance(limit, int)), default=0)


def matches(when: dict[str, Any], *, method: str, route: str, body: dict[str, Any], headers: dict[str, str]) -> bool:
    """Whether every condition of `when` is met. Raises KeyError for a condition that is not known."""
    told = {"method": method, "route": route, "headers": headers}
    return all(_CONDITIONS[name](wanted, told, body) for name, wanted in when.items())


def _schemas(body: dict[str, Any]) -> Iterator[Any]:
    for tool in body.get("tools") or []:
        if isinstance(tool, dict):
            function = tool.get("function", tool)
            yield function.get("parameters") if isinstance(function, dict) else None


def _names(body: dict[str, Any]) -> list[str]:
    found = [*values(body, "tools[*].function.name"), *values(body, "tools[*].name")]
    return [name for name in found if isinstance(name, str)]


def _has_key(data: Any, key: str) -> bool:
    if isinstance(data, dict):
        return key in data or any(_has_key(value, key) for value in data.values())
    return isinstance(data, list) and any(_has_key(item, key) for item in data)


def _past_arguments_broken(body: dict[str, Any]) -> bool:
    for arguments in values(body, "messages[*].tool_calls[*].function.arguments"):
        try:
            json.loads(arguments if isinstance(arguments, str) else "")
        except ValueError:
            if arguments is not MISSING:
                return True
    return False


def _second_turn(body: dict[str, Any]) -> bool:
    return holds(body, "messages[*].role=tool") or holds(body, "messages[*].role=assistant")


def _late_system(body: dict[str, Any]) -> bool:
    roles = values(body, "messages[*].role")
    return "system" in roles[1:]


_CONDITIONS: dict[str, Any] = {
    "route": lambda wanted, told, body: told["route"] == wanted,
    "method": lambda wanted, told, body: told["method"] == wanted,
    "stream": lambda wanted, told, body: bool(body.get("stream")) is wanted,
    "has": lambda wanted, told, body: all(holds(body, test) for test in wanted),
    "any": lambda wanted, told, body: any(holds(body, test) for test in wanted),
    "lacks": lambda wanted, told, body: not any(holds(body, test) for test in wanted),
    "model_not": lambda wanted, told, body: body.get("model") not in (None, wanted),
    "min_prompt_chars": lambda wanted, told, body: prompt_chars(body) >= wanted,
    "output_above": lambda wanted, told, body: output_limit(body) > wanted,
    "sum_tokens_above": lambda wanted, told, body: prompt_chars(body) // 4 + (output_limit(body) or 100) > wanted,
    "tools_above": lambda wanted, told, body: len(body.get("tools") or []) > wanted,
    "tool_name_above": lambda wanted, told, body: any(len(name) > wanted for name in _names(body)),
    "tool_type_not": lambda wanted, told, body: any(
        kind not in (wanted, MISSING) for kind in values(body, "tools[*].type")
    ),
    "schema_key": lambda wanted, told, body: any(_has_key(schema, wanted) for schema in _schemas(body)),
    "second_turn": lambda wanted, told, body: _second_turn(body) is wanted,
    "late_system": lambda wanted, told, body: _late_system(body) is wanted,
    "past_arguments_broken": lambda wanted, told, body: _past_arguments_broken(body) is wanted,
    "header_absent": lambda wanted, told, body: wanted.lower() not in told["headers"],
}
