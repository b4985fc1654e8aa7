"""Which lines of a hunk stand in the file, in the same order, once matches by chance are left out.

aider asks the library diff-match-patch, whose clean-up of a diff drops short matches between large differences. What
is done here comes to the same for the lines that a hunk has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cab_check.chat.edits.common_lines import common_lines, common_start

_DEAR = 4  # lines; a shorter match with differences of both kinds on both sides is dropped


@dataclass(slots=True)
class _Gap:
    """What differs between two matches: lines wanted and not there, lines there and not wanted."""

    missing: list[str]
    others: list[str]

    @property
    def size(self) -> int:
        return max(len(self.missing), len(self.others))


@dataclass(slots=True)
class _Diff:
    """Gaps with matches between them: one gap more than matches."""

    gaps: list[_Gap]
    matches: list[list[str]]

    def drop(self, by_chance: Callable[[list[str], _Gap, _Gap], bool]) -> bool:
        """Count matches by chance as differences, until none is left; whether there was one."""
        dropped = False
        at = 0
        while at < len(self.matches):
            match, before, after = self.matches[at], self.gaps[at], self.gaps[at + 1]
            if not by_chance(match, before, after):
                at += 1
                continue
            merged = _Gap(before.missing + match + after.missing, before.others + match + after.others)
            self.gaps[at : at + 2], self.matches[at : at + 1] = [merged], []
            at, dropped = max(0, at - 1), True
        return dropped

    def tighten(self) -> None:
        """Lines with which both sides of a gap begin or end are matches after all, and gaps move to touch others."""
        moved = True
        while moved:
            for at, gap in enumerate(self.gaps):
                head = common_start(gap.missing, gap.others)
                if head and at:
                    self.matches[at - 1] += gap.missing[:head]
                    del gap.missing[:head], gap.others[:head]
                tail = common_start(gap.missing[::-1], gap.others[::-1])
                if tail and at < len(self.matches):
                    self.matches[at] = gap.missing[-tail:] + self.matches[at]
                    del gap.missing[-tail:], gap.others[-tail:]
            moved = any(self._moved(at) for at in range(1, len(self.matches)))

    def _moved(self, at: int) -> bool:
        """Move a gap of one side over the match before or after it, if it ends or begins with the same lines."""
        gap = self.gaps[at]
        if bool(gap.missing) == bool(gap.others):
            return False
        lines = gap.missing or gap.others
        before, after = self.matches[at - 1], self.matches[at]
        if lines[-len(before) :] == before:
            lines[:] = before + lines[: -len(before)]
            other, self.matches[at - 1 : at + 1] = self.gaps.pop(at - 1), [before + after]
            gap.missing[:0], gap.others[:0] = other.missing, other.others
        elif lines[: len(after)] == after:
            lines[:] = lines[len(after) :] + after
            other, self.matches[at - 1 : at + 1] = self.gaps.pop(at + 1), [before + after]
            gap.missing += other.missing
            gap.others += other.others
        else:
            return False
        return True

    def overlap(self) -> None:
        """What one side of a gap ends and the other begins with is a match, if it is half of either side."""
        for at in reversed(range(len(self.gaps))):
            missing, others = self.gaps[at].missing, self.gaps[at].others
            ends, begins = _overlap(missing, others), _overlap(others, missing)
            count = max(ends, begins)
            if not count or count * 2 < min(len(missing), len(others)):
                continue
            if ends >= begins:
                parts = [_Gap(missing[:-count], []), _Gap([], others[count:])]
            else:
                parts = [_Gap([], others[:-count]), _Gap(missing[count:], [])]
            match = others[:count] if ends >= begins else missing[:count]
            self.gaps[at : at + 1], self.matches[at:at] = parts, [match]


def kept_lines(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """Those of the `wanted` lines that are in `there`, in the same order, and not by chance."""
    diff = _compared(wanted, there)
    diff.tighten()
    if diff.drop(lambda match, before, after: len(match) <= min(before.size, after.size)):
        diff.tighten()
    diff.overlap()
    diff.drop(_is_dear)
    return [line for match in diff.matches for line in match]


def _is_dear(match: list[str], before: _Gap, after: _Gap) -> bool:
    kinds = [bool(side) for gap in (before, after) for side in (gap.missing, gap.others)]
    if not any(kinds[:2]) or not any(kinds[2:]):
        return False
    return (len(match) < _DEAR and all(kinds)) or (len(match) < _DEAR // 2 and sum(kinds) == 3)


def _overlap(left: Sequence[str], right: Sequence[str]) -> int:
    """With how many lines, at the most, `left` ends and `right` begins."""
    most = min(len(left), len(right))
    return next((count for count in range(most, 0, -1) if left[-count:] == right[:count]), 0)


def _compared(wanted: Sequence[str], there: Sequence[str]) -> _Diff:
    """The diff of both, runs of common lines as matches."""
    diff = _Diff([], [])
    i = j = 0
    for left, right in [*common_lines(wanted, there), (len(wanted), len(there))]:
        gap = _Gap(list(wanted[i:left]), list(there[j:right]))
        ended = left == len(wanted)
        if gap.size or not diff.gaps or ended:
            diff.gaps.append(gap)
            diff.matches += [] if ended else [[]]
        if not ended:
            diff.matches[-1].append(wanted[left])
        i, j = left + 1, right + 1
    return diff
