"""The second turn: the model's own call given back with a result that holds a word nobody could guess."""

from __future__ import annotations

from collections.abc import Callable

from cab_check.chat.markup import find_call_markup
from cab_check.handshake import questions
from cab_check.handshake.calls import is_usable, written_call
from cab_check.handshake.check import Check, Outcome, not_asked
from cab_check.handshake.checks.tools_response import call_turns, conclude
from cab_check.handshake.form import form_faults, is_broken_form, with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.text import text_faults
from cab_check.handshake.tries import ask_until_told, tally
from cab_check.handshake.wording import holds, nearly_holds, text_of
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask

_MESSAGE = "reply.choices[0].message"


def result_faults(turn: Turn) -> list[Finding]:
    """Everything wrong with the answer to a tool's result."""
    found = form_faults(turn)
    if is_broken_form(found):
        return found
    content = turn.reply.content or ""
    written = find_call_markup(content, turn.tools)
    if written is not None and not turn.reply.tool_calls:
        return [*found, written_call(turn, written)]
    found += text_faults(turn)
    word = turn.wanted.result_word
    if word is None or turn.cut_at_limit or holds(content, word):
        return found
    if is_slip(turn):
        words = f"the result was {word}, the answer: {content}"
        title = "The model reads the tool's result, and repeats it with a slip."
        shown = [evidence(turn.number, _MESSAGE, words)]
        return [*found, make("tool-arguments-unfaithful", subject="result", title=title, evidence=shown)]
    if turn.reply.tool_calls:
        words = f"calls {turn.reply.tool_calls[0].name} again: {turn.reply.tool_calls[0].arguments}"
    else:
        words = f"the result was {word}, the answer: {content or '(empty)'}"
    return [*found, make("tool-result-ignored", evidence=[evidence(turn.number, _MESSAGE, words)])]


def is_slip(turn: Turn) -> bool:
    """Whether the answer says the word of the tool's result nearly: it was read, so nothing dropped it."""
    word, content = turn.wanted.result_word, turn.reply.content or ""
    beside = " ".join(text_of(message) for message in turn.messages[:-1])
    if word is None or turn.reply.tool_calls or holds(content, word):
        return False
    return nearly_holds(content, word, beside)


def _ask(streamed: bool) -> Callable[[Plan, Seen], list[Ask]]:
    def ask(plan: Plan, seen: Seen) -> list[Ask]:
        turns = [*call_turns(seen, streamed=streamed), *call_turns(seen, streamed=not streamed)]
        first = next((turn for turn in turns if turn.wanted.calls and is_usable(turn)), None)
        if first is None:
            return []
        return ask_until_told(
            lambda number: questions.second(plan, seen, first, number, stream=streamed), result_faults, plan, seen
        )

    return ask


def _judge(streamed: bool) -> Callable[[Plan, Seen], Outcome]:
    def judge(plan: Plan, seen: Seen) -> Outcome:
        turns = [turn for turn in seen.turns if turn.has_results and turn.streamed == streamed]
        usual = [turn for turn in turns if not turn.gives_back_more]
        turns = usual or turns  # what giving back more changes has a check of its own
        if not turns:
            return not_asked("no tool's result was given back")
        told = tally(turns, lambda turn: with_failure(turn, seen, result_faults, "tool-result-rejected"), seen)
        return conclude(turns, told)

    return judge


_LAYER = "tools-response"
SECOND_TURN = Check("second-turn", _LAYER, "the second turn", ("tool-call",), _ask(False), _judge(False))
SECOND_TURN_STREAM = Check(
    "second-turn-stream", _LAYER, "the second turn, streamed", ("tool-call-stream",), _ask(True), _judge(True)
)
