"""Placeholders in the wiring of a profile, filled in: `{model}`, `{base_url}`, `{key_env}` ... in strings of a tree.

A string that is one placeholder and nothing else takes the value as it is, so a number stays a number. What has a
placeholder without a value is left out, and so is a table that becomes empty by that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cab_check.tuis.formats import Tree

Values = Mapping[str, Any]
"""Placeholder to its value; None where there is none."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class _Missing(Exception):
    """A placeholder without a value."""


def fill(text: str, values: Values) -> Any:
    """`text` with its placeholders replaced; None if one of them has no value. Unknown names in braces stay."""
    try:
        return _filled(text, values)
    except _Missing:
        return None


def placeholders(value: Any) -> set[str]:
    """The names of all placeholders in a string or tree."""
    if isinstance(value, str):
        return set(_PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        return {name for part in value.items() for item in part for name in placeholders(item)}
    if isinstance(value, Sequence):
        return {name for item in value for name in placeholders(item)}
    return set()


def fill_tree(tree: Tree, values: Values) -> dict[str, Any]:
    """The tree with every key and string filled in."""
    filled: dict[str, Any] = _tree(tree, values)
    return filled


def merge(base: Tree, more: Tree) -> dict[str, Any]:
    """`base` with `more` laid over it: tables are merged, and lists of tables item by item."""
    merged = dict(base)
    for key, value in more.items():
        merged[key] = _merged(merged[key], value) if key in merged else value
    return merged


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return merge(old, new)
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(item, Mapping) for item in [*old, *new]):
        both = [merge(first, second) for first, second in zip(old, new, strict=False)]
        return both + old[len(both) :] + new[len(both) :]
    return new


def _filled(text: str, values: Values) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole and whole[1] in values:
        return _value(whole[1], values)
    return _PLACEHOLDER.sub(lambda found: str(_value(found[1], values)) if found[1] in values else found[0], text)


def _value(name: str, values: Values) -> Any:
    if values[name] is None:
        raise _Missing(name)
    return values[name]


_LEFT_OUT = object()


def _tree(value: Any, values: Values) -> Any:
    try:
        if isinstance(value, str):
            return _filled(value, values)
        if isinstance(value, Mapping):
            pairs = [(str(_filled(key, values)), _tree(item, values)) for key, item in value.items()]
            kept = {key: item for key, item in pairs if item is not _LEFT_OUT}
            return kept if kept or not value else _LEFT_OUT
        if isinstance(value, list):
            return [item for part in value if (item := _tree(part, values)) is not _LEFT_OUT]
    except _Missing:
        return _LEFT_OUT
    return value
