"""What reached the model of a long conversation: its prompt counts at two sizes, and the marks that come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cab_check.handshake import wording
from cab_check.handshake.agent_questions import LARGE, SMALL
from cab_check.handshake.prefill import prompt_count
from cab_check.handshake.seen import Turn

_SHARE = 0.5
"""Of the tokens per character that the smaller size showed, so many must show up in what the larger one has more."""
_GROWN = 2
"""How many times the smallest prompt's count the middle one's must be for the server's counts to mean anything."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks that a conversation states, and those of them that its answer repeats."""

    stated: tuple[str, ...]
    came: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that did not come back."""
        return tuple(name for name in self.stated if name not in self.came)


@dataclass(frozen=True, slots=True)
class Short:
    """Two sizes of the same conversation of which the larger counts too few tokens more."""

    full: Turn
    half: Turn


def size_of(turn: Turn) -> int:
    """Characters of text in the messages."""
    return sum(len(wording.text_of(message)) for message in turn.messages)


def marks_back(turn: Turn) -> Marks:
    """Which marks of the conversation the answer holds, anywhere in it."""
    offered = turn.request.get("tools")
    functions = (
        [tool.get("function") for tool in offered if isinstance(tool, dict)] if isinstance(offered, list) else []
    )
    described = [str(f.get("description")) for f in functions if isinstance(f, dict)]
    texts = [*(wording.text_of(message) for message in turn.messages), *described]
    stated = {name: word for text in texts for name, word in wording.marks(text).items()}
    said = f"{turn.reply.content or ''} {turn.reply.reasoning or ''}"
    return Marks(tuple(stated), tuple(name for name, word in stated.items() if word in said))


def lost_marks(turns: Sequence[Turn]) -> tuple[str, ...]:
    """The marks that most of these answers lack while they repeat the others; none if no mark came at all."""
    told = [marks_back(turn) for turn in turns if marks_back(turn).came]
    misses = Counter(name for marks in told for name in marks.missing)
    lost = tuple(name for name, times in misses.items() if times * 2 > len(told))
    others = all(set(marks.missing) <= set(lost) for marks in told)
    return lost if others else ()


def whole_count_missing(turns: Sequence[Turn], smallest: int | None) -> Short | None:
    """The pair that proves that part of the larger one was never counted; None if nothing proves it.

    The measure is the server's own count of the smaller one, so neither the tokenizer nor the template matters. Counts
    that do not grow from the smallest question on (`smallest`) prove nothing.
    """
    counted = [(turn, size_of(turn), count) for turn in turns if (count := prompt_count(turn))]
    for half, half_size, half_count in counted:
        if not SMALL <= half_size < LARGE or smallest is None or half_count < _GROWN * smallest:
            continue
        for full, full_size, full_count in counted:
            more = (full_count - half_count) / (full_size - half_size) if full_size >= LARGE else None
            if more is not None and more < _SHARE * half_count / half_size:
                return Short(full, half)
    return None
