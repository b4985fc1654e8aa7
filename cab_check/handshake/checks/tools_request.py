"""Are tools taken, and do they reach the model."""

from __future__ import annotations

from cab_check.handshake import questions
from cab_check.handshake.calls import call_faults, is_usable
from cab_check.handshake.check import Check, Outcome, concluded, not_asked
from cab_check.handshake.failure import failure
from cab_check.handshake.form import with_failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import best_answer, merge, outstanding, tally
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask


def offered(seen: Seen) -> list[Turn]:
    """Chat completions with tools and without results yet, the choice left to the model."""
    return [turn for turn in seen.turns if turn.tools and not turn.has_results and not forced(turn)]


def forced(turn: Turn) -> bool:
    """Whether `tool_choice` leaves no choice."""
    return turn.request.get("tool_choice") not in (None, "auto")


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    """The first call; if none comes, the same message without tools, for its count of prompt tokens."""
    waiting = outstanding(questions.read(plan, seen), seen)
    first = best_answer(questions.read(plan, seen), seen)
    if waiting or first is None or not first.answered or first.reply.tool_calls:
        return waiting
    untold = questions.read_untold(plan, seen)
    return [untold] if seen.answer_to(untold) is None else []


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = offered(seen)
    if not turns:
        return not_asked("no request offered tools")
    answered = [turn for turn in turns if turn.answered]
    if not answered:
        told = tally(turns, lambda turn: with_failure(turn, seen, call_faults, "tools-rejected"), seen)
        return concluded(turns, told.findings, "", had=False)
    ignored = _ignored(turns, seen)
    if ignored is not None:
        return concluded(turns, [ignored], "", had=False)
    return concluded(answered[:1], [], "tools are taken")


def _ignored(turns: list[Turn], seen: Seen) -> Finding | None:
    """The prompt counts no more tokens with tools than the same messages do without, and no call ever came."""
    if any(is_usable(turn) for turn in turns):
        return None
    pairs = [
        (turn, twin) for turn in turns if _counts(seen, turn.streamed) for twin in seen.turns if _are_twins(turn, twin)
    ]
    counted = [(turn, twin, _prompt(turn), _prompt(twin)) for turn, twin in pairs]
    flat = [(turn, twin, told, bare) for turn, twin, told, bare in counted if told and bare and told <= bare]
    if not flat or len(flat) < sum(bool(told and bare) for _, _, told, bare in counted):
        return None
    found = [
        make(
            "tools-ignored",
            confidence="high",
            evidence=[
                evidence(turn.number, "reply.usage.prompt_tokens", f"{told} with {len(turn.tools)} tools"),
                evidence(twin.number, "reply.usage.prompt_tokens", f"{bare} for the same messages without tools"),
            ],
        )
        for turn, twin, told, bare in flat
    ]
    return merge(found, len(pairs))


def _counts(seen: Seen, streamed: bool) -> bool:
    """Whether prompts are counted at all: the same figure for whatever is sent says nothing of what arrived."""
    return len({told for turn in seen.turns if turn.streamed == streamed and (told := _prompt(turn))}) > 1


def _are_twins(turn: Turn, twin: Turn) -> bool:
    return not twin.tools and twin.answered and twin.messages == turn.messages


def _prompt(turn: Turn) -> int | None:
    return turn.reply.usage.prompt if turn.reply.usage else None


def _ask_choice(plan: Plan, seen: Seen) -> list[Ask]:
    demands = (questions.required(plan, seen), questions.named(plan, seen))
    return [ask for demand in demands for ask in outstanding(demand, seen)]


def _judge_choice(plan: Plan, seen: Seen) -> Outcome:
    """`tool_choice` by name or `required`. Few agents send it, so nothing here weighs more than a note."""
    turns = [turn for turn in seen.turns if turn.tools and forced(turn) and turn.request.get("tool_choice") != "none"]
    if not turns:
        return not_asked("no request demanded a call")
    found = {fault.key: fault for turn in turns for fault in _choice_faults(turn, seen)}
    if {"tool-choice-ignored:required", "tool-choice-ignored:named"} <= set(found):
        del found["tool-choice-ignored:named"]  # whoever drops the field drops it in every form
    return concluded(turns, [fault.but(severity="info") for fault in found.values()], "a demanded call comes")


def _choice_faults(turn: Turn, seen: Seen) -> list[Finding]:
    form = "required" if turn.request.get("tool_choice") == "required" else "named"
    failed = failure(turn.exchange, seen, unnamed="tool-choice-rejected")
    if failed is not None:
        return [failed.but(subject=form) if failed.code == "tool-choice-rejected" else failed]
    if turn.reply.tool_calls or not turn.answered or turn.cut_at_limit:
        return []
    words = evidence(turn.number, "reply.choices[0].message", turn.reply.content or "no call, no text")
    return [make("tool-choice-ignored", subject=form, evidence=[words])]


TOOLS = Check("tools", "tools-request", "a request with tools", ("chat",), _ask, _judge)
TOOL_CHOICE = Check("tool-choice", "tools-request", "tool_choice", ("tools",), _ask_choice, _judge_choice)
