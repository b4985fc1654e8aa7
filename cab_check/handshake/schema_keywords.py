"""The JSON Schema keywords that the tools of coding agents use, each with the smallest property that needs it.

Collected from the tool definitions of agent CLIs (Claude Code, Cline, Codex, OpenCode, Kilo, Qwen Code, Kimi CLI,
Mistral Vibe, Hermes, deepagents and others). https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Keyword:
    """Properties that use the keyword, and what it puts beside `properties`."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    root: Mapping[str, Any] = field(default_factory=dict)


def _one(name: str, **schema: Any) -> Keyword:
    return Keyword({name: {**schema, "description": f"The {name.replace('_', ' ')}"}})


_STEP = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}

KEYWORDS: dict[str, Keyword] = {
    "additionalProperties": Keyword(root={"additionalProperties": False}),
    "$schema": Keyword(root={"$schema": "https://json-schema.org/draft/2020-12/schema"}),
    "$ref": Keyword({"step": {"$ref": "#/$defs/step"}}, {"$defs": {"step": _STEP}}),
    "anyOf": _one("owner", anyOf=[{"type": "string"}, {"type": "null"}]),
    "oneOf": _one("target", oneOf=[{"type": "string"}, {"type": "integer"}]),
    "type-list": _one("label", type=["string", "null"]),
    "enum": _one("state", type="string", enum=["open", "done"]),
    "const": _one("kind", const="plan"),
    "default": _one("replace_all", type="boolean", default=False),
    "pattern": _one("day", type="string", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    "format": _one("link", type="string", format="uri"),
    "minLength": _one("summary", type="string", minLength=1),
    "maxLength": _one("short_name", type="string", maxLength=80),
    "minimum": _one("offset", type="integer", minimum=0),
    "maximum": _one("share", type="number", maximum=100),
    "exclusiveMinimum": _one("limit", type="integer", exclusiveMinimum=0),
    "minItems": _one("files", type="array", items={"type": "string"}, minItems=1),
    "maxItems": _one("tags", type="array", items={"type": "string"}, maxItems=4),
    "title": _one("note", type="string", title="Note"),
    "nested": _one(
        "stages",
        type="array",
        items={
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "steps": {"type": "array", "items": {**_STEP, "additionalProperties": False}},
            },
            "required": ["name", "steps"],
        },
    ),
}
"""Keyword -> its use. `type-list` is a list of types (`["string", "null"]`), `nested` objects in lists in objects."""
