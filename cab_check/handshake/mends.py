"""A broken call given back with its error, as agent CLIs give it back: does the model then make it as it should.

Codex and Claude Code go on without end where every call is broken. A model that mends its call once it is told costs
them a turn each time, and no more. So where every try of a question broke in the same way, one of the tries is told
of it, and a second one only if the first was told in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cab_check.chat import build
from cab_check.handshake import wording
from cab_check.handshake.calls import call_faults, is_usable
from cab_check.handshake.seen import COMPLETIONS, Seen, Turn
from cab_check.handshake.surfaces import api_of, every_api_turn
from cab_check.handshake.tries import MOST_OF
from cab_check.knowledge.finding import Evidence, Finding, Mending
from cab_check.knowledge.vocabulary import evidence
from cab_check.wire.exchange import Ask

ENOUGH = 2
"""Tries that are told of their mistake, before a model is said not to mend it."""
_ERRORS = {
    "tool-arguments-invalid-json": "Error: the arguments of this call are not valid JSON.",
    "tool-arguments-double-encoded": "Error: the arguments of this call are a string, and no JSON object.",
    "tool-arguments-schema-mismatch": "Error: an argument of this call is missing or of the wrong type: {what}.",
    "tool-name-wrong": "Error: there is no tool of the name {what}.",
}
"""What a client that reads calls strictly says of each mistake. Every measured CLI has words of its own for it."""
Told = Callable[[Turn, str], Ask]


def to_mend(turns: Sequence[Turn], told: Told, seen: Seen) -> list[Ask]:
    """What to send, where all of `turns`, answers to equivalent questions, hold the same mistake. `told` makes the
    request that gives a turn's call back with such words as its result.
    """
    for turn, words in _all_broken(turns)[:ENOUGH]:
        ask = told(turn, words)
        answer = next((mend for mend in mending_turns(seen) if mend.exchange is seen.answer_to(ask)), None)
        if answer is None:
            return [ask] if seen.answer_to(ask) is None else []
        if _is_mended(answer) is not False:
            return []
    return []


def over_chat(turn: Turn, words: str) -> Ask:
    """The turn's own request, with its call and the error after it."""
    call = turn.reply.tool_calls[0]
    more = [build.assistant_calls([call], turn.reply.content), build.tool_result(call, words)]
    return Ask("POST", COMPLETIONS, {**turn.request, "messages": [*turn.request["messages"], *more]})


def in_place_of_result(ask: Ask, words: str) -> Ask:
    """A second turn of any of the three APIs, whose tools failed with `words`."""
    body = dict(ask.body or {})
    for name in ("messages", "input"):
        if name in body:
            body[name] = [_failed(item, words) for item in body[name]]
    return Ask(ask.method, ask.route, body, headers=ask.headers)


def _failed(item: Any, words: str) -> Any:
    if not isinstance(item, dict):
        return item
    if item.get("type") == "function_call_output":
        return {**item, "output": words}
    if item.get("type") == "tool_result":
        return {**item, "content": words, "is_error": True}
    content = item.get("content")
    if item.get("role") == "tool":
        return {**item, "content": [{"type": "text", "text": words}] if isinstance(content, list) else words}
    return {**item, "content": [_failed(part, words) for part in content]} if isinstance(content, list) else item


def mending_turns(seen: Seen) -> list[Turn]:
    """The turns of all APIs that end in such an error, as chat completions."""
    typed = [turn.as_chat for turn in every_api_turn(seen)]
    return [turn for turn in (*seen.all_turns, *typed) if _mistake(turn) is not None]


def with_mendings(findings: Sequence[Finding], seen: Seen) -> list[Finding]:
    """The findings, with what came of telling the model. A mistake that it mends never weighs more than a turn."""
    return [_with_mendings(finding, seen) if finding.code in _ERRORS else finding for finding in findings]


def _with_mendings(finding: Finding, seen: Seen) -> Finding:
    turns = [turn for turn in mending_turns(seen) if _mistake(turn) == finding.code and _is_mended(turn) is not None]
    mendings = tuple(
        Mending(api, len(same), sum(_is_mended(turn) is True for turn in same))
        for api in finding.apis
        if (same := [turn for turn in turns if api_of(turn.exchange) == api])
    )
    if not mendings:
        return finding
    told = finding.but(mendings=mendings, evidence=(*finding.evidence, *map(_shown, turns)))
    if not all(mending.mended for mending in mendings):
        return told
    title = f"{finding.title.rstrip('.')}; told of it, the model makes the call as it should, a turn later."
    return told.but(title=title, severity="degrades" if finding.severity == "blocks" else finding.severity)


def _shown(turn: Turn) -> Evidence:
    calls = turn.reply.tool_calls
    words = f"{calls[0].name}: {calls[0].arguments}" if calls else turn.reply.content or "(no text either)"
    return evidence(turn.number, "reply", f"told of the mistake: {words}")


def _all_broken(turns: Sequence[Turn]) -> list[tuple[Turn, str]]:
    """The turns with what is to be said to each; none, if there are too few of them, or not all have one mistake."""
    conclusive = [turn for turn in turns if turn.answered and not turn.cut_at_limit]
    broken = [(turn, fault) for turn in conclusive if (fault := _broken(turn)) is not None]
    if len(broken) < max(MOST_OF, len(conclusive)) or len({fault.code for _, fault in broken}) > 1:
        return []
    return [(turn, _words(turn, fault)) for turn, fault in broken if _can_be_given_back(turn)]


def _broken(turn: Turn) -> Finding | None:
    """The mistake in a reply's only call. A field that nobody wanted is none: most clients let it pass."""
    if len(turn.reply.tool_calls) != 1:
        return None
    schema = turn.tools.get(turn.reply.tool_calls[0].name or "", {})
    known = {*(schema.get("properties") or ()), *(schema.get("required") or ())}
    faults = (fault for fault in call_faults(turn) if fault.code in _ERRORS)
    return next((f for f in faults if f.code != "tool-arguments-schema-mismatch" or f.subject in known), None)


def _can_be_given_back(turn: Turn) -> bool:
    call = turn.reply.tool_calls[0]
    return bool(isinstance(call.id, str) and call.id and isinstance(call.name, str) and call.name)


def _words(turn: Turn, fault: Finding) -> str:
    what = fault.subject or turn.reply.tool_calls[0].name
    return f"{_ERRORS[fault.code].format(what=what)} {wording.AGAIN}"


def _mistake(turn: Turn) -> str | None:
    """The code of the mistake that the model was told of last."""
    last = turn.messages[-1] if turn.messages else {}
    said = wording.text_of(last) if last.get("role") == "tool" else ""
    if not said.endswith(wording.AGAIN):
        return None
    return next((code for code, error in _ERRORS.items() if said.startswith(error.partition("{")[0])), None)


def _is_mended(turn: Turn) -> bool | None:
    """Whether the call came as it should; None where the answer says nothing."""
    if not turn.answered or turn.cut_at_limit:
        return None
    return is_usable(turn) and _broken(turn) is None
