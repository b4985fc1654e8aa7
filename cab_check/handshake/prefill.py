"""How fast the server reads a prompt, from the questions that were asked anyway: what a long one will take."""

from __future__ import annotations

from dataclasses import dataclass

from cab_check.handshake import questions
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn

TOO_LONG_S = 120.0
"""A question that is estimated to take longer than this is asked only if the plan says so."""
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Rate:
    """Prompt tokens per second up to the first token of the answer; size and exchange of the prompt that showed it."""

    per_second: float
    tokens: int
    exchange: int

    def seconds_for(self, chars: int, *, at_most: int | None = None) -> float:
        """The estimate for a prompt of so many characters, of which `at_most` so many tokens are read."""
        tokens = chars / _CHARS_PER_TOKEN
        return (tokens if at_most is None else min(tokens, at_most)) / self.per_second


def prefill_rate(seen: Seen) -> Rate | None:
    """The rate that the longest prompt showed so far, one of our long ones apart; None if no reply tells."""
    told = [*seen.turns, *seen.about("offer")]
    timed = [
        (count, ms, turn.number) for turn in told if (count := prompt_count(turn)) and (ms := first_token_ms(turn))
    ]
    if not timed:
        return None
    tokens, ms, number = max(timed)
    return Rate(tokens / (ms / 1000), tokens, number)


def first_token_ms(turn: Turn) -> float | None:
    """Milliseconds to the first piece of the answer; of a plain reply, to its end, which is later."""
    if not turn.answered:
        return None
    first = next((delta.at_ms for delta in turn.reply.deltas if delta.kind in ("content", "reasoning", "tool")), None)
    return first if first is not None or turn.streamed else turn.exchange.times.end or None


def prompt_count(turn: Turn) -> int | None:
    """The prompt's tokens as the server counted them."""
    return turn.reply.usage.prompt if turn.answered and turn.reply.usage else None


def streams_count(plan: Plan, seen: Seen) -> bool | None:
    """Whether a stream of this server ends in token counts; None as long as none was answered."""
    question = questions.say(plan, seen, stream=True)
    if seen.answer_to(question) is None:
        return None
    turn = seen.turn_for(question)
    return turn is not None and prompt_count(turn) is not None
