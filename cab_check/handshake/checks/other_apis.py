"""/responses and /messages, two turns each as their clients make them.

Most agents need neither, so what is found here weighs nothing by itself; for a CLI that speaks the API it has its full
weight. Calls, texts and results are judged by the same code as those of chat completions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from cab_check.handshake.calls import call_faults, is_sound, is_usable
from cab_check.handshake.check import Check, Outcome, not_asked
from cab_check.handshake.checks.chat import ONLY_REASONING
from cab_check.handshake.checks.turns import is_slip, result_faults
from cab_check.handshake.failure import failure, shown
from cab_check.handshake.form import Faults, form_faults, is_broken_form, problems
from cab_check.handshake.mends import in_place_of_result, to_mend
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import MORE_ROOM
from cab_check.handshake.result import Status
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.surfaces import FULL, MESSAGES, RESPONSES, ApiTurn, Form, Surface
from cab_check.handshake.tries import doubting, is_moody, merge, tally
from cab_check.handshake.typed_turn import named_as_there
from cab_check.handshake.wording import holds
from cab_check.knowledge.finding import Confidence, Evidence, Finding
from cab_check.knowledge.vocabulary import code, evidence, make
from cab_check.wire.exchange import Ask

_PASSING = frozenset({"rate-limited", "server-overloaded", "server-loading", "gateway-timeout", "reply-timeout"})
_ELSEWHERE = frozenset({"address", "network", "auth", "model", "any"})
"""Layers of failures that say nothing about the API; a server that crashes on it does."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """How the first turn stands: what is to be sent, or the turn that settles in which form it is taken."""

    waiting: Ask | None
    form: Form
    turn: ApiTurn | None


def ask_surface(surface: Surface, plan: Plan, seen: Seen) -> list[Ask]:
    """The first turn; without what was refused, or with more room; and the turn after it, once a call came. Each is
    tried again where the model's mood may have been to blame.
    """
    opening = _opening(surface, plan, seen)
    if opening.waiting is not None or opening.turn is None or not opening.turn.answered:
        return [opening.waiting] if opening.waiting is not None else []

    def first(number: int) -> Ask:
        return surface.ask(plan, replace(opening.form, number=number))

    def told(broken: Turn, words: str) -> Ask:
        number, reply = next((n, turn.reply) for n, turn in enumerate(opened) if turn.number == broken.number)
        return in_place_of_result(surface.ask(plan, replace(opening.form, number=number), reply), words)

    tries = _more(first, surface, first_faults, plan, seen)
    opened = [turn for number in range(plan.tries) if (turn := _turn_for(first(number), surface, seen)) is not None]
    base = next((turn for turn in opened if is_usable(turn.as_chat)), None)
    mend = tries or to_mend([turn.as_chat for turn in opened], told, seen)
    if mend or base is None:
        return mend

    def second(number: int) -> Ask:
        return surface.ask(plan, replace(opening.form, number=number), base.reply)

    return _more(second, surface, result_faults, plan, seen)


def _opening(surface: Surface, plan: Plan, seen: Seen) -> _Opening:
    form = FULL
    while True:
        ask = surface.ask(plan, form)
        if seen.answer_to(ask) is None:
            return _Opening(ask, form, None)
        turn = _turn_for(ask, surface, seen)
        if turn is not None and turn.suspect is not None:
            form = replace(form, dropped=form.dropped | {turn.suspect})
        elif turn is not None and turn.accepted and turn.reply.cut_at_limit and form.room == 1:
            form = replace(form, room=MORE_ROOM)
        else:
            return _Opening(None, form, turn)


def _turn_for(ask: Ask, surface: Surface, seen: Seen) -> ApiTurn | None:
    exchange = seen.answer_to(ask)
    return surface.turn(exchange) if exchange is not None else None


def _more(question: Callable[[int], Ask], surface: Surface, faults: Faults, plan: Plan, seen: Seen) -> list[Ask]:
    if seen.answer_to(question(0)) is None:
        return [question(0)]
    turn = _turn_for(question(0), surface, seen)
    if turn is None or not turn.answered or not any(map(is_moody, doubting(faults, seen)(turn.as_chat))):
        return []
    return [ask for n in range(1, plan.tries) if seen.answer_to(ask := question(n)) is None]


# --- what a reply proves ---------------------------------------------------------------------------------------------


def first_faults(turn: Turn) -> list[Finding]:
    """Everything wrong with the answer to a message that asks for a call."""
    counts = [fault for fault in problems(turn) if code(fault.code).layer == "usage"]
    found = call_faults(turn) if turn.tools else form_faults(turn)
    if (turn.reply.content or "").strip() or turn.reply.tool_calls or turn.cut_at_limit or is_broken_form(found):
        return [*found, *counts]
    missing = {"tool-call-missing"} & {fault.code for fault in found}
    only = f", {ONLY_REASONING}" if turn.reply.reasoning else ""
    words = f"neither text nor call, {turn.reply.finish_reason!r}{only}"
    empty = make("empty-reply", evidence=[evidence(turn.number, "reply.choices[0].message", words)])
    return [*(empty if fault.code in missing else fault for fault in found), *counts]


def second_faults(turn: Turn) -> list[Finding]:
    """Everything wrong with the answer to a tool's result."""
    return [*result_faults(turn), *(fault for fault in problems(turn) if code(fault.code).layer == "usage")]


