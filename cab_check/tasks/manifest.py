"""Values out of a task.toml, each checked, each complaint naming the file and the field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cab_check.base.errors import UsageError


@dataclass(frozen=True)
class Table:
    """One table of a TOML file. `where` is its dotted name, empty for the root."""

    file: Path
    where: str
    values: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path) -> Table:
        """The root table of `file`. Raises UsageError if it cannot be read or is not TOML."""
        try:
            return cls(file, "", tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
            raise UsageError(f"{file}: cannot be read as TOML: {error}") from error

    def table(self, name: str) -> Table:
        """The sub-table `name`, empty if it is not there."""
        return Table(self.file, f"{self.where}.{name}".lstrip("."), self._get(name, dict, {}, "a table"))

    def text(self, name: str, default: str | None = None) -> str:
        """A string. Without a default it must be there."""
        value: str = self._get(name, str, default, "a string")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        value: bool = self._get(name, bool, default, "true or false")
        return value

    def seconds(self, name: str, default: float) -> float:
        """A number of seconds above 0."""
        value = self._get(name, (int, float), default, "a number of seconds")
        if isinstance(value, bool) or not 0 < value < 86_400:
            raise self.wrong(name, "a number of seconds above 0 and under a day")
        return float(value)

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings. Without a default it must be there and hold one at least."""
        value = self._get(name, list, None if default is None else list(default), "a list of strings")
        if not all(isinstance(item, str) and item for item in value) or (default is None and not value):
            raise self.wrong(name, "a list of strings")
        return tuple(value)

    def one_of(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of the strings in `allowed`."""
        value = self.text(name, default)
        if value not in allowed:
            raise self.wrong(name, "one of " + ", ".join(allowed))
        return value

    def wrong(self, name: str, wanted: str) -> UsageError:
        """The complaint about field `name`, to be raised."""
        field = f"{self.where}.{name}".lstrip(".")
        return UsageError(f"{self.file}: {field} must be {wanted}", "Put it right in that file and try again.")

    def _get(self, name: str, kind: type | tuple[type, ...], default: Any, wanted: str) -> Any:
        value = self.values.get(name, default)
        if not isinstance(value, kind):
            raise self.wrong(name, wanted)
        return value
