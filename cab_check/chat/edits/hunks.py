"""Reads hunks of unified diffs out of a reply, from fences that open with ```diff. Line numbers are of no account."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from cab_check.chat.edits.shown import BACKTICKS, Unreadable

_OPENING = BACKTICKS + "diff"
_END = "@@ @@"


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of a diff, each with its mark; `path` None if no file is named above it."""

    path: str | None
    lines: tuple[str, ...]

    @property
    def old(self) -> list[str]:
        """The lines that must be in the file."""
        return [text for mark, text in map(_parted, self.lines) if mark in " -"]

    @property
    def new(self) -> list[str]:
        """The lines that stand there afterwards."""
        return [text for mark, text in map(_parted, self.lines) if mark in " +"]

    def normal(self) -> Hunk:
        """The same change as the shortest diff has it, blank lines without blanks; without lines if nothing changes."""
        old, new = ([_blanked(line) for line in side] for side in (self.old, self.new))
        return Hunk(self.path, changes(old, new))


def changes(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """The diff from `old` to `new` as one hunk with all lines in it, without its three lines of head."""
    return tuple(difflib.unified_diff(old, new, n=max(len(old), len(new))))[3:]


def read_hunks(text: str) -> list[Hunk]:
    """All hunks that change something, each for the file named above it or above an earlier one.

    Raises Unreadable where a diff breaks off at its first line or two files' heads stand without a hunk between them.
    """
    lines = (text if text.endswith("\n") else text + "\n").splitlines(keepends=True)
    hunks: list[Hunk] = []
    path: str | None = None
    at = 0
    while at < len(lines):
        if not lines[at].startswith(_OPENING):
            at += 1
            continue
        end = _end_of(lines, at + 1)
        for hunk in _in_block(lines[at + 1 : end]):
            path = hunk.path or path
            hunks.append(Hunk(path, hunk.lines))
        at = end + 1
    return hunks


def _end_of(lines: Sequence[str], start: int) -> int:
    """Where the fence closes. One that never does ends before the last line, which is lost; so it is in aider."""
    if start >= len(lines):
        raise Unreadable("The reply ends where a diff begins.")
    inside = sum(1 for _ in takewhile(lambda line: not line.startswith(BACKTICKS), lines[start:]))
    return min(start + inside, len(lines) - 1)


def _in_block(lines: Sequence[str]) -> Iterator[Hunk]:
    """The hunks of one fence: a line that begins with @, and the head of another file, end one."""
    block = [*lines, _END]
    path: str | None = None
    if block[0].startswith("--- ") and block[1].startswith("+++ "):
        path, block = _first_name(block[0], block[1]), block[2:]
    hunk: list[str] = []
    changes_something = False
    for line in block:
        hunk.append(line)
        if len(line) < 2:
            continue
        if line.startswith("+++ ") and _is_head(hunk):
            before = hunk[:-3] if hunk[-3] == "\n" else hunk[:-2]
            yield Hunk(path, tuple(before))
            hunk, changes_something, path = [], False, line[4:].strip()
        elif line[0] in "-+":
            changes_something = True
        elif line[0] == "@":
            if changes_something:
                yield Hunk(path, tuple(hunk[:-1]))
            hunk, changes_something = [], False


def _is_head(hunk: Sequence[str]) -> bool:
    """Whether the last two lines name another file. aider trips over a head with nothing before it."""
    if len(hunk) == 1 or (len(hunk) == 2 and hunk[0].startswith("--- ")):
        words = "A file is named in the middle of a diff, with no hunk before it. Use one fence for each file."
        raise Unreadable(words, told=False)
    return hunk[-2].startswith("--- ")


def _first_name(old: str, new: str) -> str:
    """The file of a diff: the new name, without the `b/` that git puts before it."""
    before, after = old[4:].strip(), new[4:].strip()
    by_git = before.startswith("a/") or before == "/dev/null"
    return after[2:] if by_git and after.startswith("b/") else after


def _parted(line: str) -> tuple[str, str]:
    """The mark of a line and its text; a line without text is one that stays."""
    return (" ", line) if len(line) < 2 else (line[0], line[1:])


def _blanked(line: str) -> str:
    """A line of blanks as its bare newline."""
    if line.strip():
        return line
    return line[len(line.rstrip("\r\n")) :][:1] or line[:1]
