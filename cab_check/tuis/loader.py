"""Profiles from their TOML files, checked: what is wrong in one is named with its file and place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
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
    """A profile that does not hold what it must; each of `mistakes` names its place in the file."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


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
    """A profile from its parsed file. Raises BadProfile, with every mistake of form."""
    wrong: list[str] = []
    found: Profile = _record(Profile, {key: value for key, value in table.items() if key not in APART}, "", wrong)
    if not wrong:
        wrong += _names_amiss(found)
    if wrong:
        raise BadProfile(wrong)
    return found


def read_table(kind: Any, table: Any, where: str) -> Any:
    """`table`, called `where` in messages, as the frozen dataclass `kind`. Raises BadProfile, with every mistake."""
    wrong: list[str] = []
    found = _record(kind, table, where, wrong)
    if wrong:
        raise BadProfile(wrong)
    return found


def _names_amiss(profile: Profile) -> Iterator[str]:
    """Codes that are none, and variants that the file does not describe."""
    variants = {variant.name for variant in profile.variants}
    for number, effect in enumerate(profile.effects):
        for name, _ in effect.findings:
            try:
                code(name)
            except UnknownName as unknown:
                yield f"effects[{number}]: {unknown} {unknown.next_step}".rstrip()
    told = {f"effects[{number}]": effect.variant for number, effect in enumerate(profile.effects)}
    told |= {f"replies[{number}]": reply.variant for number, reply in enumerate(profile.replies)}
    for place, variant in told.items():
        if variant not in {None, *variants}:
            yield f"{place}.variant: there is no variant {one_line(str(variant), 60)!r} in this file"


def _record(kind: Any, table: Any, where: str, wrong: list[str]) -> Any:
    """`table` as the dataclass `kind`, every field checked against its type; None after a mistake."""
    if not isinstance(table, dict):
        wrong.append(f"{where}: a table is wanted")
        return None
    hints, known, before = get_type_hints(kind), {field.name: field for field in fields(kind)}, len(wrong)
    inside = f"{where}." if where else ""
    for key in table:
        if key not in known:
            wrong.append(f"{inside}{one_line(key, 60)}: there is no such key; known are {', '.join(known)}")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            wrong.append(f"{inside}{name}: is missing")
    given = {key: _value(hints[key], value, inside + key, wrong) for key, value in table.items() if key in known}
    return kind(**given) if len(wrong) == before else None


def _value(kind: Any, value: Any, where: str, wrong: list[str]) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return _value(next(part for part in inner if part is not NoneType), value, where, wrong)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(inner[0], item, f"{where}[{number}]", wrong) for number, item in enumerate(value))
    if origin is Literal and value in inner:
        return value
    if is_dataclass(kind):
        return _record(kind, value, where, wrong)
    mapping = origin is not None and origin is not Literal and issubclass(origin, Mapping)
    if mapping and isinstance(value, dict):
        return MappingProxyType({key: _value(inner[1], item, f"{where}.{key}", wrong) for key, item in value.items()})
    if origin is None and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    wrong.append(f"{where}: {_wanted(kind)} is wanted, not {one_line(repr(value), 60)}")
    return None


def _wanted(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "a list"
    words = {str: "text", int: "a whole number", bool: "true or false"}
    return words.get(kind, "a table")
