"""One plain chat: is there an answer, is it text, and does it say what was asked."""

from __future__ import annotations

from cab_check.handshake import questions
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked, nothing_to_ask
from cab_check.handshake.checks.reasoning import exhausted
from cab_check.handshake.form import form_faults, is_broken_form, problems, with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.text import text_faults
from cab_check.handshake.tries import ask_until_told, merge, tally
from cab_check.handshake.wording import holds
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code, evidence, make
from cab_check.wire.exchange import Ask

ONLY_REASONING = "only reasoning came"
"""How the evidence of an empty reply says that it holds reasoning."""
_CONTENT = "reply.choices[0].message.content"


def answer_faults(turn: Turn) -> list[Finding]:
    """Everything wrong with the answer to a message that asks for text."""
    found = form_faults(turn)
    if is_broken_form(found):
        return found
    content = (turn.reply.content or "").strip()
    found += text_faults(turn)
    if turn.wanted.calls or turn.cut_at_limit or turn.reply.tool_calls:
        return found  # asked for a call without offering tools, or not finished: any text will do
    if not content:
        only = f", {ONLY_REASONING}" if turn.reply.reasoning else ""
        words = f"content {turn.reply.content!r}, finish_reason {turn.reply.finish_reason!r}{only}"
        return [*found, make("empty-reply", evidence=[evidence(turn.number, _CONTENT, words)])]
    if not found and turn.wanted.word and not holds(content, turn.wanted.word):
        words = f"asked for {turn.wanted.word}, got: {content}"
        found.append(make("instruction-ignored", evidence=[evidence(turn.number, _CONTENT, words)]))
    return found


def text_turns(seen: Seen, *, streamed: bool) -> list[Turn]:
    """Chat without tools."""
    return [turn for turn in seen.turns if turn.streamed == streamed and not turn.tools and not turn.has_results]


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    return ask_until_told(lambda number: questions.say(plan, seen, number), answer_faults, plan, seen)


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = text_turns(seen, streamed=False)
    if not turns:
        return not_asked("no plain chat without tools was asked for")
    told = tally(turns, lambda turn: with_failure(turn, seen, answer_faults, "unrecognised"), seen)
    had = any(turn.answered and (turn.reply.content or turn.reply.reasoning) for turn in turns)
    if not told.tried:
        return inconclusive(turns, "the answer ended at our own output limit")
    if not told.sound and not told.findings and had:
        return inconclusive(turns, f"0 of {told.tried} sound, too few tries to say whose fault it is")
    return concluded(turns, told.findings, f"{told.sound} of {told.tried} said what was asked", had=had)


def _judge_reasoning(plan: Plan, seen: Seen) -> Outcome:
    """Where reasoning comes, in every reply that has any."""
    turns = [turn for turn in seen.turns if turn.reply.reasoning]
    if not turns:
        return not_asked("no reply carries reasoning")
    same = [fault for turn in turns for fault in problems(turn) if code(fault.code).layer == "reasoning"]
    found = {fault.key: [other for other in same if other.key == fault.key] for fault in same}
    merged = [merge(group, len(turns)) for group in found.values()]
    return concluded(turns, [*exhausted(turns, seen), *merged], "reasoning comes apart from the text")


CHAT = Check("chat", "chat", "plain chat", ("model",), _ask, _judge)
REASONING = Check("reasoning", "reasoning", "reasoning", ("chat",), nothing_to_ask, _judge_reasoning)
