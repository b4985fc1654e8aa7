"""/responses and /messages, two turns each as their clients make them. Most agents need neither, so nothing weighs."""

from __future__ import annotations

import json

from cab_check.handshake.check import Check, Outcome, not_asked
from cab_check.handshake.failure import shown
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import MORE_ROOM
from cab_check.handshake.result import Status
from cab_check.handshake.seen import Seen
from cab_check.handshake.surfaces import MESSAGES, RESPONSES, ApiTurn, Surface
from cab_check.handshake.tries import merge
from cab_check.handshake.wording import holds
from cab_check.knowledge.finding import Confidence, Evidence, Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask


def ask_surface(surface: Surface, plan: Plan, seen: Seen) -> list[Ask]:
    """The first turn; without what was refused, or with more room; and the turn after it, once a call came."""
    dropped, room = frozenset[str](), 1
    while True:
        ask = surface.ask(plan, dropped, room)
        exchange = seen.answer_to(ask)
        turn = surface.turn(exchange) if exchange else None
        if turn is None:
            return [] if exchange else [ask]
        if turn.suspect is not None:
            dropped |= {turn.suspect}
        elif turn.accepted and turn.reply.cut_at_limit and room == 1:
            room = MORE_ROOM
        else:
            break
    if not turn.callable:
        return []
    second = surface.ask(plan, dropped, room, turn.reply)
    return [] if seen.answer_to(second) else [second]


def judge_surface(surface: Surface, plan: Plan, seen: Seen) -> Outcome:
    """What the turns of this API prove."""
    turns = surface.turns(seen)
    if not turns:
        return not_asked(f"{surface.route} was not asked")
    numbers = tuple(turn.number for turn in turns)
    answered = [turn for turn in turns if turn.accepted and not turn.missing]
    gone = next((turn for turn in turns if turn.missing), None)
    if gone is not None and not answered:
        finding = _info(surface.missing, None, shown(gone.exchange), "high")
        return Outcome("skipped", finding.title, (finding,), numbers)
    found = _merged(
        [
            *_misshapen(surface, answered),
            *_formless(surface, answered),
            *_refused_parts(surface, turns),
            *_refused_results(surface, turns),
        ]
    )
    if found:
        return Outcome("warn", f"{found[0].key}: {found[0].title}", found, numbers)
    status, reason = _outcome(turns, answered)
    return Outcome(status, reason, (), numbers)


def _outcome(turns: list[ApiTurn], answered: list[ApiTurn]) -> tuple[Status, str]:
    """The status and its reason, where nothing was found: passed only if the second turn gave the word back."""
    lasts = [turn for turn in answered if turn.has_result]
    if any(word.strip() and holds(turn.reply.text or "", word) for turn in lasts for word in turn.results):
        return "pass", "two turns, streamed, with a call and its result"
    if lasts:
        return "skipped", "inconclusive: the tool's result was taken, and its word did not come back"
    if not answered:
        return "skipped", f"inconclusive: {shown(turns[-1].exchange).excerpt}"
    cut = answered[-1].reply.cut_at_limit
    return "skipped", f"inconclusive: {'the reply ended at our own output limit' if cut else 'no call was made'}"


def _misshapen(surface: Surface, answered: list[ApiTurn]) -> list[Finding]:
    return [
        _info(surface.broken, problem.subject, Evidence(turn.number, problem.where, problem.excerpt), "high")
        for turn in answered
        for problem in turn.reply.problems
    ]


def _formless(surface: Surface, answered: list[ApiTurn]) -> list[Finding]:
    """Prose, where the request wanted JSON (`text.format`, on /responses)."""
    return [
        _info(surface.broken, "format", evidence(turn.number, "reply.output", turn.reply.text), "high")
        for turn in answered
        if _wants_json(turn) and turn.reply.text and not turn.reply.cut_at_limit and not _is_json(turn.reply.text)
    ]


def _wants_json(turn: ApiTurn) -> bool:
    text = turn.body.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    return isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _refused_parts(surface: Surface, turns: list[ApiTurn]) -> list[Finding]:
    """Parts that were refused, where the request was accepted in the end: one whose absence made the difference, or
    one that a refusal names and that the next refusal no longer complains of.
    """
    firsts = [turn for turn in turns if not turn.has_result]
    passed = next((turn for turn in firsts if turn.accepted), None)
    refused = [turn for turn in firsts if turn.refused]
    if passed is None or not refused:
        return []
    found = []
    for before, after in zip(refused, [*refused[1:], passed], strict=True):
        left_out = {part.subject for part in before.parts} - {part.subject for part in after.parts}
        named = left_out.intersection(before.blamed) and before.words != after.words
        if len(left_out) == 1 and (after.accepted or named):
            sure: Confidence = "high" if named else "medium"
            found.append(_info(surface.broken, left_out.pop(), shown(before.exchange), sure))
    return found


def _refused_results(surface: Surface, turns: list[ApiTurn]) -> list[Finding]:
    lasts = [turn for turn in turns if turn.has_result]
    if any(turn.accepted for turn in lasts):
        return []
    return [
        _info(surface.broken, surface.refuses_result, shown(turn.exchange), "medium") for turn in lasts if turn.refused
    ]


def _info(code: str, subject: str | None, evidence: Evidence, confidence: Confidence) -> Finding:
    return make(code, subject=subject, severity="info", evidence=[evidence], confidence=confidence)


def _merged(found: list[Finding]) -> tuple[Finding, ...]:
    groups = {finding.key: [other for other in found if other.key == finding.key] for finding in found}
    return tuple(merge(same, len(same)) for same in groups.values())


def _check(id_: str, surface: Surface) -> Check:
    return Check(
        id_,
        "other-apis",
        surface.route,
        ("chat",),
        lambda plan, seen: ask_surface(surface, plan, seen),
        lambda plan, seen: judge_surface(surface, plan, seen),
    )


RESPONSES_API = _check("responses", RESPONSES)
MESSAGES_API = _check("messages", MESSAGES)
