"""Profiles from their TOML files, checked: what is wrong in one is named with its file and place."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cab_check.base.errors import UnknownName
from cab_check.base.text import nearest, one_line
from cab_check.knowledge.vocabulary import code
from cab_check.tuis.profile import Profile
from cab_check.tuis.unmeasured import unmeasured_as

APART = frozenset({"wiring"})
"""Tables of the file that other modules of this room read."""


class BadProfile(ValueError):
    """A profile that does not hold what it must; the message names the place in the file."""


@cache
def tables() -> Mapping[str, Mapping[str, Any]]:
    """The parsed file of each profile by the profile's name, in the order of the names."""
    folder = resources.files("cab_check.tuis").joinpath("profiles")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text("utf-8")) for entry in files}


@cache
def profiles() -> Mapping[str, Profile]:
    """All profiles by name. A file of ours that is wrong is a defect and raises BadProfile."""
    return MappingProxyType({name: read_profile(table) for name, table in tables().items()})


def profile(name: str) -> Profile:
    """The profile of that name or alias, whatever its case.

    Raises UnknownName: with the nearest measured one for an agent that is known and was not measured, else with the
    nearest names.
    """
    wanted = name.strip().lower()
    known = {alias: found for found in profiles().values() for alias in (found.name, *found.aliases)}
    if wanted not in known:
        if (other := unmeasured_as(wanted)) is not None:
            raise UnknownName(f"{other.title} was not measured: {other.why}.", other.hint)
        near = " or ".join(nearest(wanted, sorted(known)))
        hint = f"Did you mean {near}?" if near else f"Known: {', '.join(profiles())}."
        raise UnknownName(f"No agent CLI is known as {one_line(name, 60)!r}.", hint)
    return known[wanted]


def read_profile(table: Mapping[str, Any]) -> Profile:
    """A profile from its parsed file. Raises BadProfile."""
    found: Profile = _record(Profile, {key: value for key, value in table.items() if key not in APART}, "profile")
    variants = {variant.name for variant in found.variants}
    for number, effect in enumerate(found.effects):
        for name, _ in effect.findings:
            try:
                code(name)
            except UnknownName as unknown:
                hint = f"; {unknown.next_step}" if unknown.next_step else ""
                raise BadProfile(f"effects[{number}]: {unknown}{hint}") from unknown
        if effect.variant not in {None, *variants}:
            raise BadProfile(f"effects[{number}].variant: there is no variant {effect.variant!r} in this file")
    return found


def _record(kind: Any, table: Any, where: str) -> Any:
    """`table` as the dataclass `kind`, every field checked against its type."""
    if not isinstance(table, dict):
        raise BadProfile(f"{where}: a table is wanted")
    hints, known = get_type_hints(kind), {field.name: field for field in fields(kind)}
    for key in table:
        if key not in known:
            raise BadProfile(f"{where}.{key}: there is no such key; known are {', '.join(known)}")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise BadProfile(f"{where}.{name}: is missing")
    return kind(**{key: _value(hints[key], value, f"{where}.{key}") for key, value in table.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return _value(next(part for part in inner if part is not NoneType), value, where)
    if origin is Literal:
        if value not in inner:
            raise BadProfile(f"{where}: {value!r} is none of {', '.join(map(str, inner))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise BadProfile(f"{where}: a list is wanted")
        return tuple(_value(inner[0], item, f"{where}[{number}]") for number, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise BadProfile(f"{where}: a table is wanted")
        return MappingProxyType({key: _value(inner[1], item, f"{where}.{key}") for key, item in value.items()})
    if is_dataclass(kind):
        return _record(kind, value, where)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadProfile(f"{where}: {kind.__name__} is wanted, not {value!r}")
    return value
