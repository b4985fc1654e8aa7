"""What a sound endpoint does where a finding was made, and where that is written down: `expected.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from cab_check.knowledge.data import load


@dataclass(frozen=True, slots=True)
class Expected:
    """One sentence, and the URL of its source."""

    text: str
    source: str


def expected(code: str, layer: str) -> Expected:
    """What was to be expected in place of a finding: by its code, else by its layer, else of any request."""
    table = load("expected.toml")
    row = table["codes"].get(code) or table["layers"].get(layer) or table["layers"]["any"]
    return Expected(row["text"], row["source"])
