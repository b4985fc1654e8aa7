"""Output limits: does a small one end the answer there, and is one of an agent's size taken."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cab_check.handshake import agent_questions as asks
from cab_check.handshake import forms, questions
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.failure import failure
from cab_check.handshake.form import form_faults, with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.wording import COUNT_FAR
from cab_check.knowledge.finding import Finding, Severity
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask

_CONTENT = "reply.choices[0].message.content"
_LONGEST_TOKEN = 8
"""Characters of digits and spaces that one token holds at most, with room to spare."""
_COUNTED = re.compile(r"1(?P<gap>\D{1,3})2(?P=gap)3")


# --- a small limit ---------------------------------------------------------------------------------------------------


def _ask_far(plan: Plan, seen: Seen) -> list[Ask]:
    """Under both names of the limit, but for one that was refused: each is all that some client sends."""
    names = [name for name in forms.LIMITS if name not in seen.refused_params]
    return [ask for name in names if seen.answer_to(ask := forms.far(plan, seen, name)) is None]


def _judge_far(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in seen.apart if turn.apart == COUNT_FAR and turn.limit is not None]
    if not turns:
        return not_asked("no long answer was asked for under a small limit")
    answered = [turn for turn in turns if turn.answered]
    if not answered:
        return inconclusive(
            turns, f"HTTP {turns[0].exchange.status}" if turns[0].exchange.status else turns[0].exchange.end
        )
    found = {fault.key: fault for turn in reversed(answered) for fault in _limit_faults(turn, seen)}
    return concluded(answered, reversed(found.values()), f"the answer ends at {answered[0].limit} tokens")


def _limit_faults(turn: Turn, seen: Seen) -> list[Finding]:
    """More text than the limit holds; or an answer that was cut there, and is said to be whole."""
    text, limit = turn.reply.content or "", turn.limit or 0
    counted = turn.reply.usage.completion if turn.reply.usage else None
    old, new = forms.LIMITS
    name = new if new in turn.request else old
    words = f"{name} {limit}, finish_reason {turn.reply.finish_reason}, {counted} tokens: {text}"
    shows = [evidence(turn.number, _CONTENT, words)]
    if not _COUNTED.match(text.strip()):
        return []  # not the numbers that were asked for, whose length is known
    if len(text) > limit * _LONGEST_TOKEN:
        # The new name matters to few where the old one is taken.
        weighs: Severity | None = "info" if name == new and old not in seen.refused_params else None
        return [make("param-ignored", subject=name, severity=weighs, evidence=shows, confidence="high")]
    if turn.reply.finish_reason == "stop" and counted == limit and not text.rstrip(" .").endswith("99"):
        return [make("truncation-hidden", subject="stop", evidence=shows)]
    return []


# --- a large one -----------------------------------------------------------------------------------------------------


def _ask_large(plan: Plan, seen: Seen) -> list[Ask]:
    """Plain; and if it is refused for the limit, as a stream, since agents stream."""
    plain = asks.large_limit(plan, seen)
    if not questions.has_limit(plain):
        return []
    turn = seen.turn_for(plain)
    if turn is None:
        return [plain] if seen.answer_to(plain) is None else []
    stream = asks.large_limit(plan, seen, stream=True)
    return [stream] if _for_its_limit(turn, seen) and seen.answer_to(stream) is None else []


def _judge_large(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in seen.all_turns if turn.wanted.about == "limit"]
    if not turns:
        return not_asked("no large output limit was asked for")
    refusals = [(turn, why) for turn in turns if (why := _for_its_limit(turn, seen)) is not None]
    taken = [turn for turn in turns if turn.answered]
    if refusals:
        return concluded(turns, _refused([why for _, why in refusals], taken), "")
    if not taken:
        reason = next(iter(with_failure(turns[0], seen, form_faults, "unrecognised")), None)
        return inconclusive(turns, f"{reason.key}: {reason.title}" if reason else "no answer")
    return concluded(taken, [], f"a limit of {taken[0].limit} tokens is taken")


def _refused(whys: Sequence[Finding], taken: Sequence[Turn]) -> list[Finding]:
    """The refusal; where only the plain request was refused, it is a note for the few that do not stream."""
    first = whys[0]
    shows = [item for why in whys for item in why.evidence]
    streams = next((turn for turn in taken if turn.streamed), None)
    if streams is not None:
        shows.append(evidence(streams.number, "reply", "the same limit is taken as a stream"))
    weighs: Severity = "degrades" if streams is None else "info"
    return [first.but(severity=weighs, evidence=tuple(shows), seen=(len(whys), len(whys) + len(taken)))]


def _for_its_limit(turn: Turn, seen: Seen) -> Finding | None:
    """Why the request was refused, if for its output limit: a word was had under a smaller one."""
    failed = None if turn.answered else failure(turn.exchange, seen, unnamed="output-limit-refused")
    if failed is None:
        return None
    subject = (failed.subject or "").partition("=")[0]
    if failed.code == "context-too-small":
        return make("context-counts-output", evidence=failed.evidence, confidence=failed.confidence)
    if failed.code == "param-rejected" and subject in forms.LIMITS:
        return make("output-limit-refused", evidence=failed.evidence, confidence="medium")
    return failed if failed.code == "output-limit-refused" else None


OUTPUT_LIMIT = Check("output-limit", "params", "the output limit", ("chat",), _ask_far, _judge_far)
LARGE_LIMIT = Check(
    "large-limit", "params", "an output limit as agents ask for it", ("tool-call",), _ask_large, _judge_large
)
