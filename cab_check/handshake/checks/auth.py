"""Is the key accepted, and the account behind it."""

from __future__ import annotations

from cab_check.handshake.check import Check, Outcome
from cab_check.handshake.checks.gates import ask_plain_chat, gate
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make

_SHAPES = {
    "empty": "nothing",
    "whitespace": "white space",
    "line_end": "a line end",
    "quotes": "quotes",
    "bom": "an invisible mark",
    "bearer_prefix": "a 'Bearer ' prefix",
    "non_ascii": "letters that are not ASCII",
    "control": "a control character",
    "variable": "the name of a variable instead of its value",
}
"""What is wrong with the form of a key, in words; `short` and `placeholder` are no fault of form."""
_gate = gate("auth", proof="the request is let in")


def _judge(plan: Plan, seen: Seen) -> Outcome:
    outcome = _gate(plan, seen)
    if outcome.status == "fail":
        return Outcome("fail", outcome.reason, (*_malformed(seen, outcome), *outcome.findings), outcome.exchanges)
    clear = _in_clear(seen)
    if clear and outcome.status == "pass":
        return Outcome("warn", clear[0].title, clear, outcome.exchanges)
    return outcome


def _malformed(seen: Seen, outcome: Outcome) -> tuple[Finding, ...]:
    """The shape of a key explains why it is refused; one that is let in may look as it likes."""
    odd = [name for name, is_so in seen.facts.key_shape.items() if is_so and name in _SHAPES]
    refused = any(finding.code in ("key-rejected", "key-missing") for finding in outcome.findings)
    if not odd or not refused:
        return ()
    words = f"the key from {seen.facts.key_source or 'the options'} has: {', '.join(odd)}"
    title = f"The key carries {' and '.join(_SHAPES[name] for name in odd)}."
    return (make("key-malformed", title=title, evidence=[evidence(None, "facts.key_shape", words)], confidence="high"),)


def _in_clear(seen: Seen) -> tuple[Finding, ...]:
    keyed = [exchange for exchange in seen.exchanges if exchange.sent.keyed]
    if seen.facts.loopback_or_private or not keyed or not keyed[0].sent.url.startswith("http:"):
        return ()
    return (
        make("key-in-clear", evidence=[evidence(keyed[0].number, "request.url", keyed[0].sent.url)], confidence="high"),
    )


KEY = Check("key", "auth", "the key", ("service",), ask_plain_chat, _judge)
