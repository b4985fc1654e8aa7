"""Arguments for a tool (or any object that a JSON Schema describes), taken from what a user wrote.

Sought in this order: a JSON object; values said to belong to a name ("with path \"a.txt\"", "limit=3"); quoted or
fenced text that nobody claimed; file names, proper names and numbers; and at last whatever the schema allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cab_check.demo.fit import fit, fits
from cab_check.demo.literals import MASK, Literal, json_at, json_values, literals, mask
from cab_check.demo.schema import kind_of, resolve, sample

Schema = Mapping[str, Any]
_BETWEEN = (
    r"[\"'`]?\s*(?:\([^()\n]{0,40}\)\s*)?"
    r"(?:=|:|(?:(?:set|equal)\s+)?to\b|(?:of|is|as|being|exactly|this|the|text|string|value)\b|\s|,)*"
)
_LINKED = re.compile(r"[=:]|\b(?:to|is|of)\b")
_BARE = re.compile(r"-?\d+(?:\.\d+)?(?![\w.])|[^\s,;\x00()]+")
_PATH = re.compile(
    r"(?<![\w/.-])(?:[\w.~-]*/)*[\w-]*\.?[\w-]+\.[A-Za-z]\w{0,7}(?![\w/])|(?<![\w/])(?:[\w.~-]*/)+[\w.-]*"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)")
_AFTER_COLON = re.compile(r":[ \t]+([^\n\x00]+)")
_PROPER = re.compile(r"\b(?:in|for|of|at|to|from|with|on|about)\s+([A-Z][\w'-]*(?:[ ][A-Z][\w'-]*)*)")
PATH_NAMES = re.compile(r"(?:^|_|(?<=[a-z]))(?:path|file|filename|dir|directory|folder)s?(?:_?name)?$", re.IGNORECASE)


class Found:
    """What a piece of text offers for arguments; each offer is taken once."""

    def __init__(self, text: str, ignore: frozenset[str] = frozenset()) -> None:
        self.text = text
        self.literals = [item for item in literals(text) if item.value not in ignore]
        self.masked = mask(text, self.literals)
        self._taken: set[tuple[int, int]] = set()

    def named(self, name: str, schema: Schema) -> Any:
        """The value that the text gives to `name`, or None."""
        spelled = re.sub(r"_|(?<=[a-z])(?=[A-Z])", "[ _]?", name)
        for where in re.finditer(rf"(?<![\w]){spelled}(?![\w]){_BETWEEN}", self.text, re.IGNORECASE):
            if self.masked[where.start()] == MASK and self.masked[where.end() - 1] == MASK:
                continue
            literal = next((item for item in self.literals if item.start == where.end()), None)
            if literal is not None:
                return self._take(literal, fit(literal.value, schema))
            if kind_of(schema) in ("array", "object") and (given := json_at(self.text, where.end())[0]) is not None:
                return given
            bare = _BARE.match(self.masked, where.end())
            text = bare[0].rstrip(".!?") if bare else ""
            linked = _LINKED.search(where[0][len(name) :]) or kind_of(schema) != "string"
            is_path = PATH_NAMES.search(name) and _PATH.fullmatch(text)
            if bare and text and fits(text, schema) and (linked or is_path):
                self._taken.add(bare.span())
                return fit(text, schema)
        return None

    def unclaimed(self, name: str, schema: Schema) -> Any:
        """Something of the right kind that no name has claimed, or None."""
        for literal in self.literals:
            free = not self._is_taken(literal.start, literal.end) and kind_of(schema) != "boolean"
            if free and fits(literal.value, schema):
                return self._take(literal, fit(literal.value, schema))
        for pattern in _patterns(name, schema):
            for match in pattern.finditer(self.masked):
                text = match[match.lastindex or 0].rstrip(".")
                if not self._is_taken(*match.span()) and text and fits(text, schema):
                    self._taken.add(match.span())
                    return fit(text, schema)
        words = (value for value in schema.get("enum", []) if isinstance(value, str))
        return next((word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.text, re.I)), None)

    def objects(self, schema: Schema) -> list[Mapping[str, Any]]:
        """JSON objects in the text whose keys are those of `schema`."""
        known = set(schema.get("properties", {}))
        values = json_values(self.text, "{")
        return [value for value in values if isinstance(value, dict) and set(value) <= known and (value or not known)]

    def _take(self, literal: Literal, value: Any) -> Any:
        self._taken.add((literal.start, literal.end))
        return value

    def _is_taken(self, start: int, end: int) -> bool:
        return any(start < other_end and other_start < end for other_start, other_end in self._taken)


def _patterns(name: str, schema: Schema) -> tuple[re.Pattern[str], ...]:
    """What a bare word must look like to be meant for `name`, best first."""
    kind = kind_of(schema)
    if kind in ("integer", "number"):
        return (_NUMBER,)
    if kind != "string" or "enum" in schema:
        return ()
    return (_PATH,) if PATH_NAMES.search(name) else (_AFTER_COLON, _PROPER)


def stated(schema: Schema, found: Found) -> dict[str, Any]:
    """The arguments that `found` states for an object schema; required ones that it does not state are absent."""
    root, plain = schema, resolve(schema, schema)
    given = found.objects(plain)
    if given:
        return dict(given[0])
    properties = {name: resolve(item, root) for name, item in plain.get("properties", {}).items()}
    required = plain.get("required", [])
    arguments: dict[str, Any] = {}
    for name, item in properties.items():
        value = item.get("const") if "const" in item else found.named(name, item)
        if value is not None:
            arguments[name] = value
    for name in required:
        value = found.unclaimed(name, properties.get(name, {})) if name not in arguments else None
        if value is not None:
            arguments[name] = value
    return {name: arguments[name] for name in (*required, *properties) if name in arguments}


def fill(schema: Schema, text: str, *, fallback: str | None = None) -> dict[str, Any]:
    """An object that conforms to `schema`: what `text` states, then `fallback` for plain strings, then samples."""
    arguments = stated(schema, Found(text))
    plain = resolve(schema, schema)
    for name in plain.get("required", []):
        if name not in arguments:
            item = resolve(plain.get("properties", {}).get(name, {}), schema)
            free = fallback is not None and kind_of(item) == "string" and fits(fallback, item)
            arguments[name] = fallback if free else sample(item, schema)
    return arguments
