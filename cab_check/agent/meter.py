"""What one run has used, against its ceilings."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cab_check.agent.result import AgentEnd, AgentLimits

_BYTES_PER_TOKEN = 4  # rough, for English text and code; used only where the endpoint does not count


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run is over, as a kind and in words."""

    end: AgentEnd
    detail: str


class Meter:
    """Counts turns, tokens, time and malformed replies of one run; the clock starts when it is made."""

    def __init__(self, limits: AgentLimits, malformed_in_a_row: int) -> None:
        self._limits, self._most_malformed = limits, malformed_in_a_row
        self._deadline = time.monotonic() + limits.wall_s
        self._tokens = self._tokens_of_last = self._malformed_in_a_row = 0
        self._guessed = False
        self.turns = self.malformed = 0

    def left_s(self) -> float:
        """Seconds until the ceiling on wall time; never less than 0."""
        return max(0.0, self._deadline - time.monotonic())

    def charge(self, tokens: int | None, size: int) -> None:
        """Count one model call: its tokens as the endpoint gave them, or a guess from `size`, its bytes both ways."""
        self._guessed |= tokens is None
        self._tokens_of_last = size // _BYTES_PER_TOKEN if tokens is None else tokens
        self._tokens += self._tokens_of_last

    def well_formed(self) -> None:
        """The last reply could be acted on."""
        self._malformed_in_a_row = 0

    def ill_formed(self, why: str) -> Ending | None:
        """Count a malformed reply, and end the run if it was one too many."""
        self.malformed += 1
        self._malformed_in_a_row += 1
        count = self._malformed_in_a_row
        if count < self._most_malformed:
            return None
        return Ending("malformed", f"{count} malformed replies in a row; the last: {why}")

    def out_of_time(self) -> Ending | None:
        """The end on wall time, if that is over."""
        if self.left_s() > 0:
            return None
        return Ending("time", f"the ceiling of {self._limits.wall_s:g} s was reached in turn {self.turns}")

    def reached(self) -> Ending | None:
        """The ceiling that forbids another turn, if one does."""
        limits = self._limits
        if ending := self.out_of_time():
            return ending
        if self.turns >= limits.turns:
            return Ending("turns", f"the ceiling of {limits.turns} turns was reached")
        # A request holds all that went before, so the next one costs at least as much as the last.
        if self._tokens + self._tokens_of_last > limits.tokens:
            used = f"{'about ' if self._guessed else ''}{self._tokens} tokens used"
            why = f"{used}; another turn would pass the ceiling of {limits.tokens}"
            return Ending("tokens", why + (" (the endpoint does not count them)" if self._guessed else ""))
        return None
