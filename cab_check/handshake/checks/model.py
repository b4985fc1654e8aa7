"""Does the endpoint know the model."""

from __future__ import annotations

from cab_check.base.text import nearest
from cab_check.handshake.check import Check, Outcome
from cab_check.handshake.checks.gates import ask_plain_chat, gate
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, listed
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make

_gate = gate("model", proof="the model answers")


def models_listed(seen: Seen) -> tuple[str, ...] | None:
    """The ids that the endpoint lists; None if it gave no list."""
    return next((names for names in map(listed, seen.lists) if names is not None), None)


def _judge(plan: Plan, seen: Seen) -> Outcome:
    names = models_listed(seen)
    if plan.model is None:
        return Outcome("fail", f"no model was named; {_served(names)}")
    outcome = _gate(plan, seen)
    if outcome.status == "fail":
        found = tuple(_with_names(finding, plan.model, names) for finding in outcome.findings)
        return Outcome("fail", f"{outcome.reason} {_served(names)}", found, outcome.exchanges)
    return Outcome(outcome.status, outcome.reason, _ignored(plan.model, names, seen), outcome.exchanges)


def _with_names(finding: Finding, model: str, names: tuple[str, ...] | None) -> Finding:
    """The closest ids that are served, as the subject and in the evidence."""
    if finding.code != "model-not-found" or not names:
        return finding
    close = nearest(model, list(names)) or list(names[:3])
    words = f"served: {', '.join(dict.fromkeys([*close, *names[:5]]))}{' ...' if len(names) > 5 else ''}"
    return finding.but(
        subject=close[0], evidence=(*finding.evidence, evidence(None, "models", words)), confidence="high"
    )


def _served(names: tuple[str, ...] | None) -> str:
    if names is None:
        return "The endpoint gives no list of models."
    return f"Served: {', '.join(names[:5]) or 'none'}{f' and {len(names) - 5} more' if len(names) > 5 else ''}."


def _ignored(model: str, names: tuple[str, ...] | None, seen: Seen) -> tuple[Finding, ...]:
    """A model that is not listed was asked for, and one that is listed answered."""
    if not names or model in names:
        return ()
    turn = next((turn for turn in seen.turns if turn.answered and turn.reply.model in names), None)
    if turn is None:
        return ()
    words = f"{model!r} was asked for, {turn.reply.model!r} answered"
    return (make("model-id-ignored", evidence=[evidence(turn.number, "reply.model", words)], confidence="high"),)


MODEL = Check("model", "model", "the model", ("key",), ask_plain_chat, _judge)
