"""Whether all of a stand-in prompt reached the model, by the server's own counts.

All filling text is of one kind, so what the server counts for a known piece of it tells what it must count at least for
the whole, whatever the tokenizer, the template and the tools around it are. Pure.
"""

from __future__ import annotations

from typing import Any

from cab_check.chat import build
from cab_check.handshake import wording
from cab_check.handshake.agent_questions import filling
from cab_check.handshake.plan import Plan
from cab_check.handshake.prefill import prompt_count
from cab_check.handshake.questions import completion
from cab_check.handshake.seen import Seen, Turn
from cab_check.wire.exchange import Ask

PIECE = 4000
"""Characters of the known piece: some 1 000 tokens, less than any context in use."""
_SHARE = 0.9
"""Of what is expected, so much must be counted."""
_FILLING = 200
"""A text of so many characters is filling; shorter ones are names, questions and schemas."""
_NAME = "nobody"


def measure(plan: Plan, seen: Seen) -> Ask:
    """One plain question behind a known piece of filling."""
    text = wording.stand_in(_NAME) + filling(plan.word("piece"), PIECE)
    return completion(plan, seen, [build.user(f"{text}\n{wording.say(plan.word('piece'))}")])


def measuring(plan: Plan, seen: Seen) -> list[Ask]:
    """What is to be asked before `doubt` can tell; empty once it was."""
    ask = measure(plan, seen)
    return [ask] if seen.answer_to(ask) is None else []


def doubt(plan: Plan, seen: Seen, body: Any, count: int | None) -> str:
    """Why it is not shown that all of `body` arrived, of whose prompt the server counted `count` tokens; or nothing."""
    if count is None:
        return "the prompt's tokens were not counted"
    rate = _rate(plan, seen)
    if rate is None:
        return f"{count} prompt tokens were counted, and nothing to compare them with"
    least = int(_SHARE * rate * _length(body))
    if count < least:
        return f"{count} prompt tokens were counted where at least {least} should be: some did not arrive"
    return ""


def _rate(plan: Plan, seen: Seen) -> float | None:
    """Tokens for a character of filling; None without counts that grow with the text."""
    turn = seen.turn_for(measure(plan, seen))
    small = next((t for t in seen.turns if _is_plain(t) and prompt_count(t) is not None), None)
    if turn is None or not turn.answered or small is None:
        return None
    large, little = prompt_count(turn), prompt_count(small)
    chars = _chars(turn) - _chars(small)
    return (large - little) / chars if large is not None and little is not None and large > little else None


def _is_plain(turn: Turn) -> bool:
    return turn.answered and not turn.tools and not turn.has_results and turn.wanted.word is not None


def _chars(turn: Turn) -> int:
    return sum(len(wording.text_of(message)) for message in turn.messages)


def _length(value: Any) -> int:
    """Characters of filling anywhere in a request."""
    if isinstance(value, str):
        return len(value) if len(value) >= _FILLING else 0
    if isinstance(value, dict):
        return sum(_length(item) for item in value.values())
    return sum(_length(item) for item in value) if isinstance(value, list) else 0
