"""Which tool parser a server needs, by the markup that was seen or by the model's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cab_check.knowledge.data import load


@dataclass(frozen=True, slots=True)
class Family:
    """One family of tool-call markup, the models that write it, and the parser for it by server."""

    name: str
    models: re.Pattern[str]
    speaks: str
    parser: Mapping[str, str]


@cache
def families() -> tuple[Family, ...]:
    """The families, the particular model names before the general."""
    return tuple(
        Family(row["name"], re.compile(row["models"], re.IGNORECASE), row["speaks"], row["parser"])
        for row in load("parsers.toml")["family"]
    )


def family_of(model: str) -> Family | None:
    """The family that a model of this id writes, None if its name does not tell."""
    return next((family for family in families() if family.models.search(model)), None)


def parser_for(server: str, markup: str | None, model: str | None) -> str | None:
    """The parser's name for `server`: of the family `markup` if it is one, else of the model's; None if untold."""
    seen = next((family for family in families() if family.name == markup), None)
    family = seen or (family_of(model) if model else None)
    return family.parser.get(server) if family else None


def choice(server: str) -> str:
    """All parsers of `server` that we know, in words."""
    return ", ".join(f"{known.parser[server]} for {known.speaks}" for known in families() if server in known.parser)
