"""Findings that reach an agent CLI as the same reply, so that what was measured with one holds for the other."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from cab_check.tuis.loader import read_table
from cab_check.tuis.profile import Does

FILE = "kin.toml"
Key = tuple[str, str | None]
"""A finding: its code, and its subject, None for whatever the subject."""


@dataclass(frozen=True, slots=True)
class Kin:
    """Some findings, each `code` or `code:subject`, and those that look the same to a client, nearest first. `refused`:
    the reply is a refusal of the request, so that a CLI that was measured with none of them gets nothing done. `says`:
    for what a CLI does (`does` of an effect), what a user sees of these, where the words for `like` would not be true.
    """

    findings: tuple[str, ...]
    like: tuple[str, ...]
    why: str
    refused: bool = False
    says: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    kin: tuple[Kin, ...]


def read_kin(parsed: Mapping[str, Any]) -> tuple[Kin, ...]:
    """The rows of a parsed file. Raises BadProfile, with every mistake of form."""
    found: _File = read_table(_File, dict(parsed), "")
    return found.kin


@cache
def kin_rows() -> tuple[Kin, ...]:
    """All rows of our own file. One that is wrong is a defect and raises BadProfile."""
    return read_kin(tomllib.loads(resources.files("cab_check.tuis").joinpath(FILE).read_text("utf-8")))


def kin_of(code: str, subject: str | None = None) -> tuple[Key, ...]:
    """The findings that look the same to a client as this one, nearest first, those that they are like in turn last."""
    found: list[Key] = []
    rest = _like(code, subject)
    while rest:
        further = [key for key in rest if key not in found and key != (code, subject)]
        found += dict.fromkeys(further)
        rest = [key for name, narrowed in further for key in _like(name, narrowed)]
    return tuple(found)


def is_refusal(code: str) -> bool:
    """Whether that finding is a refusal of the request, or looks like one."""
    alike = {code, *(name for name, _ in kin_of(code))}
    return any(row.refused and alike & set(row.findings) for row in kin_rows())


def words_for(code: str, does: Does) -> str | None:
    """What a user sees of that finding, whatever its subject, where the words for its kin would not be true."""
    return next((row.says.get(does) for row in kin_rows() if code in row.findings), None)


def key_of(name: str) -> Key:
    """`code` or `code:subject` as (code, subject)."""
    code, _, subject = name.partition(":")
    return code, subject or None


def _like(code: str, subject: str | None) -> list[Key]:
    """The row of the finding with that subject, else the one of whatever subject."""
    names = ([f"{code}:{subject}"] if subject else []) + [code]
    row = next((row for name in names for row in kin_rows() if name in row.findings), None)
    return [key_of(name) for name in row.like] if row else []
