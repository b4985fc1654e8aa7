"""Text as a value of the type that a schema wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cab_check.demo.schema import kind_of

_PYTHON: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "string": (str,),
}
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def fit(text: str, schema: Mapping[str, Any]) -> Any:
    """`text` as the value that `schema` wants, or None if it cannot be one."""
    kind = kind_of(schema)
    value: Any = text
    if kind in ("integer", "number", "object"):
        value = _json(text)
    elif kind == "boolean":
        value = _WORDS.get(text.lower())
    elif kind == "array":
        value = _array(text, schema)
    return value if _is(value, kind) and value in schema.get("enum", [value]) else None


def fits(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether `text` can be a value of `schema`, as far as type, enum and length go."""
    value = fit(text, schema)
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return value is not None


def _array(text: str, schema: Mapping[str, Any]) -> Any:
    value = _json(text)
    if isinstance(value, list):
        return value
    items = schema.get("items", {})
    one = fit(text, items) if isinstance(items, dict) else text
    return None if one is None else [one]


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _PYTHON.get(kind, ()))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
