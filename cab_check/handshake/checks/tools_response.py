"""Does a call come back as it should: plain and streamed, without arguments, two at once, with difficult text."""

from __future__ import annotations

from collections.abc import Callable

from cab_check.handshake import questions
from cab_check.handshake.calls import call_faults, carried, is_sound
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.checks.tools_request import forced, offered
from cab_check.handshake.form import form_faults, is_broken_form, with_failure
from cab_check.handshake.mends import over_chat, to_mend
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import Tally, ask_until_told, is_moody, outstanding, tally
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code, evidence, make
from cab_check.wire.exchange import Ask

Pick = Callable[[Turn], bool]
_SPECIFIC = (
    *("tool-call-id-missing", "tool-call-id-repeated", "tool-arguments-empty", "tool-arguments-object"),
    *("truncation-hidden", "special-tokens-in-text"),
)


def _is_one(turn: Turn) -> bool:
    """One call with arguments, or a conversation that is phrased in another way than ours."""
    calls = turn.wanted.calls
    return not calls or (len(calls) == 1 and bool(calls[0].arguments) and not calls[0].verbatim)


def _takes_nothing(turn: Turn) -> bool:
    return len(turn.wanted.calls) == 1 and not turn.wanted.calls[0].arguments


def _is_verbatim(turn: Turn) -> bool:
    return any(call.verbatim for call in turn.wanted.calls)


def _is_two(turn: Turn) -> bool:
    return len(turn.wanted.calls) > 1


def _tally(turns: list[Turn], seen: Seen, unnamed: str) -> Tally:
    return tally(turns, lambda turn: with_failure(turn, seen, call_faults, unnamed), seen)


def conclude(turns: list[Turn], told: Tally) -> Outcome:
    """Passed, if nothing was established; a model's single lapse is said, and is no finding."""
    if not told.tried:
        return inconclusive(turns, "the reply ended at our own output limit")
    proof = f"{told.sound} of {told.tried} sound"
    if not told.sound and not told.findings:
        return inconclusive(turns, f"{proof}, too few tries to say whose fault it is")
    return concluded(turns, told.findings, proof, had=not told.blocked)


def call_turns(seen: Seen, *, streamed: bool, pick: Pick = _is_one) -> list[Turn]:
    """Replies in which a call may come, by the kind of call that was asked for."""
    return [turn for turn in offered(seen) if turn.streamed == streamed and pick(turn)]


def _ask_call(plan: Plan, seen: Seen) -> list[Ask]:
    tries = ask_until_told(lambda number: questions.read(plan, seen, number), call_faults, plan, seen)
    return tries or to_mend(call_turns(seen, streamed=False), over_chat, seen)


def _judge_call(plan: Plan, seen: Seen) -> Outcome:
    turns = call_turns(seen, streamed=False)
    if not turns:
        return not_asked("no plain request asked for a call")
    told = _tally(turns, seen, "tools-rejected")
    outcome = conclude(turns, told)
    demanded = any(turn.reply.tool_calls for turn in seen.turns if turn.tools and forced(turn))
    missing = "medium" if demanded else "low"  # a demanded call that came shows that the server's side is sound
    found = tuple(f.but(confidence=missing) if f.code == "tool-call-missing" else f for f in outcome.findings)
    return Outcome(outcome.status, outcome.reason, found, outcome.exchanges)


def _ask_stream(plan: Plan, seen: Seen) -> list[Ask]:
    """As for the plain call; where the stream fails the model's way, each try also gets its plain twin."""
    streamed = ask_until_told(lambda n: questions.read(plan, seen, n, stream=True), call_faults, plan, seen)
    tried = [n for n in range(1, plan.tries) if seen.answer_to(questions.read(plan, seen, n, stream=True))]
    twins = [ask for n in tried for ask in outstanding(questions.read(plan, seen, n), seen)]
    return streamed + twins or to_mend(call_turns(seen, streamed=True), over_chat, seen)


def _judge_stream(plan: Plan, seen: Seen) -> Outcome:
    turns = call_turns(seen, streamed=True)
    if not turns:
        return not_asked("no stream asked for a call")
    told = _tally(turns, seen, "stream-rejected")
    outcome = conclude(turns, told)
    differs = _differs(turns, told, call_turns(seen, streamed=False), seen)
    if differs is None:
        return outcome
    reason = f"{differs.key}: {differs.title}"
    return Outcome("fail", reason, (differs, *outcome.findings), outcome.exchanges)