def judge_surface(surface: Surface, plan: Plan, seen: Seen) -> Outcome:
    """What the turns of this API prove. Each finding has the weight that it has for a client of the API."""
    turns = surface.turns(seen)
    if not turns:
        return not_asked(f"{surface.route} was not asked")
    numbers = tuple(turn.number for turn in turns)
    answered = [turn for turn in turns if turn.answered]
    gone = next((turn for turn in turns if turn.missing), None)
    if gone is not None and not answered:
        finding = make(surface.missing, evidence=[shown(gone.exchange)], confidence="high")
        return Outcome("skipped", finding.title, (finding,), numbers)
    found = _merged(
        [
            *_told(surface, [turn for turn in answered if not turn.has_result], first_faults, seen),
            *_told(surface, [turn for turn in answered if turn.has_result], second_faults, seen),
            *_formless(surface, [turn for turn in answered if turn.accepted]),
            *_refused_parts(surface, turns, seen),
            *_refused_results(surface, turns),
        ]
    )
    found = found or _never_answered(turns, seen)
    status, reason = _outcome(turns, [turn for turn in answered if turn.accepted])
    telling = [finding for finding in found if finding.severity != "info"]
    if telling and (status == "pass" or any(finding.severity == "blocks" for finding in telling)):
        return Outcome("warn", f"{telling[0].key}: {telling[0].title}", found, numbers)
    return Outcome(status, reason, found, numbers)


def _told(surface: Surface, turns: list[ApiTurn], faults: Faults, seen: Seen) -> list[Finding]:
    told = tally([turn.as_chat for turn in turns], faults, seen)
    return [named_as_there(_doubted(finding, seen), surface.holds) for finding in told.findings]


def _doubted(finding: Finding, seen: Seen) -> Finding:
    """A call that never comes here is hardly the model's doing, if it makes sound ones over chat completions."""
    if finding.code == "tool-call-missing" and any(turn.wanted.calls and is_sound(turn) for turn in seen.turns):
        return finding.but(owner="server", confidence="low")
    return finding


def _never_answered(turns: list[ApiTurn], seen: Seen) -> tuple[Finding, ...]:
    """Why no request came through, where that is a matter of this API and not of key, model or load."""
    if any(turn.answered for turn in turns):
        return ()
    why = failure(turns[-1].exchange, seen)
    if why is None or why.code in _PASSING or (why.code != "server-crashed" and code(why.code).layer in _ELSEWHERE):
        return ()
    return (why,)


