"""What reached the model of a long conversation: its prompt counts at three sizes, and the marks that come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cab_check.handshake import wording
from cab_check.handshake.agent_questions import LARGE, SMALL
from cab_check.handshake.prefill import prompt_count
from cab_check.handshake.seen import Turn

_SHARE = 0.9
"""Of the tokens per character that the smaller sizes showed, so many must show up in what the largest one has more.
The text is of one kind throughout, so they agree within a few hundredths where nothing is cut."""
_GROWN = 1.5
"""How many times the bare prompt's count the middle one's must be for the server's counts to mean anything."""


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
    """Three sizes of the same conversation, of which the largest counts too few tokens more."""

    full: Turn
    half: Turn
    bare: Turn


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
    return Marks(tuple(stated), tuple(name for name, word in stated.items() if wording.holds(said, word)))


def lost_marks(turns: Sequence[Turn]) -> tuple[str, ...]:
    """The marks that most of these answers lack while they repeat the others; none if no mark came at all."""
    told = [marks_back(turn) for turn in turns if marks_back(turn).came]
    misses = Counter(name for marks in told for name in marks.missing)
    lost = tuple(name for name, times in misses.items() if times * 2 > len(told))
    others = all(set(marks.missing) <= set(lost) for marks in told)
    return lost if others else ()


def whole_count_missing(turns: Sequence[Turn]) -> Short | None:
    """The three sizes that prove that part of the largest was never counted; None if nothing proves it.

    The measure is what the server itself counts for the text that the middle one has more than the bare one, so neither
    the tokenizer nor the template matters. Counts that do not grow with the text prove nothing.
    """
    counted = [(turn, size_of(turn), count) for turn in turns if (count := prompt_count(turn))]
    bare = next((item for item in counted if item[1] < SMALL), None)
    half = next((item for item in counted if SMALL <= item[1] < LARGE), None)
    if bare is None or half is None or half[2] < _GROWN * bare[2]:
        return None
    rate = (half[2] - bare[2]) / (half[1] - bare[1])
    for full, size, count in counted:
        if size >= LARGE and count - half[2] < _SHARE * rate * (size - half[1]):
            return Short(full, half[0], bare[0])
    return None
