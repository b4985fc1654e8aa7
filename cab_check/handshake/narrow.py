"""Taking a refused request apart: what was asked together is asked in parts until the part that is refused is known.

The server's own words come first: the part that they name is left out, and if that helps, or the words then name
something else, that part it was. Else by halves. Everything is read off the recording, so the same recording always
gives the same next request and the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cab_check.handshake.failure import failure
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.vocabulary import code
from cab_check.wire.exchange import Ask

MOST = 16
"""Requests for one question, the first included; what is not known then is said to be unknown."""
MOST_NAMED = 5

Parts = frozenset[str]
Build = Callable[[Parts], Ask]
Read = Callable[[Turn], Parts]
Find = Callable[[Parts], Turn | None]
Suspects = Callable[[Turn, Parts], Sequence[str]]
Answer = Literal["accepted", "refused", "untold"]

_OF_THE_MOMENT = frozenset({401, 402, 403, 407, 408, 413, 429, 502, 503, 504, 524, 529})
_ELSEWHERE = frozenset({"address", "network", "auth", "model", "context"})
_ROOM = frozenset({"reasoning-exhausts-limit", "output-limit-refused"})


@dataclass(frozen=True)
class Narrowed:
    """`refused`: each part that is refused, with the reply that says so. `unsaid`: why the rest is not known."""

    waiting: tuple[Ask, ...] = ()
    refused: Mapping[str, Turn] = field(default_factory=dict)
    answered: Turn | None = None
    asked: tuple[Turn, ...] = ()
    unsaid: str = ""


class _Waiting(Exception):
    """This has to be asked before more can be said."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self.ask = ask


class _Unsaid(Exception):
    """No more can be said, for this reason."""


def answer(turn: Turn, seen: Seen) -> Answer:
    """Whether the request was taken, refused for what it holds, or met with something else."""
    if turn.answered:
        return "accepted"
    status = turn.exchange.status
    if status is None or turn.stopped_short or status in _OF_THE_MOMENT or status < 200 or 300 <= status < 400:
        return "untold"
    failed = failure(turn.exchange, seen)
    if failed is None:
        return "refused" if turn.reply.error is not None else "untold"
    about_it = code(failed.code).layer not in _ELSEWHERE or failed.confidence != "high"
    return "refused" if about_it and failed.code not in _ROOM else "untold"


def narrow(
    parts: Sequence[str], build: Build, turns: Iterable[Turn], read: Read, suspects: Suspects, seen: Seen
) -> Narrowed:
    """What of `parts` is refused, from `turns`, whose parts `read` tells; or what to ask next."""
    told = {read(turn): turn for turn in reversed(list(turns))}
    return narrow_by(parts, build, told.get, suspects, seen)


def narrow_by(parts: Sequence[str], build: Build, find: Find, suspects: Suspects, seen: Seen) -> Narrowed:
    """The same, where `find` gives the turn that went out with some parts, None if none did."""
    job = _Job(build, find, suspects, seen)
    left, refused = list(parts), dict[str, Turn]()
    try:
        while True:
            turn = job.ask(left)
            if job.accepted(turn):
                return Narrowed((), refused, turn, job.asked)
            culprit = job.by_words(turn, left) or job.by_halves(left)
            refused[culprit] = turn if culprit in suspects(turn, frozenset(left)) else job.ask([culprit])
            left.remove(culprit)
    except _Waiting as wanted:
        return Narrowed((wanted.ask,), refused, None, job.asked)
    except _Unsaid as why:
        return Narrowed((), refused, None, job.asked, str(why))


class _Job:
    """One replay over what was asked so far."""

    def __init__(self, build: Build, find: Find, suspects: Suspects, seen: Seen) -> None:
        self._build, self._find, self._suspects, self._seen = build, find, suspects, seen
        self._asked: dict[Parts, Turn] = {}

    @property
    def asked(self) -> tuple[Turn, ...]:
        """What was looked at, in that order."""
        return tuple(self._asked.values())

    def ask(self, parts: Iterable[str]) -> Turn:
        """The reply to the request with these parts."""
        wanted = frozenset(parts)
        turn = self._find(wanted)
        if turn is None and len(self._asked) >= MOST:
            raise _Unsaid(f"not taken apart any further after {MOST} requests")
        if turn is None:
            raise _Waiting(self._build(wanted))
        self._asked[wanted] = turn
        return turn

    def accepted(self, turn: Turn) -> bool:
        """Whether it was taken. Raises _Unsaid if the reply does not tell."""
        came = answer(turn, self._seen)
        if came == "untold":
            status = turn.exchange.status
            raise _Unsaid(f"request {turn.number} ended in " + (f"HTTP {status}" if status else turn.exchange.end))
        return came == "accepted"

    def by_words(self, turn: Turn, left: Sequence[str]) -> str | None:
        """The part that the refusal names, if it goes away, or changes its words, without that part.

        Where several may be meant, each is asked alone; those that are refused only together are left out in turn.
        """
        every = frozenset(left)
        names = list(self._suspects(turn, every))[:MOST_NAMED]
        if names and self._goes_without(names[0], every):
            return names[0]
        if names and self.accepted(self.ask(())):
            alone = next((name for name in names if not self.accepted(self.ask([name]))), None)
            return alone or next((name for name in names[1:] if self._goes_without(name, every)), None)
        return None

    def _goes_without(self, name: str, every: Parts) -> bool:
        without = self.ask(every - {name})
        return self.accepted(without) or name not in self._suspects(without, every)

    def by_halves(self, left: Sequence[str]) -> str:
        """The first part that is refused alone, where nothing is refused without any. Raises _Unsaid without one."""
        if not self.accepted(self.ask(())):
            raise _Unsaid("refused in its plainest form, too")
        part = list(left)
        while len(part) > 1:
            half = part[: len(part) // 2]
            part = part[len(half) :] if self.accepted(self.ask(half)) else half
        if self.accepted(self.ask(part)):
            raise _Unsaid("refused together, and taken in its parts")
        return part[0]
