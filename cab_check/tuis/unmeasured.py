"""Agents that are known by name and were not measured: what is said instead of a verdict."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """One agent. `nearest` is the name of a profile, and `because` why that one."""

    name: str
    title: str
    what: str
    why: str
    nearest: str
    because: str
    aliases: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """Where to look instead, as one sentence."""
        return f"Nearest: {self.nearest} ({self.because})."


@cache
def unmeasured() -> Mapping[str, Unmeasured]:
    """All of them by name, in the order of the file."""
    parsed = tomllib.loads(resources.files("cab_check.tuis").joinpath("unmeasured.toml").read_text("utf-8"))
    return MappingProxyType(
        {
            name: Unmeasured(name=name, aliases=tuple(entry.pop("aliases", ())), **entry)
            for name, entry in parsed.items()
        }
    )


def unmeasured_as(name: str) -> Unmeasured | None:
    """The one of that name or alias, whatever its case."""
    wanted = name.strip().lower()
    return next((one for one in unmeasured().values() if wanted in (one.name, *one.aliases)), None)