def _outcome(turns: list[ApiTurn], answered: list[ApiTurn]) -> tuple[Status, str]:
    """The status and its reason, where nothing weighs: passed only if the second turn gave the word back."""
    lasts = [turn for turn in answered if turn.has_result]
    if any(_is_read(turn) for turn in lasts):
        return "pass", "two turns, streamed, with a call and its result"
    if lasts:
        return "skipped", "inconclusive: the tool's result was taken, and its word did not come back"
    if not answered:
        return "skipped", f"inconclusive: {shown(turns[-1].exchange).excerpt}"
    cut = answered[-1].reply.cut_at_limit
    return "skipped", f"inconclusive: {'the reply ended at our own output limit' if cut else 'no call was made'}"


def _is_read(turn: ApiTurn) -> bool:
    """Whether the answer gives the word of a result back; a slip in it is a finding of its own."""
    return is_slip(turn.as_chat) or any(word.strip() and holds(turn.reply.text or "", word) for word in turn.results)


# --- what was refused ------------------------------------------------------------------------------------------------


def _formless(surface: Surface, answered: list[ApiTurn]) -> list[Finding]:
    """Prose, where the request wanted JSON (`text.format`, on /responses)."""
    return [
        make(
            surface.broken,
            subject="format",
            evidence=[evidence(turn.number, "reply.output", turn.reply.text)],
            confidence="high",
        )
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


def _refused_parts(surface: Surface, turns: list[ApiTurn], seen: Seen) -> list[Finding]:
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
        crash = failure(before.exchange, seen) if before.exchange.status == 500 and not before.blamed else None
        left_out = {part.subject for part in before.parts} - {part.subject for part in after.parts}
        named = left_out.intersection(before.blamed) and before.words != after.words
        if crash is not None and left_out == {"tools"}:
            found.append(crash)
        elif len(left_out) == 1 and (after.accepted or named):
            sure: Confidence = "high" if named else "medium"
            found.append(_refused(surface, left_out.pop(), shown(before.exchange), sure))
    return found


def _refused(surface: Surface, subject: str, words: Evidence, sure: Confidence) -> Finding:
    """A part that every client of the API sends is a matter of the API; any other parameter is one as elsewhere."""
    is_param = next(part.is_param for part in surface.parts if part.subject == subject)
    return make("param-rejected" if is_param else surface.broken, subject=subject, evidence=[words], confidence=sure)


def _refused_results(surface: Surface, turns: list[ApiTurn]) -> list[Finding]:
    lasts = [turn for turn in turns if turn.has_result]
    if any(turn.accepted for turn in lasts):
        return []
    return [
        make(surface.broken, subject=surface.refuses_result, evidence=[shown(turn.exchange)])
        for turn in lasts
        if turn.refused
    ]


def _merged(found: list[Finding]) -> tuple[Finding, ...]:
    groups = {finding.key: [other for other in found if other.key == finding.key] for finding in found}
    return tuple(
        merge(same, len(same)).but(seen=(sum(one.seen[0] for one in same), sum(one.seen[1] for one in same)))
        for same in groups.values()
    )


def _judge_lightly(surface: Surface, plan: Plan, seen: Seen) -> Outcome:
    """The same, and nothing weighs: few agents speak this API."""
    told = judge_surface(surface, plan, seen)
    return replace(told, findings=tuple(finding.but(severity="info") for finding in told.findings))


def _check(id_: str, surface: Surface) -> Check:
    return Check(
        id_,
        "other-apis",
        surface.route,
        ("chat",),
        lambda plan, seen: ask_surface(surface, plan, seen),
        lambda plan, seen: _judge_lightly(surface, plan, seen),
    )


RESPONSES_API = _check("responses", RESPONSES)
MESSAGES_API = _check("messages", MESSAGES)
