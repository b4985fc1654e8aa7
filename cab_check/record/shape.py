"""Whether a document has the shape of a Record: the shipped JSON Schema, read without a validator's dependency.

For Records that come from a file. Fields that a later version added are let through. Of JSON Schema 2020-12, only the
keywords that the schema uses are known, and another one is an error, so that none is passed over in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(value: Any, other: Any) -> bool:
    """Equality as JSON has it: True is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _number,
    "integer": lambda value: _number(value) and value == value // 1,
}

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": lambda value, names: any(_TYPES[name](value) for name in ([names] if isinstance(names, str) else names)),
    "const": _same,
    "enum": lambda value, allowed: any(_same(value, one) for one in allowed),
    "pattern": lambda value, pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
    "minLength": lambda value, least: not isinstance(value, str) or len(value) >= least,
    "minimum": lambda value, least: not _number(value) or value >= least,
    "minItems": lambda value, least: not isinstance(value, list) or len(value) >= least,
    "maxItems": lambda value, most: not isinstance(value, list) or len(value) <= most,
    "required": lambda value, names: not isinstance(value, dict) or all(name in value for name in names),
    "anyOf": lambda value, parts: any(next(problems(value, part), None) is None for part in parts),
    "$ref": lambda value, ref: True,  # followed below, so that a problem inside keeps its place
}

_INSIDE = {"properties", "items", "additionalProperties"}
_NOTES = {"$schema", "$id", "$defs", "title", "description"}


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a Record, as it ships."""
    document: dict[str, Any] = json.loads(files("cab_check.record").joinpath("schema.json").read_text(encoding="utf-8"))
    return document


def problems(value: Any, part: Mapping[str, Any] | None = None, place: str = "") -> Iterator[str]:
    """The dotted places where `value` does not fit, each with the keyword that it breaks, from the top down."""
    part = schema() if part is None else part
    broken = [word for word in part if word not in _INSIDE | _NOTES and not _TESTS[word](value, part[word])]
    yield from (f"{place or 'the document'} ({word})" for word in broken)
    if not broken:
        for name, item, inside in _children(value, part):
            yield from problems(item, inside, f"{place}.{name}".lstrip(".") if name else place)


def _children(value: Any, part: Mapping[str, Any]) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """What `part` says about the values inside `value`, and, without a name of its own, what it refers to."""
    if "$ref" in part:
        yield "", value, schema()["$defs"][part["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        named, others = part.get("properties", {}), part.get("additionalProperties", False)
        for name, item in value.items():
            if name in named:
                yield name, item, named[name]
            elif others:
                yield name, item, others
    if isinstance(value, list) and "items" in part:
        for number, item in enumerate(value):
            yield str(number), item, part["items"]
