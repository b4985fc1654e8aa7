"""Are tokens counted, and can the counts be true."""

from __future__ import annotations

from collections.abc import Callable

from cab_check.handshake.check import Check, Outcome, concluded, not_asked, nothing_to_ask
from cab_check.handshake.form import problems
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import merge
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code, evidence, make

_TOLD_APART = 4
"""How many times as long one prompt must be as another before equal counts are implausible."""


def _judge(streamed: bool) -> Callable[[Plan, Seen], Outcome]:
    def judge(plan: Plan, seen: Seen) -> Outcome:
        turns = [turn for turn in seen.turns if turn.streamed == streamed and _is_countable(turn)]
        if not turns:
            return not_asked("no reply should have carried a count")
        faults = [fault for turn in turns for fault in problems(turn) if code(fault.code).layer == "usage"]
        keys = dict.fromkeys(fault.key for fault in faults)
        found = [merge([fault for fault in faults if fault.key == key], len(turns)) for key in keys]
        if not found:
            found = _constant(turns)
        return concluded(turns, found, f"{len(turns)} of {len(turns)} replies counted")

    return judge


def _is_countable(turn: Turn) -> bool:
    """Whether a count was due: an answer with something in it, and if it is a stream, one that was asked to count."""
    reply = turn.reply
    something = bool(turn.messages) and bool(reply.content or reply.reasoning or reply.tool_calls)
    options = turn.request.get("stream_options")
    asked = isinstance(options, dict) and options.get("include_usage") is True
    return turn.answered and something and reply.finish_reason is not None and (asked or not turn.streamed)


def _constant(turns: list[Turn]) -> list[Finding]:
    """The same prompt count for prompts of very different length."""
    counted = sorted(
        ((len(turn.exchange.sent.body), turn.reply.usage.prompt, turn) for turn in turns if turn.reply.usage),
        key=lambda item: item[0],
    )
    if len(counted) < 2 or counted[0][1] is None or counted[0][0] * _TOLD_APART > counted[-1][0]:
        return []
    if any(prompt != counted[0][1] for _, prompt, _ in counted):
        return []
    words = f"prompt_tokens {counted[0][1]} for requests of {counted[0][0]} and {counted[-1][0]} bytes"
    return [make("usage-implausible", evidence=[evidence(counted[-1][2].number, "reply.usage.prompt_tokens", words)])]


USAGE = Check("usage", "usage", "token counts", ("chat",), nothing_to_ask, _judge(False))
USAGE_STREAM = Check("usage-stream", "usage", "token counts of streams", ("stream",), nothing_to_ask, _judge(True))