def _differs(streams: list[Turn], streamed: Tally, plains: list[Turn], seen: Seen) -> Finding | None:
    """One way works and the other does not, where nothing in the stream's own form says why."""
    if not plains or not all(turn.answered for turn in (*streams, *plains)):
        return None
    plain = _tally(plains, seen, "tools-rejected")
    works = [sum(map(is_sound, turns)) * 2 > len(turns) for turns in (streams, plains)]
    broken = streamed if works[1] and not works[0] else plain if works[0] and not works[1] else None
    if broken is None or not broken.findings or any(_is_specific(fault) for fault in broken.findings):
        return None
    if broken is plain and all(is_moody(fault) for fault in broken.findings):
        return None
    sound, bad = (plains, streams) if broken is streamed else (streams, plains)
    first = next(turn for turn in sound if is_sound(turn))
    shown = [item for fault in broken.findings[:1] for item in fault.evidence[:1]]
    shown.append(evidence(first.number, "reply.choices[0]", f"sound {'as a stream' if first.streamed else 'plain'}"))
    return make("stream-differs", seen=(broken.tried - broken.sound, len(bad)), evidence=shown)


def _is_specific(fault: Finding) -> bool:
    return fault.code in _SPECIFIC or code(fault.code).layer in ("streaming", "chat", "network", "auth")


def _ask_nothing(plan: Plan, seen: Seen) -> list[Ask]:
    return ask_until_told(lambda number: questions.no_arguments(plan, seen, number), call_faults, plan, seen)


def _judge_nothing(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in offered(seen) if _takes_nothing(turn)]
    if not turns:
        return not_asked("no call without arguments was asked for")
    return conclude(turns, _tally(turns, seen, "tools-rejected"))


def _two_faults(turn: Turn) -> list[Finding]:
    """One call where two were asked for is no fault of form; that there are fewer is said as such."""
    found = [
        fault for fault in call_faults(turn) if fault.code not in ("tool-call-missing", "tool-arguments-unfaithful")
    ]
    if found and any(fault.severity != "info" for fault in found):
        return found
    came = len(carried(turn))
    if came >= len(turn.wanted.calls) or turn.cut_at_limit:
        return found
    words = evidence(turn.number, "reply.choices[0].message.tool_calls", f"{came} of {len(turn.wanted.calls)} came")
    return [*found, make("parallel-calls-unsupported", evidence=[words])]


def _ask_two(plan: Plan, seen: Seen) -> list[Ask]:
    """As a stream, as agents ask, where a stream comes in a sound form: only it can mix the two calls up."""
    chat = questions.say(plan, seen, stream=True)
    if seen.answer_to(chat) is None:
        return []
    turn = seen.turn_for(chat)
    stream = turn is not None and turn.answered and not is_broken_form(form_faults(turn))
    return ask_until_told(lambda number: questions.both(plan, seen, number, stream=stream), _two_faults, plan, seen)


def _judge_two(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in offered(seen) if _is_two(turn)]
    if not turns:
        return not_asked("two calls at once were not asked for")
    return conclude(turns, tally(turns, lambda turn: with_failure(turn, seen, _two_faults, "tools-rejected"), seen))


def _ask_text(plan: Plan, seen: Seen) -> list[Ask]:
    tries = ask_until_told(lambda number: questions.write(plan, seen, number), call_faults, plan, seen)
    return tries or to_mend(call_turns(seen, streamed=True, pick=_is_verbatim), over_chat, seen)


def _judge_text(plan: Plan, seen: Seen) -> Outcome:
    turns = [turn for turn in offered(seen) if _is_verbatim(turn)]
    if not turns:
        return not_asked("no call with difficult text was asked for")
    return conclude(turns, _tally(turns, seen, "tools-rejected"))


_LAYER = "tools-response"
TOOL_CALL = Check("tool-call", _LAYER, "a tool call", ("tools",), _ask_call, _judge_call)
TOOL_CALL_STREAM = Check(
    "tool-call-stream", _LAYER, "a streamed tool call", ("tools", "stream"), _ask_stream, _judge_stream
)
NO_ARGUMENTS = Check("no-arguments", _LAYER, "a call without arguments", ("tool-call",), _ask_nothing, _judge_nothing)
PARALLEL = Check("parallel-calls", _LAYER, "two calls at once", ("tool-call",), _ask_two, _judge_two)
TEXT_SURVIVES = Check(
    "text-survives", _LAYER, "difficult text", ("tool-call", "tool-call-stream"), _ask_text, _judge_text
)
