"""Are the parameters that agents send taken, and do those have an effect whose effect can be seen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cab_check.handshake import forms, questions
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked, nothing_to_ask
from cab_check.handshake.checks.taken import judged, refused, suspects_in
from cab_check.handshake.failure import shown
from cab_check.handshake.narrow import Narrowed, Parts, answer, narrow
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn, refused_param
from cab_check.handshake.wording import COUNT, COUNT_FAR
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.sent import sent
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask

_CONTENT = "reply.choices[0].message.content"
_LONGEST_TOKEN = 8
"""Characters of digits and spaces that one token holds at most, with room to spare."""
_VALUE_ONLY = re.compile(
    r"unsupported value|invalid value|does not support \S+ with this model|only the default|must be|should be|"
    r"only .{0,30}(?:allowed|supported)|(?:invalid|wrong) \w+ value|out of range|not a valid",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"1(?P<gap>\D{1,3})2(?P=gap)3")


def _judge_own(plan: Plan, seen: Seen) -> Outcome:
    """Parameters of our own questions that were refused, and left out from then on."""
    turns = [turn for turn in seen.all_turns if turn.apart is None and refused_param(turn)]
    if not seen.turns:
        return not_asked()
    found = []
    for name in sorted(seen.refused_params):
        refusals = [shown(turn.exchange) for turn in turns if refused_param(turn) == name]
        # Clients know how to do without these few, so a refusal degrades where it would block elsewhere.
        finding = make("param-rejected", subject=name, severity="degrades", evidence=refusals, confidence="high")
        found.append(finding.but(seen=(len(refusals), len(refusals))))
    return concluded(turns or seen.turns[:1], found, "max_tokens, temperature and stream_options are taken")


def _narrowed(plan: Plan, seen: Seen) -> Narrowed:
    turns = [turn for turn in seen.apart if turn.apart == COUNT]
    return narrow(
        forms.every_param(seen),
        lambda names: forms.with_params(plan, seen, names),
        turns,
        forms.params_of,
        _suspects,
        seen,
    )


def _suspects(turn: Turn, names: Parts) -> Sequence[str]:
    """The parameters that a refusal names, the one that its words are about first."""
    return suspects_in(turn, [sent("params")[name] for name in sent("params") if name in names], by_name=True)


def _ask_sent(plan: Plan, seen: Seen) -> list[Ask]:
    return list(_narrowed(plan, seen).waiting)


def _judge_sent(plan: Plan, seen: Seen) -> Outcome:
    told = _narrowed(plan, seen)
    found = [_rejected(name, turn) for name, turn in told.refused.items()]
    ignored = [fault for turn in told.asked if answer(turn, seen) == "accepted" for fault in _stop_faults(turn)]
    return judged(told, [*found, *ignored[:1]], seen, f"{len(forms.every_param(seen))} parameters are taken together")


def _rejected(name: str, turn: Turn) -> Finding:
    """The parameter, or with its value where the words are about the value."""
    row = sent("params")[name]
    words = turn.reply.error.message if turn.reply.error else ""
    subject = row.subject
    if row.code == "param-rejected" and _VALUE_ONLY.search(words):
        subject = f"{name}={turn.request[name]}"
    return refused(row, turn, subject=subject)


def _stop_faults(turn: Turn) -> list[Finding]:
    """Text that goes on after a stop sequence. A server may leave the sequence itself in."""
    text = (turn.reply.content or "").rstrip()
    for mark in turn.request.get("stop") or ():
        at = text.find(mark)
        if at >= 0 and text[at + len(mark) :]:
            words = f"stop {mark!r}, and the text goes on: {text}"
            return [
                make(
                    "param-ignored",
                    subject="stop",
                    evidence=[evidence(turn.number, _CONTENT, words)],
                    confidence="high",
                )
            ]
    return []


def _ask_far(plan: Plan, seen: Seen) -> list[Ask]:
    ask = forms.far(plan, seen)
    return [ask] if seen.answer_to(ask) is None and questions.has_limit(ask) else []


def _judge_far(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in seen.apart if turn.apart == COUNT_FAR and turn.limit is not None]
    if not turns:
        return not_asked("no long answer was asked for under a small limit")
    answered = [turn for turn in turns if turn.answered]
    if not answered:
        return inconclusive(
            turns, f"HTTP {turns[0].exchange.status}" if turns[0].exchange.status else turns[0].exchange.end
        )
    found = [fault for turn in answered for fault in _limit_faults(turn)]
    return concluded(answered, found[:1], f"the answer ends at {answered[0].limit} tokens")


def _limit_faults(turn: Turn) -> list[Finding]:
    """More text than the limit holds; or an answer that was cut there, and is said to be whole."""
    text, limit = turn.reply.content or "", turn.limit or 0
    counted = turn.reply.usage.completion if turn.reply.usage else None
    name = next(name for name in ("max_completion_tokens", "max_tokens") if name in turn.request)
    words = f"{name} {limit}, finish_reason {turn.reply.finish_reason}, {counted} tokens: {text}"
    shows = [evidence(turn.number, _CONTENT, words)]
    if not _COUNTED.match(text.strip()):
        return []  # not the numbers that were asked for, whose length is known
    if len(text) > limit * _LONGEST_TOKEN:
        return [make("param-ignored", subject=name, evidence=shows, confidence="high")]
    if turn.reply.finish_reason == "stop" and counted == limit and not text.rstrip(" .").endswith("99"):
        return [make("truncation-hidden", subject="stop", evidence=shows)]
    return []


_LAYER = "params"
PARAMS = Check("params", _LAYER, "parameters", ("model",), nothing_to_ask, _judge_own)
AGENT_PARAMS = Check(
    "agent-params", _LAYER, "the parameters that agents send", ("tools", "stream"), _ask_sent, _judge_sent
)
OUTPUT_LIMIT = Check("output-limit", _LAYER, "the output limit", ("chat",), _ask_far, _judge_far)
