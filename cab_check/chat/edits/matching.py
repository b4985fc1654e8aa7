"""Finds the lines of a SEARCH part in a file and puts others in their place.

What is forgiven: indentation that differs by the same amount in all lines, one blank line at the head, and lines
left out under `...`. Nothing else: a character or a blank at the end of a line makes it another line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from cab_check.chat.edits.shown import Fence, Unreadable

_LEFT_OUT = re.compile(r"(^\s*\.\.\.\n)", re.MULTILINE)


def replaced(path: str, content: str, search: str, replace: str, fence: Fence) -> str | None:
    """The new content of the file; None if the lines are not in it. An empty search puts the lines at the end.

    An empty result counts as none, too: aider cannot empty a file in this format.
    """
    search, replace = (_unwrapped(part, path, fence) for part in (search, replace))
    if not search.strip():
        return content + replace or None
    return _in_place(_ended(content), _ended(search), _ended(replace))


def _in_place(content: str, search: str, replace: str) -> str | None:
    whole, old, new = (text.splitlines(keepends=True) for text in (content, search, replace))
    found = _exact(whole, old, new) or _reindented(whole, old, new)
    if not found and len(old) > 2 and not old[0].strip():
        found = _exact(whole, old[1:], new) or _reindented(whole, old[1:], new)
    return found or _with_gaps(content, search, replace) or None


def _exact(whole: list[str], old: list[str], new: list[str]) -> str | None:
    for at in range(len(whole) - len(old) + 1):
        if whole[at : at + len(old)] == old:
            return "".join(whole[:at] + new + whole[at + len(old) :])
    return None


def _reindented(whole: list[str], old: list[str], new: list[str]) -> str | None:
    """As `_exact`, where every line of the file is indented by the same amount more than the one searched for."""
    common = min((_indent(line) for line in (*old, *new) if line.strip()), default=0)
    old, new = ([line[common:] if line.strip() else line for line in part] for part in (old, new))
    for at in range(len(whole) - len(old) + 1):
        more = _more_indent(whole[at : at + len(old)], old)
        if more is not None:
            moved = [more + line if line.strip() else line for line in new]
            return "".join(whole[:at] + moved + whole[at + len(old) :])
    return None


def _more_indent(there: Sequence[str], wanted: Sequence[str]) -> str | None:
    """What stands before each line that is `there` and not before the `wanted` one, if that is always the same.

    Where less stands there than is wanted the slice has a negative end, and some of the line's own text passes for
    indentation. That damages the file, and it is what aider does.
    """
    pairs = list(zip(there, wanted, strict=True))
    if any(line.lstrip() != other.lstrip() for line, other in pairs):
        return None
    more = {line[: len(line) - len(other)] for line, other in pairs if line.strip()}
    return more.pop() if len(more) == 1 else None


def _with_gaps(content: str, search: str, replace: str) -> str | None:
    """Both parts cut at their lines of `...`, which stand for what stays; each piece must be there exactly once."""
    old, new = _LEFT_OUT.split(search), _LEFT_OUT.split(replace)
    if len(old) != len(new) or len(old) == 1 or old[1::2] != new[1::2]:
        return None
    for before, after in zip(old[::2], new[::2], strict=True):
        if before:
            if content.count(before) != 1:
                return None
            content = content.replace(before, after)
        elif after:
            content = _ended(content) + after
    return content


def _unwrapped(part: str, path: str, fence: Fence) -> str:
    """`part` without a first line that names the file and without a fence around it.

    One blank line at its end goes, too, where there is any: that is what joining the lines again comes to.
    """
    if not part:
        return part
    lines = part.splitlines()
    if lines[0].strip().endswith(PurePosixPath(path).name):
        lines = lines[1:]
    if not lines:
        raise Unreadable(f"A part of a block for {path} holds nothing but the file's name.", told=False)
    if lines[0].startswith(fence[0]) and lines[-1].startswith(fence[1]):
        lines = lines[1:-1]
    return _ended("\n".join(lines))


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
