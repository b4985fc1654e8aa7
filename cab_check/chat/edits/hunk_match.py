"""Finds the old lines of a hunk in a file and puts the new ones in their place, ever less strictly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from cab_check.chat.edits.hunks import Hunk, changes
from cab_check.chat.edits.indents import RelativeIndents
from cab_check.chat.edits.kept_lines import kept_lines

_TELLING = 10
"""Characters, blanks at the ends of lines apart: what is shorter is replaced only where it stands once."""
_MOST = 0.66
"""Of the old lines so many must be in the file for the others to be taken as the model's own additions."""


def patched(content: str, hunk: Hunk) -> str | None:
    """The new content of the file; None if the hunk does not fit. `hunk` is a normal one.

    A hunk with no old lines puts the new ones at the end. Tried in this order: all old lines in a row, at any
    indentation; then each run of changes on its own, with ever less of the unchanged lines around it. Where the old
    lines stand more than once, all of those places are changed.
    """
    if not "".join(hunk.old).strip():
        return content + "".join(hunk.new) or None
    return _in_one(content, hunk.lines) or _in_pieces(content, _without_inventions(content, hunk)) or None


def _in_one(content: str, lines: Sequence[str]) -> str | None:
    hunk = Hunk(None, tuple(lines))
    old, new = "".join(hunk.old), "".join(hunk.new)
    if not old:
        return None
    if len("".join(line.strip() for line in hunk.old)) < _TELLING and content.count(old) > 1:
        return None
    return next((found for found in _readings(old, new, content) if found), None)


def _readings(old: str, new: str, content: str) -> Iterator[str | None]:
    """As it stands, without blank lines at the ends, at any indentation, and both."""
    for relative in (False, True):
        for bare in (False, True):
            texts = [text.strip("\n") + "\n" if bare else text for text in (old, new, content)]
            yield _relatively(*texts) if relative else _everywhere(*texts)


def _everywhere(old: str, new: str, content: str) -> str | None:
    return content.replace(old, new) if old in content else None


def _relatively(old: str, new: str, content: str) -> str | None:
    indents = RelativeIndents((old, new, content))
    found = _everywhere(*map(indents.relative, (old, new, content)))
    return indents.absolute(found) if found else None


def _without_inventions(content: str, hunk: Hunk) -> tuple[str, ...]:
    """The hunk's lines, where old ones that the file does not hold count as new ones, if they are few."""
    kept = kept_lines(hunk.old, content.splitlines(keepends=True))
    if len("".join(kept).strip()) < _TELLING or len(kept) < len(hunk.old) * _MOST:
        return hunk.lines
    return changes(kept, hunk.new)


def _in_pieces(content: str, lines: Sequence[str]) -> str | None:
    """Each run of changes after the other, on what the one before it left; None if one does not fit."""
    runs = [(stays, list(run)) for stays, run in groupby(lines, key=lambda line: line[0] in " \n")]
    around: list[list[str]] = [[]] if not runs or not runs[0][0] else []
    around += [run for stays, run in runs if stays]
    around += [[]] if runs and not runs[-1][0] else []
    changed = [run for stays, run in runs if not stays]
    for before, run, after in zip(around, changed, around[1:], strict=False):
        found = _with_less(content, before, run, after)
        if found is None:
            return None
        content = found
    return content


def _with_less(content: str, before: Sequence[str], run: Sequence[str], after: Sequence[str]) -> str | None:
    """One run of changes, with as many of the lines around it as fit, those before it rather than those after it."""
    for used in range(len(before) + len(after), -1, -1):
        for above in range(min(used, len(before)), -1, -1):
            below = used - above
            if below > len(after):
                break
            found = _in_one(content, [*before[len(before) - above :], *run, *after[:below]])
            if found:
                return found
    return None
