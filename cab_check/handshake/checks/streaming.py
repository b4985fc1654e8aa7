"""The same chat as a stream."""

from __future__ import annotations

from cab_check.handshake import questions
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.checks.chat import answer_faults, text_turns
from cab_check.handshake.form import with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import is_moody, outstanding, tally
from cab_check.knowledge.finding import Finding
from cab_check.wire.exchange import Ask


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    return outstanding(questions.say(plan, seen, stream=True), seen)


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = text_turns(seen, streamed=True)
    if not turns:
        return not_asked("no stream without tools was asked for")
    told = tally(turns, lambda turn: with_failure(turn, seen, _stream_faults, "stream-rejected"), seen)
    if not told.tried:
        return inconclusive(turns, "the reply ended at our own output limit")
    had = any(turn.answered and (turn.reply.content or turn.reply.reasoning) for turn in turns)
    had = had and not told.blocked
    deltas = len(turns[0].reply.deltas)
    return concluded(turns, told.findings, f"{deltas} deltas and an end" if deltas else "whole, to its end", had=had)


def _stream_faults(turn: Turn) -> list[Finding]:
    """What the model says is judged on the plain chat; here, whether the stream carries anything."""
    found = answer_faults(turn)
    empty = [fault.but(owner="server") for fault in found if fault.code == "empty-reply"]
    return [fault for fault in found if not is_moody(fault)] + empty


STREAM = Check("stream", "streaming", "streamed chat", ("chat",), _ask, _judge)
