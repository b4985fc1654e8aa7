"""Deviations of form in a reply, as the reader of replies named them, made into findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cab_check.chat.errors import read_error
from cab_check.handshake.failure import failure
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Evidence, Finding
from cab_check.knowledge.vocabulary import code, evidence, make

Faults = Callable[[Turn], Sequence[Finding]]

APART = frozenset({"usage", "reasoning"})
"""Layers that have checks of their own, which look at every reply."""

READABLE = frozenset({("stream-event-malformed", "role"), ("stream-event-malformed", "last-delta")})
"""Faults that stop some clients and take nothing from what the reply says. Measured in November 2026: an empty role
stops OpenCode and Mistral Vibe, a last chunk without its delta gptme, Kimi CLI and Mistral Vibe; the others read on."""

ERROR_WORDS = "reply.error"
"""Where evidence stands that is the words of an error under a success status."""

_NO_MESSAGE = frozenset(
    {
        "response-not-json",
        "response-shape",
        "error-in-success",
        "web-page-instead-of-api",
        "stream-error-event",
        "stream-event-malformed",
        "stream-cut",
        "stream-compressed",
        "responses-api-broken",
        "messages-api-broken",
    }
)


def form_faults(turn: Turn) -> list[Finding]:
    """What is wrong with the form of the reply, but for what concerns usage and reasoning."""
    return [fault for fault in problems(turn) if code(fault.code).layer not in APART]


def problems(turn: Turn) -> list[Finding]:
    """Every deviation of form in the reply as a finding, in the order they showed."""
    found = [
        make(
            problem.code,
            subject=problem.subject,
            evidence=[Evidence(turn.number, problem.where, problem.excerpt)],
            severity="degrades" if (problem.code, problem.subject) in READABLE else None,
            confidence="high",
        )
        for problem in turn.reply.problems
    ]
    return [*_named_error(turn), *found]


def is_readable(fault: Finding) -> bool:
    """Whether it takes nothing from what the reply says, though some clients stop at it."""
    return (fault.code, fault.subject) in READABLE


def is_broken_form(faults: Sequence[Finding]) -> bool:
    """Whether the reply is so broken that a missing text or call in it says nothing of its own."""
    return any(fault.code in _NO_MESSAGE and not is_readable(fault) for fault in faults)


def _named_error(turn: Turn) -> list[Finding]:
    """What the words of an error under status 200 say: no credit, no such model, no such route ..."""
    error = turn.reply.error
    status = turn.exchange.status
    if error is None or status is None or not 200 <= status < 300:
        return []
    error = error if error.message else read_error(None, turn.exchange.body) or error
    headers = turn.exchange.got.headers if turn.exchange.got else ()
    found = classify_error(error, error.status, headers, keyed=turn.exchange.sent.keyed)
    if found is None:
        return []
    return [
        make(
            found[0],
            subject=found[1],
            evidence=[evidence(turn.number, ERROR_WORDS, error.message)],
            confidence="high",
        )
    ]


def with_failure(turn: Turn, seen: Seen, faults: Faults, unnamed: str) -> list[Finding]:
    """Why there was no answer, or else what is wrong with it."""
    failed = failure(turn.exchange, seen, unnamed=unnamed)
    if failed is not None:
        return [failed]
    return [] if turn.exchange.end == "interrupted" else list(faults(turn))
