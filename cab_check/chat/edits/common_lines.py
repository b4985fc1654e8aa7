"""Which lines two texts have in common: a shortest diff, by the method of E. W. Myers (1986) in linear space.

Of several shortest diffs the one that diff-match-patch finds is wanted, since aider uses that. So the shortcuts come
in its order: equal ends, one text inside the other, a long common middle; and only then the search from both ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST_LINES = 4000
"""Of both texts together; the search takes time by its square. In longer ones that differ all through nothing is
found to be common, as aider finds less where its own time limit of 5 s is over."""

Pair = tuple[int, int]
Lines = Sequence[str]


def common_lines(left: Lines, right: Lines) -> list[Pair]:
    """The places of lines that stay, ascending in both texts."""
    return list(_common(list(left), list(right), 0, 0))


def common_start(left: Lines, right: Lines) -> int:
    """With how many equal lines both begin."""
    count, most = 0, min(len(left), len(right))
    while count < most and left[count] == right[count]:
        count += 1
    return count


def _common(left: list[str], right: list[str], i: int, j: int) -> Iterator[Pair]:
    """The pairs of these two parts, which begin at `i` and `j` of the whole."""
    head = common_start(left, right)
    tail = common_start(left[head:][::-1], right[head:][::-1])
    yield from ((i + at, j + at) for at in range(head))
    inner_left, inner_right = left[head : len(left) - tail], right[head : len(right) - tail]
    yield from _differing(inner_left, inner_right, i + head, j + head)
    yield from ((i + len(left) - at, j + len(right) - at) for at in range(tail, 0, -1))


def _differing(left: list[str], right: list[str], i: int, j: int) -> Iterator[Pair]:
    """The pairs of two parts that differ in their first line and in their last."""
    if not left or not right:
        return
    longer, shorter = (left, right) if len(left) > len(right) else (right, left)
    at = _find(shorter, longer, 0)
    if at >= 0:
        moved = (i + at, j) if longer is left else (i, j + at)
        yield from ((moved[0] + number, moved[1] + number) for number in range(len(shorter)))
        return
    if len(shorter) == 1:
        return
    middle = _middle(longer, shorter)
    if middle is not None:
        in_longer, in_shorter, count = middle
        x, y = (in_longer, in_shorter) if longer is left else (in_shorter, in_longer)
        yield from _common(left[:x], right[:y], i, j)
        yield from ((i + x + at, j + y + at) for at in range(count))
        yield from _common(left[x + count :], right[y + count :], i + x + count, j + y + count)
        return
    meeting = _meeting(left, right)
    if meeting is not None:
        x, y = meeting
        yield from _common(left[:x], right[:y], i, j)
        yield from _common(left[x:], right[y:], i + x, j + y)


def _find(part: Lines, whole: Lines, start: int) -> int:
    """Where `part` stands in `whole` from `start` on; -1 if nowhere."""
    places = range(start, len(whole) - len(part) + 1)
    return next((at for at in places if whole[at : at + len(part)] == part), -1)


def _middle(longer: Lines, shorter: Lines) -> tuple[int, int, int] | None:
    """A common run of at least half of `longer`: where it is in both, and its length. Not always found, if there."""
    size = len(longer)
    if size < 4 or len(shorter) * 2 < size:
        return None
    found = [run for seed in ((size + 3) // 4, (size + 1) // 2) if (run := _around(longer, shorter, seed)) is not None]
    return max(reversed(found), key=lambda run: run[2], default=None)


def _around(longer: Lines, shorter: Lines, seed: int) -> tuple[int, int, int] | None:
    """The longest common run around a quarter of `longer` that begins at `seed`, if it is half of it."""
    part = longer[seed : seed + len(longer) // 4]
    best = (0, 0, 0)
    at = _find(part, shorter, 0)
    while at >= 0:
        after = common_start(longer[seed:], shorter[at:])
        before = common_start(longer[:seed][::-1], shorter[:at][::-1])
        if before + after > best[2]:
            best = (seed - before, at - before, before + after)
        at = _find(part, shorter, at + 1)
    return best if best[2] * 2 >= len(longer) else None


class _Front:
    """How far one can come on each diagonal with so many differences, from one end."""

    def __init__(self, left: Lines, right: Lines) -> None:
        self.left, self.right = left, right
        self.reach = {1: 0}

    def steps(self, differences: int) -> Iterator[tuple[int, int]]:
        """Go on by one difference: each diagonal and the place in `left` that is reached on it, if there is one."""
        for diagonal in range(-differences, differences + 1, 2):
            above, below = self.reach.get(diagonal - 1, -1), self.reach.get(diagonal + 1, -1)
            down = diagonal == -differences or (diagonal != differences and above < below)
            x = below if down else above + 1
            while 0 <= x < len(self.left) and 0 <= x - diagonal < len(self.right) and self._same(x, x - diagonal):
                x += 1
            self.reach[diagonal] = x
            if x <= len(self.left) and x - diagonal <= len(self.right):
                yield diagonal, x

    def _same(self, x: int, y: int) -> bool:
        return self.left[x] == self.right[y]


def _meeting(left: list[str], right: list[str]) -> Pair | None:
    """A place on a shortest way through both texts, where the ways from both ends meet; None if nothing is common."""
    forward, backward = _Front(left, right), _Front(left[::-1], right[::-1])
    delta = len(left) - len(right)
    if len(left) + len(right) > MOST_LINES:
        return None
    for differences in range((len(left) + len(right) + 1) // 2):
        for diagonal, x in forward.steps(differences):
            back = backward.reach.get(delta - diagonal, -1)
            if delta % 2 and back != -1 and x >= len(left) - back:
                return x, x - diagonal
        for diagonal, x in backward.steps(differences):
            ahead = forward.reach.get(delta - diagonal, -1)
            if not delta % 2 and ahead != -1 and ahead >= len(left) - x:
                return ahead, ahead - (delta - diagonal)
    return None
