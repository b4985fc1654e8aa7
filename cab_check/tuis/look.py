"""Finding a setting in what was read: places with wildcards, and the choice among the user's own names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cab_check.tuis.fill import Values, fill
from cab_check.tuis.settings import Settings

ENVIRONMENT = "the environment"
CHOSEN = "<p>"
"""In a place: a name of the user's choice, the same one in every place."""

_REFERENCES = (
    re.compile(r"\{env:([A-Za-z_]\w*)\}"),
    re.compile(r"\$\{\{\s*(?:secrets|env)\.([A-Za-z_]\w*)\s*\}\}"),
    re.compile(r"\$\{([A-Za-z_]\w*)\}"),
    re.compile(r"\$([A-Za-z_]\w*)"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One value: where it stands, the setting's name there, and the names that stood for the wildcards."""

    source: str
    setting: str
    value: Any = field(repr=False)
    names: Mapping[str, str] = field(default_factory=dict)
    variable: bool = False


def look(place: str, settings: Settings, values: Values, names: Mapping[str, str]) -> list[Found]:
    """Every value at `place` that goes with the `names` chosen so far."""
    if place.startswith("env "):
        variable = place.removeprefix("env ")
        value = settings.environ.get(variable)
        return [Found(ENVIRONMENT, variable, value, variable=True)] if value else []
    segments = [
        segment if segment in (CHOSEN, "[]", "#") else str(fill(segment, values)) for segment in place.split(".")
    ]
    found = [item for tree in settings.trees for item in _walk(tree.tree, segments, tree.path)]
    fitting = [item for item in found if all(names.get(key, name) == name for key, name in item.names.items())]
    return fitting if any(CHOSEN in segment or segment in ("[]", "#") for segment in segments) else fitting[:1]


def _walk(tree: Any, segments: Sequence[str], source: str, at: str = "", path: str = "") -> Iterator[Found]:
    """The values below `tree`; `at` names what was passed, `path` the same with wildcards as they are written."""
    if not segments:
        if tree not in (None, ""):
            yield Found(source, at.lstrip("."), tree)
        return
    first, *rest = segments
    if first == "#":
        if isinstance(tree, Mapping):
            yield from (Found(source, f"{at}.{key}".lstrip("."), key) for key in tree)
        return
    for key, value in _children(tree, first):
        chosen = {} if first not in (CHOSEN, "[]") else {CHOSEN if first == CHOSEN else f"{path}.[]": key}
        for item in _walk(value, rest, source, f"{at}.{key}", f"{path}.{first}"):
            yield Found(item.source, item.setting, item.value, {**chosen, **item.names})


def _children(tree: Any, segment: str) -> Iterable[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        return tree.items() if segment in (CHOSEN, "[]") else [(segment, tree[segment])] if segment in tree else []
    return (
        ((str(number), item) for number, item in enumerate(tree)) if isinstance(tree, list) and segment == "[]" else []
    )


def referred_variable(value: Any) -> str | None:
    """The variable that a value of a settings file is taken from; None if it stands for itself."""
    text = value if isinstance(value, str) else ""
    return next((found[1] for pattern in _REFERENCES if (found := pattern.fullmatch(text.strip()))), None)
