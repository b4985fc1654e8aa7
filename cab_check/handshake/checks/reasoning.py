"""Reasoning between the turns: must it be given back, may it be, and does it leave room for an answer.

Asked only where a reply carries reasoning, or fields that a client of chat completions does not know. The vendors'
rules contradict each other: DeepSeek and Moonshot refuse a second turn without `reasoning_content`, Groq and Cerebras
one with it, and Gemini wants the `thought_signature` of each call (https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cab_check.chat import build
from cab_check.chat.plain import REASONING_FIELDS
from cab_check.handshake import questions
from cab_check.handshake.calls import is_usable
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.checks.tools_response import call_turns
from cab_check.handshake.failure import shown
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import MORE_ROOM
from cab_check.handshake.seen import SAME_QUESTION, Seen, Turn
from cab_check.handshake.tries import MOST_OF
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Confidence, Finding
from cab_check.knowledge.vocabulary import code, evidence, make
from cab_check.wire.exchange import Ask

_KNOWN = frozenset(
    {"role", "content", "tool_calls", "refusal", "annotations", "audio", "function_call", "name", *REASONING_FIELDS}
)
_KNOWN_OF_A_CALL = frozenset({"id", "type", "function", "index", "name", "arguments"})
_GATES = frozenset({"network", "auth", "model", "context"})
_A_THOUGHT = 24
"""Characters of reasoning that no tokenizer makes less than a few tokens of."""


# --- room for an answer ----------------------------------------------------------------------------------------------


def exhausted(turns: Sequence[Turn], seen: Seen) -> list[Finding]:
    """Replies that hold nothing but reasoning at the output limit, and again at four times as much."""
    spent = [turn for turn in turns if _is_spent(turn) and any(_had_less_room(other, turn) for other in seen.all_turns)]
    if len(spent) < MOST_OF or len(spent) * 2 <= len(turns):
        return []
    shown_ = [
        evidence(turn.number, "reply.choices[0]", f"{turn.limit} tokens, finish_reason length: {turn.reply.reasoning}")
        for turn in spent[:MOST_OF]
    ]
    return [make("reasoning-exhausts-limit", seen=(len(spent), len(turns)), evidence=shown_)]


def _is_spent(turn: Turn) -> bool:
    answer = (turn.reply.content or "").strip() or turn.reply.tool_calls
    return turn.cut_at_limit and turn.reply.reasoning is not None and not answer


def _had_less_room(other: Turn, turn: Turn) -> bool:
    same = all(other.request.get(key) == turn.request.get(key) for key in SAME_QUESTION)
    return same and other.cut_at_limit and (other.limit or 0) * MORE_ROOM <= (turn.limit or 0)


# --- giving it back --------------------------------------------------------------------------------------------------


def _first(seen: Seen) -> Turn | None:
    """The plain reply with the call that the second turn answers, if it carries anything that clients may drop."""
    first = next((turn for turn in call_turns(seen, streamed=False) if turn.wanted.calls and is_usable(turn)), None)
    if first is None or not isinstance(first.exchange.json, dict):
        return None
    return first if first.reply.reasoning or _opaque(first) else None


def _message(turn: Turn) -> dict[str, Any]:
    """The assistant's message as it came, but for what is null."""
    message = turn.exchange.json["choices"][0]["message"]
    return {name: value for name, value in message.items() if value is not None or name == "content"}


def _opaque(turn: Turn) -> list[str]:
    """Names of fields, at any depth, that stand beside the standard ones and hold something."""
    message = _message(turn)
    call = message["tool_calls"][0]
    function = call.get("function")
    found = list(_names({name: value for name, value in message.items() if name not in _KNOWN}))
    for holder in (call, function if isinstance(function, dict) else {}):
        found += _names({name: value for name, value in holder.items() if name not in _KNOWN_OF_A_CALL})
    return list(dict.fromkeys(found))


def _names(holder: Mapping[str, Any], depth: int = 3) -> Iterator[str]:
    """The innermost names first: `thought_signature`, before the `extra_content` around it."""
    for name, value in holder.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, dict) and depth:
            yield from _names(value, depth - 1)
        yield name


def _bare(plan: Plan, seen: Seen, first: Turn) -> Ask:
    return questions.second(plan, seen, first)


def _with_reasoning(plan: Plan, seen: Seen, first: Turn) -> Ask:
    echoed = build.assistant_calls(first.reply.tool_calls[:1], first.reply.content)
    return questions.second(
        plan, seen, first, echoed={**echoed, first.reply.reasoning_field or "": first.reply.reasoning}
    )


def _verbatim(plan: Plan, seen: Seen, first: Turn) -> Ask:
    message = _message(first)
    return questions.second(plan, seen, first, echoed={**message, "tool_calls": message["tool_calls"][:1]})


