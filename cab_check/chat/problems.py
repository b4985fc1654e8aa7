"""How a deviation of form is written down, once per kind and reply."""

from __future__ import annotations

import json
from typing import Any

from cab_check.base.text import one_line
from cab_check.chat.reply import Problem

EXCERPT = 300


def excerpt(value: Any) -> str:
    """`value` as it stood in the reply, cleaned, on one line, at most 300 characters."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return one_line(text, EXCERPT)


class Problems:
    """Collects the problems of one reply in the order they showed; the first of each code and subject is kept."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str | None], Problem] = {}

    def add(self, code: str, where: str, seen: Any, subject: str | None = None) -> None:
        """Note `code` at the path `where` of the reply."""
        self._found.setdefault((code, subject), Problem(code, where, excerpt(seen), subject))

    def has(self, code: str) -> bool:
        """Whether `code` was noted, with any subject."""
        return any(found == code for found, _ in self._found)

    @property
    def all(self) -> tuple[Problem, ...]:
        """What was noted."""
        return tuple(self._found.values())
