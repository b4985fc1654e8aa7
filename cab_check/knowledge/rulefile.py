"""A file of new rules, read and held to the same form as ours, before it becomes part of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cab_check.base.errors import CabError, UsageError
from cab_check.knowledge import advice, error_rules, fingerprint
from cab_check.knowledge.advice import Rule
from cab_check.knowledge.error_rules import ErrorRule
from cab_check.knowledge.fingerprint import Known

_Row = TypeVar("_Row")
_NEXT = "docs/rules.md has the fields of each kind of rule."


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The rows of one file by kind: `[[rule]]` with a cause is advice, without one an error rule; `[[hop]]` a hop."""

    advice: tuple[Rule, ...]
    errors: tuple[ErrorRule, ...]
    hops: tuple[Known, ...]


def read_rules(path: Path) -> RuleFile:
    """The rules of a TOML file. Raises UsageError with the row that is wrong, or if there is none at all."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as failure:
        raise UsageError(f"{path} cannot be read: {failure.strerror}.", "Name a TOML file of rules.") from failure
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise UsageError(f"{path} is not TOML: {failure}.", _NEXT) from failure
    rows, hops = table.get("rule", []), table.get("hop", [])
    if set(table) - {"rule", "hop"} or not (rows or hops):
        raise UsageError(f"{path} holds other tables than [[rule]] and [[hop]], or none of them.", _NEXT)
    return RuleFile(
        advice=tuple(_read(path, row, advice.read_rule) for row in rows if "cause" in row),
        errors=tuple(_read(path, row, error_rules.read_rule) for row in rows if "cause" not in row),
        hops=tuple(_read(path, row, fingerprint.read_hop) for row in hops),
    )


def _read(path: Path, row: Mapping[str, Any], reader: Callable[[Mapping[str, Any], str], _Row]) -> _Row:
    try:
        return reader(row, path.name)
    except CabError as failure:
        raise UsageError(f"{path}: {failure.message}", failure.next_step) from failure
    except (ValueError, KeyError, TypeError, re.error) as failure:
        raise UsageError(f"{path}: {row.get('code') or row.get('name') or 'a row'}: {failure}.", _NEXT) from failure
