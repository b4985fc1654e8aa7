"""The tools that a request offers, and the choice it makes among them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from cab_check.demo.conversation import Tool
from cab_check.demo.errors import invalid
from cab_check.demo.schema import complaint

Choice = Literal["auto", "none", "required"]
CHOICES: tuple[Choice, ...] = ("auto", "none", "required")
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


def read_tools(body: dict[str, Any]) -> tuple[Tool, ...]:
    """The offered tools. Raises ApiError 400 for the first one that no model could be told about."""
    given = body.get("tools", [])
    if not isinstance(given, list):
        raise invalid("tools", "'tools' must be a list.", "invalid_type")
    return tuple(_tool(item, f"tools[{index}]") for index, item in enumerate(given))


def _tool(item: Any, at: str) -> Tool:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind != "function":
        raise invalid(f"{at}.type", f"{at}.type is {kind!r}; only 'function' is supported.", "invalid_value")
    function = item.get("function")
    if not isinstance(function, dict):
        raise invalid(f"{at}.function", f"{at}.function is missing.", "missing_required_parameter")
    name, text, schema = function.get("name"), function.get("description"), function.get("parameters")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(f"{at}.function.name", f"{at}.function.name must match {_NAME.pattern}.", "invalid_value")
    if not isinstance(text or "", str):
        raise invalid(f"{at}.function.description", f"{at}.function.description must be a string.", "invalid_type")
    wrong = complaint(schema) if schema is not None else None
    if wrong is None and schema and schema.get("type", "object") != "object":
        wrong = f"its type is {schema['type']!r}, not 'object'"
    if wrong is not None:
        raise invalid(
            f"{at}.function.parameters",
            f"Invalid schema for function {name!r}: {wrong}.",
            "invalid_function_parameters",
        )
    return Tool(name, text or "", schema or {})


def read_choice(body: dict[str, Any], tools: Iterable[Tool]) -> tuple[Choice, str | None]:
    """How tools are to be used, and which one if one is named. Raises ApiError 400 if that cannot be done."""
    choice, names = body.get("tool_choice", "auto"), [tool.name for tool in tools]
    if isinstance(choice, str) and choice in CHOICES:
        if choice == "required" and not names:
            raise invalid("tool_choice", "'tool_choice' is 'required', but no tools are offered.")
        return choice, None
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise invalid(
            "tool_choice", f"'tool_choice' must be one of {', '.join(CHOICES)}, or name a function.", "invalid_value"
        )
    if name not in names:
        raise invalid("tool_choice", f"'tool_choice' names the function {name!r}, which 'tools' does not offer.")
    return "required", name
