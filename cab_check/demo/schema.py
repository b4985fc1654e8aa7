"""JSON Schema as tools use it: is it one at all, and a value that conforms to it.

Values are made of what the schema itself offers (const, default, examples, enum) before anything is invented.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DEPTH = 32
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_NESTED_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_NESTED_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NESTED = ("items", "additionalProperties", "not")

Schema = Mapping[str, Any]


def complaint(schema: Any, depth: int = 0) -> str | None:
    """What is wrong with `schema` as a JSON Schema, or None. Shallow on purpose: it finds nonsense, not subtleties."""
    if isinstance(schema, bool):
        return None
    if not isinstance(schema, dict):
        return f"a schema must be an object, not {type(schema).__name__}"
    if depth > DEPTH:
        return f"it is nested deeper than {DEPTH} levels"
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in TYPES:
            return f"{kind!r} is not a type of JSON Schema"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "'required' must be a list of names"
    return _shape(schema) or next(
        (wrong for child in _children(schema) if (wrong := complaint(child, depth + 1)) is not None), None
    )


def _shape(schema: Schema) -> str | None:
    for name in (*_NESTED_MAPS, *_NESTED_LISTS):
        wanted = dict if name in _NESTED_MAPS else list
        if not isinstance(schema.get(name, wanted()), wanted):
            return f"{name!r} must be {'an object' if wanted is dict else 'a list'}"
    if not isinstance(schema.get("enum", [None]), list) or schema.get("enum") == []:
        return "'enum' must be a list of at least one value"
    return None


def _children(schema: Schema) -> list[Any]:
    return [
        *(child for name in _NESTED_MAPS for child in schema.get(name, {}).values()),
        *(child for name in _NESTED_LISTS for child in schema.get(name, [])),
        *(schema[name] for name in _NESTED if name in schema and not isinstance(schema[name], list)),
    ]


def resolve(schema: Any, root: Schema) -> Schema:
    """`schema` with a local `$ref` followed and the first usable branch of a union taken; {} for anything goes."""
    for _ in range(DEPTH):
        if not isinstance(schema, dict):
            return {}
        if isinstance(reference := schema.get("$ref"), str):
            schema = _follow(reference, root)
        elif branches := schema.get("anyOf") or schema.get("oneOf"):
            useful = [branch for branch in branches if isinstance(branch, dict) and branch.get("type") != "null"]
            rest = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")}
            schema = {**rest, **(useful or [{"type": "null"}])[0]}
        elif parts := schema.get("allOf"):
            schema = _merged([{name: value for name, value in schema.items() if name != "allOf"}, *parts], root)
        else:
            return schema
    return {}


def _follow(reference: str, root: Schema) -> Any:
    target: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    return target


def _merged(parts: list[Any], root: Schema) -> Schema:
    merged: dict[str, Any] = {}
    for part in parts:
        plain = dict(resolve(part, root)) if "allOf" not in part else part
        properties = {**merged.get("properties", {}), **plain.get("properties", {})}
        required = [*merged.get("required", []), *plain.get("required", [])]
        merged = {**merged, **plain}
        if properties:
            merged |= {"properties": properties, "required": required}
    return merged


def kind_of(schema: Schema) -> str:
    """The one type to make: the first that is not null, guessed from the keywords where none is stated."""
    kinds = schema.get("type")
    named = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind not in (None, "null")]
    if named:
        return str(named[0])
    if kinds:
        return "null"
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def sample(schema: Any, root: Schema, depth: int = 0) -> Any:
    """A value that conforms to `schema`; `pattern` and `not` are beyond it."""
    plain = resolve(schema, root)
    for name in ("const", "default"):
        if plain.get(name) is not None:
            return plain[name]
    for name in ("examples", "enum"):
        if isinstance(plain.get(name), list) and plain[name]:
            return plain[name][0]
    kind = kind_of(plain)
    if kind == "object":
        properties = plain.get("properties", {})
        wanted = plain.get("required", []) if depth < DEPTH else []
        return {name: sample(properties.get(name, {}), root, depth + 1) for name in wanted}
    if kind == "array":
        least = plain.get("minItems", 0) if depth < DEPTH else 0
        return [sample(plain.get("items", {}), root, depth + 1) for _ in range(least)]
    if kind in ("integer", "number"):
        return _number(plain, whole=kind == "integer")
    return {"boolean": False, "null": None}.get(kind) if kind != "string" else _string(plain)


def _number(schema: Schema, *, whole: bool) -> int | float:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = 1 if whole else 0.5
    if isinstance(above, (int, float)) and not isinstance(above, bool):
        low = max(low, above + step)
    if isinstance(below, (int, float)) and not isinstance(below, bool):
        high = min(high, below - step)
    value = min(max(1, low), high)
    multiple = schema.get("multipleOf")
    if multiple:
        value = math.ceil(value / multiple) * multiple
    return math.ceil(value) if whole else float(value)


def _string(schema: Schema) -> str:
    text = _FORMATS.get(schema.get("format", ""), "demo")
    text = text.ljust(min(schema.get("minLength", 0), 4096), "x")
    return text[: schema.get("maxLength", len(text))]
