"""Which file a search/replace block is for: the name in the lines above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from cab_check.chat.edits.shown import BACKTICKS, Fence

ABOVE = 3
"""How many lines above a block are looked at, and only as long as they are fences."""
_CLOSE = 0.8


def name_above(lines: Sequence[str], fence: Fence, known: Sequence[str]) -> str | None:
    """The file that `lines` (nearest first) name, best one of `known`; None if they name none."""
    written = list(_written(lines[:ABOVE], fence))
    tried: tuple[Callable[[str], str | None], ...] = (
        lambda name: name if name in known else None,
        lambda name: next((path for path in known if PurePosixPath(path).name == name), None),
        lambda name: next(iter(get_close_matches(name, known, n=1, cutoff=_CLOSE)), None),
        lambda name: name if "." in name else None,
        lambda name: name,
    )
    return next((found for meaning in tried for name in written if (found := meaning(name))), None)


def _written(lines: Sequence[str], fence: Fence) -> Iterator[str]:
    for line in lines:
        if name := _bare(line.strip(), fence):
            yield name
        if not line.startswith((fence[0], BACKTICKS)):
            return


def _bare(line: str, fence: Fence) -> str:
    """The name in `line`, without what Markdown puts around names; empty if there is none."""
    if line == "...":
        return ""
    for opening in (fence[0], BACKTICKS):
        if line.startswith(opening):
            name = line.removeprefix(opening)
            return name if "." in name or "/" in name else ""
    return line.rstrip(":").lstrip("#").strip().strip("`").strip("*")