def _gives_back(turn: Turn, names: Sequence[str]) -> bool:
    """Whether the history holds fields of these names."""
    history = json.dumps(turn.messages)
    return any(f'"{name}":' in history for name in names)


def _refused(turn: Turn) -> bool:
    """Whether it was refused for what is in the messages."""
    if turn.exchange.status not in (400, 422) or turn.reply.error is None:
        return False
    headers = turn.exchange.got.headers if turn.exchange.got else ()
    known = classify_error(turn.reply.error, turn.exchange.status, headers)
    return known is None or code(known[0]).layer not in _GATES


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    """With reasoning given back; and if only nothing less will do, with the whole message."""
    first = _first(seen)
    if first is None:
        return []
    bare = seen.turn_for(_bare(plan, seen, first))
    if bare is None:
        return [_bare(plan, seen, first)]
    if not (bare.answered or _refused(bare)):
        return []
    if first.reply.reasoning:
        echo = _with_reasoning(plan, seen, first)
        echoed = seen.turn_for(echo)
        if echoed is None:
            return [echo]
        if bare.answered or echoed.answered:
            return []
    whole = _verbatim(plan, seen, first)
    return [whole] if _refused(bare) and _opaque(first) and seen.turn_for(whole) is None else []


def _judge(plan: Plan, seen: Seen) -> Outcome:
    first = _first(seen)
    if first is None:
        return not_asked("no call came with reasoning, or with a field that clients drop")
    lasts = [turn for turn in seen.turns if turn.has_results and not turn.streamed]
    bare = next((turn for turn in lasts if not turn.gives_back_more), None)
    whole = next((turn for turn in lasts if _gives_back(turn, _opaque(first))), None)
    echoed = next((turn for turn in lasts if turn.gives_back_more and turn is not whole), None)
    turns = [turn for turn in (bare, echoed, whole) if turn is not None]
    if bare is None:
        return not_asked()
    if bare.answered:
        if echoed is None:
            return not_asked("no reasoning to give back")
        if echoed.answered:
            dropped = _dropped(first, bare, echoed)
            return concluded(turns, dropped, "the second turn is taken with its reasoning and without")
        return (
            concluded(turns, _echo_refused(first, echoed), "") if _refused(echoed) else inconclusive(turns, "no answer")
        )
    found = _must_be_echoed(first, bare, echoed, whole) if _refused(bare) else []
    return concluded(turns, found, "", had=False) if found else inconclusive(turns, shown(bare.exchange).excerpt)


def _echo_refused(first: Turn, echoed: Turn) -> list[Finding]:
    # Most clients leave reasoning out of the history, so a refusal of it degrades and does not block.
    return [
        make(
            "reasoning-echo-refused",
            subject=first.reply.reasoning_field,
            severity="degrades",
            evidence=[shown(echoed.exchange)],
            confidence="high",
        )
    ]


def _dropped(first: Turn, bare: Turn, echoed: Turn) -> list[Finding]:
    """The prompt counts no more tokens with the reasoning than without, from a server that does count what it gets.

    Most clients leave reasoning out of the history, and some models' templates drop it by design: a note.
    """
    opening, short, long = (turn.reply.usage.prompt if turn.reply.usage else None for turn in (first, bare, echoed))
    thought = first.reply.reasoning or ""
    if opening is None or short is None or long is None or len(thought) < _A_THOUGHT:
        return []
    if long > short or short <= opening:
        return []
    words = f"prompt_tokens {long} with {len(thought)} characters of reasoning in the history, {short} without"
    shows = [evidence(echoed.number, "reply.usage.prompt_tokens", words)]
    return [make("reasoning-history-dropped", severity="info", evidence=shows)]


def _must_be_echoed(first: Turn, bare: Turn, echoed: Turn | None, whole: Turn | None) -> list[Finding]:
    """What made the second turn pass, or which field of the first reply the refusal asks for."""
    proof = [shown(bare.exchange)]
    if echoed is not None and echoed.answered:
        field = first.reply.reasoning_field
        return [make("reasoning-must-be-echoed", subject=field, evidence=proof, confidence="high")]
    opaque = _opaque(first)
    words = bare.reply.error.message if bare.reply.error else ""
    named = next((name for name in opaque if re.search(rf"\b{re.escape(name)}\b", words)), None)
    passed = whole is not None and whole.answered
    if not opaque or not (passed or named):
        return []
    sure: Confidence = "high" if passed else "medium"
    return [make("opaque-field-must-be-echoed", subject=named or opaque[0], evidence=proof, confidence=sure)]


REASONING_ECHO = Check("reasoning-echo", "reasoning", "reasoning given back", ("tool-call",), _ask, _judge)
