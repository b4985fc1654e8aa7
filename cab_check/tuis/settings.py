"""The user's own settings of a CLI: its files and the variables that it reads. Read only; nothing is sent.

The one module of this room that touches the disk. What it gives holds values as they stand, keys included: only
`compare` sees them, and it tells of a key whether one is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cab_check.base.errors import UsageError
from cab_check.tuis.formats import Format, Unreadable, has_comments, read
from cab_check.tuis.wiring import Wiring

MOST_BYTES = 4 * 1024 * 1024
_SUFFIXES: Mapping[str, Format] = {
    ".json": "json", ".jsonc": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".env": "env",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SettingsTree:
    """One file that was read, and the note that its form calls for, if any."""

    path: str
    tree: Mapping[str, Any] = field(repr=False)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a CLI would read here. `missing` are the places that hold nothing, `broken` (path, why)."""

    trees: tuple[SettingsTree, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()


def read_settings(wiring: Wiring, environ: Mapping[str, str], platform: str, given: Path | None = None) -> Settings:
    """The settings at the usual places, or in the file that is given instead. Raises UsageError for a form unknown."""
    places = [(str(given), _form(given, wiring))] if given else _places(wiring, platform)
    trees: list[SettingsTree] = []
    missing: list[str] = []
    broken: list[tuple[str, str]] = []
    variables = dict(environ)
    for place, form in places:
        path = Path(place).expanduser()
        try:
            text = _text(path)
            tree = read(text, form)
        except FileNotFoundError:
            missing.append(place)
        except (OSError, UnicodeDecodeError) as failure:
            broken.append((place, f"cannot be read: {getattr(failure, 'strerror', None) or 'it is not UTF-8'}"))
        except Unreadable as wrong:
            broken.append((place, str(wrong)))
        else:
            if form == "env":
                variables = {**tree, **variables}
            comments = form == "json" and has_comments(text)
            trees.append(SettingsTree(place, {} if form == "env" else tree, _COMMENTS if comments else None))
    return Settings(tuple(trees), variables, tuple(missing), tuple(broken))


_COMMENTS = "it has comments or a comma after a last entry: this CLI may read that, strict JSON readers do not"


def _text(path: Path) -> str:
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise OSError(None, f"it is larger than {MOST_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def _places(wiring: Wiring, platform: str) -> list[tuple[str, Format]]:
    places = [(place, file.format) for file in wiring.files for place in (*file.also, file.place(platform))]
    return [*places, *((place, form) for place in wiring.also_read if (form := _by_name(Path(place))))]


def _form(given: Path, wiring: Wiring) -> Format:
    form = _by_name(given) or next((file.format for file in wiring.files), None)
    if form is None:
        raise UsageError(f"The form of {given} is not known.", f"Known endings: {', '.join(_SUFFIXES)}.")
    return form


def _by_name(path: Path) -> Format | None:
    return "env" if path.name.startswith(".env") else _SUFFIXES.get(path.suffix.lower())
