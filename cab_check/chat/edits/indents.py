"""Texts rewritten so that each line holds only how its indentation differs from the line before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

_USUAL = "←"


class RelativeIndents:
    """Turns texts to relative indentation and back. A line becomes two: the change of indentation, and the rest.

    A blank that the line before did not have stands for itself, one that it had and this line has not for a mark that
    is in none of the texts. Where a tab takes the place of blanks the way back is not exact.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        used = set(chain.from_iterable(texts))
        self._less = next(mark for mark in chain(_USUAL, map(chr, range(0x10FFFF, 0x10000, -1))) if mark not in used)

    def relative(self, text: str) -> str:
        """`text` with every indentation given by its change."""
        lines: list[str] = []
        before = 0
        for line in text.splitlines(keepends=True):
            bare = line.rstrip("\r\n")
            depth = len(bare) - len(bare.lstrip())
            change = line[max(before, 0) : depth] if depth > before else self._less * (before - depth)
            lines += (change, "\n", line[depth:])
            before = depth
        return "".join(lines)

    def absolute(self, text: str) -> str | None:
        """`text` as it was, or as it is after lines in it were replaced; None if the changes do not add up."""
        parts = text.splitlines(keepends=True)
        if len(parts) % 2:
            return None
        lines: list[str] = []
        indent = ""
        for change, rest in zip(parts[::2], parts[1::2], strict=True):
            change = change.rstrip("\r\n")
            indent = indent[: -len(change)] if change.startswith(self._less) else indent + change
            lines.append(indent + rest if rest.rstrip("\r\n") else rest)
        whole = "".join(lines)
        return None if self._less in whole else whole
