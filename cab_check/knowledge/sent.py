"""What agent CLIs send, from `sent.toml`: parameters and forms of messages, who sends each, what a refusal is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

from cab_check.knowledge.data import load
from cab_check.knowledge.finding import Severity
from cab_check.knowledge.vocabulary import code

COMMON = 3
"""So many of the measured clients make a form common: a server that refuses it is of little use to agents."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One row: what it is called, what is found if it is refused, and who sends it."""

    name: str
    code: str
    subject: str | None
    clients: tuple[str, ...]
    value: Any = None  # of a parameter
    weight: Severity | None = None  # where the clients do not decide

    @property
    def severity(self) -> Severity:
        """How much a refusal weighs. Any parameter can be switched off in most clients, so none of them blocks."""
        usual = code(self.code).severity
        if self.weight is not None or usual == "info":
            return self.weight or usual
        common = len(self.clients) >= COMMON and self.value is None
        return usual if common else "degrades" if self.clients else "info"


@cache
def sent(kind: Literal["params", "messages"]) -> Mapping[str, Sent]:
    """The rows of one kind by name, in the order of the file."""
    return {name: _row(name, row) for name, row in load("sent.toml")[kind].items()}


def _row(name: str, row: Mapping[str, Any]) -> Sent:
    return Sent(
        name=name,
        code=code(row["code"]).code,
        subject=row.get("subject", name) or None,
        clients=tuple(row["clients"]),
        value=row.get("value"),
        weight=cast("Severity | None", row.get("severity")),
    )
