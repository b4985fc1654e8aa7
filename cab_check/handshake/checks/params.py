"""Are the parameters that agents send taken, and do those have an effect whose effect can be seen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cab_check.handshake import forms
from cab_check.handshake.check import Check, Outcome, concluded, not_asked, nothing_to_ask
from cab_check.handshake.checks.taken import judged, refused, suspects_in
from cab_check.handshake.failure import shown
from cab_check.handshake.narrow import Narrowed, Parts, answer, narrow
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn, refused_param
from cab_check.handshake.wording import COUNT
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.sent import sent
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask

_CONTENT = "reply.choices[0].message.content"
_VALUE_ONLY = re.compile(
    r"unsupported value|invalid value|does not support \S+ with this model|only the default|must be|should be|"
    r"only .{0,30}(?:allowed|supported)|(?:invalid|wrong) \w+ value|out of range|not a valid",
    re.IGNORECASE,
)


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
    found += _several_at_once(seen)
    return concluded(turns or seen.turns[:1], found, "max_tokens, temperature and stream_options are taken")


def _several_at_once(seen: Seen) -> list[Finding]:
    """Several calls in one reply, where the request asked for one at a time. Clients carry out what comes."""
    asked = [turn for turn in seen.turns if turn.request.get("parallel_tool_calls") is False and turn.answered]
    several = [turn for turn in asked if len(turn.reply.tool_calls) > 1]
    if not several:
        return []
    words = f"parallel_tool_calls false, and {len(several[0].reply.tool_calls)} calls"
    shows = [evidence(several[0].number, "reply.choices[0].message.tool_calls", words)]
    seen_ = (len(several), len(asked))
    return [make("param-ignored", subject="parallel_tool_calls", severity="info", evidence=shows, seen=seen_)]


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


_LAYER = "params"
PARAMS = Check("params", _LAYER, "parameters", ("model",), nothing_to_ask, _judge_own)
AGENT_PARAMS = Check(
    "agent-params", _LAYER, "the parameters that agents send", ("tools", "stream"), _ask_sent, _judge_sent
)
