"""Structured output: is `response_format` taken, and obeyed. Few agents need it: it is asked last, and never weighs."""

from __future__ import annotations

import json
from typing import Any

from cab_check.chat.markup import find_think
from cab_check.handshake import agent_questions as asks
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.failure import failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import outstanding
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask

FORMS = ("json_object", "json_schema")
_REJECTED = "structured-output-rejected"


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    return [ask for form in FORMS for ask in outstanding(asks.json_answer(plan, seen, form), seen)]


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in seen.about("json") if _form(turn) in FORMS]
    if not turns:
        return not_asked("no structured output was asked for")
    found = [fault for turn in turns for fault in _faults(turn, seen)]
    obeyed = {_form(turn) for turn in turns if turn.answered and _is_as_asked(turn)}
    if not found and not obeyed:
        return inconclusive(turns, "no answer that tells")
    return concluded(turns, found, f"{' and '.join(form for form in FORMS if form in obeyed)} obeyed")


def _form(turn: Turn) -> str:
    wanted = turn.request.get("response_format")
    return str(wanted.get("type")) if isinstance(wanted, dict) else ""


def _faults(turn: Turn, seen: Seen) -> list[Finding]:
    form = _form(turn)
    failed = failure(turn.exchange, seen, unnamed=_REJECTED)
    if failed is not None:
        named = failed.code == _REJECTED
        if not named and not (failed.code == "param-rejected" and _is_the_format(failed.subject)):
            return []
        return [make(_REJECTED, subject=form, evidence=failed.evidence, confidence=failed.confidence)]
    content = turn.reply.content or ""
    if turn.answered and not content and _holds_object(turn.reply.reasoning):
        words = evidence(turn.number, f"reply.choices[0].message.{turn.reply.reasoning_field}", turn.reply.reasoning)
        return [make("structured-output-ignored", subject=form, evidence=[words], severity="info")]
    if not turn.answered or turn.cut_at_limit or not content or find_think(content) or _is_as_asked(turn):
        return []
    words = evidence(turn.number, "reply.choices[0].message.content", content)
    return [make("structured-output-ignored", subject=form, evidence=[words], severity="info")]


def _is_the_format(subject: str | None) -> bool:
    return (subject or "").replace("=", ".").split(".")[0] == "response_format"


def _holds_object(text: str | None) -> bool:
    """Whether the text is the answer, a JSON object and nothing else: it came in the field of the reasoning."""
    try:
        return isinstance(json.loads(text or ""), dict)
    except (ValueError, RecursionError):
        return False


def _is_as_asked(turn: Turn) -> bool:
    """A JSON object, and under a schema one with the schema's one key."""
    try:
        value: Any = json.loads(turn.reply.content or "")
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    return _form(turn) == "json_object" or (set(value) == {"word"} and isinstance(value["word"], str))


STRUCTURED = Check("structured-output", "structured-output", "structured output", ("second-turn",), _ask, _judge)
