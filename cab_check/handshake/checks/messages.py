"""Are the messages that agents send taken: roles and their order, forms of content, past calls; and do roles arrive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cab_check.handshake import forms
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.checks.taken import judged, refused, suspects_in
from cab_check.handshake.narrow import Narrowed, Parts, answer, narrow
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tries import MOST_OF, outstanding
from cab_check.handshake.wording import ASK_NAME, holds, stated
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Confidence, Finding, Severity
from cab_check.knowledge.sent import Sent, sent
from cab_check.knowledge.vocabulary import evidence, make
from cab_check.wire.exchange import Ask

_CONTENT = "reply.choices[0].message.content"
_PROMPT = "reply.usage.prompt_tokens"
_MORE_SYSTEM = ("many-systems", "late-system")
_SENTENCE = 5
"""Prompt tokens that the stated sentence has at least; a message's frame has fewer."""


def _narrowed(plan: Plan, seen: Seen) -> Narrowed:
    return narrow(
        forms.every_form(),
        lambda names: forms.with_forms(plan, seen, names),
        [turn for turn in seen.apart if turn.apart == ASK_NAME and turn.tools],
        forms.forms_of,
        _suspects,
        seen,
    )


def _suspects(turn: Turn, names: Parts) -> Sequence[str]:
    return suspects_in(turn, [row for name, row in sent("messages").items() if name in names])


def _ask_history(plan: Plan, seen: Seen) -> list[Ask]:
    return list(_narrowed(plan, seen).waiting)


def _judge_history(plan: Plan, seen: Seen) -> Outcome:
    told = _narrowed(plan, seen)
    implied = _implied(told.refused)
    more = "many-systems" in implied
    found = [
        _rejected(name, turn, seen, more_than_one=more) for name, turn in told.refused.items() if name not in implied
    ]
    return judged(told, found, seen, f"{len(forms.every_form())} forms are taken in one conversation")


def _implied(refused_forms: Mapping[str, Turn]) -> tuple[str, ...]:
    """Forms that are refused because another one is: no system message at all, or none but at the very beginning."""
    if "system" in refused_forms:
        return _MORE_SYSTEM
    many, late = (_words(refused_forms[name]) if name in refused_forms else None for name in _MORE_SYSTEM)
    return _MORE_SYSTEM[:1] if late is not None and many == late else ()


def _words(turn: Turn) -> str:
    return turn.reply.error.message if turn.reply.error else turn.exchange.text


def _rejected(name: str, turn: Turn, seen: Seen, *, more_than_one: bool) -> Finding:
    """The form that is refused. What only a model brings about weighs where this one was seen to bring it about.

    `more_than_one`: a second system message at the head is refused for the same reason, and clients send that.
    """
    row = sent("messages")[name]
    whole = [other.reply.tool_calls for other in seen.turns if not other.cut_at_limit]
    calls = [call for of_one in whole for call in of_one]
    if name == "damaged-arguments" and any(isinstance(call.arguments, str) and call.parsed is None for call in calls):
        return refused(row, turn, severity=None)
    if name == "two-calls":
        return _two_refused(row, turn, any(len(of_one) > 1 for of_one in whole))
    if name == "late-system" and more_than_one:
        return refused(row, turn, severity=sent("messages")["many-systems"].severity)
    return refused(row, turn, subject=_format_wanted(turn) if name == "call-id" else row.subject)


def _two_refused(row: Sent, turn: Turn, makes_two: bool) -> Finding:
    """Two calls in one message: refused by the template only where the words say so. `makes_two`: this model was seen
    to make them.
    """
    severity: Severity | None = "degrades" if makes_two else row.severity
    named = _named_code(turn)
    if named == row.code:
        return refused(row, turn, severity=severity)
    other = replace(row, code="message-field-rejected", subject="tool_calls")
    sure: Confidence = "high" if named == other.code else "medium"
    return refused(other, turn, severity=severity, confidence=sure)


def _named_code(turn: Turn) -> str | None:
    """The code that the words of a refusal stand for."""
    found = classify_error(turn.reply.error, turn.exchange.status) if turn.reply.error else None
    return found[0] if found else None


def _format_wanted(turn: Turn) -> str | None:
    """The format of ids that the refusal asks for, as far as its words are known."""
    found = classify_error(turn.reply.error, turn.exchange.status) if turn.reply.error else None
    return found[1] if found and found[0] == "tool-call-id-rejected" else None


def _named(seen: Seen, role: str) -> list[Turn]:
    """Questions without tools that state a name in that role."""
    turns = (turn for turn in seen.apart if turn.apart == ASK_NAME and not turn.tools)
    return [turn for turn in turns if (stated(turn.messages) or ("",))[0] == role]


def _ask_role(role: str) -> Callable[[Plan, Seen], list[Ask]]:
    """The name once; where it does not come back, in the user's own message; and if it does there, again."""

    def ask(plan: Plan, seen: Seen) -> list[Ask]:
        if role == "system":
            told = _narrowed(plan, seen)
            if told.waiting or told.answered is None or _came(told.answered) or not _holds_system(told.answered):
                return []
        waiting = outstanding(forms.named_by(plan, seen, role), seen)
        first = next(iter(_named(seen, role)), None)
        if waiting or first is None or any(map(_came, _named(seen, role))):
            return waiting
        if answer(first, seen) == "untold":
            return []
        control = forms.named_by(plan, seen, "user")
        waiting = outstanding(control, seen)
        back = seen.turn_for(control)
        if waiting or back is None or not _came(back) or not first.answered or _counted_in([first], [back]):
            return waiting
        asks = [
            forms.named_by(plan, seen, which, number) for which in (role, "user") for number in range(1, plan.tries)
        ]
        return [item for question in asks for item in outstanding(question, seen)]

    return ask


def _judge_role(role: str) -> Callable[[Plan, Seen], Outcome]:
    def judge(plan: Plan, seen: Seen) -> Outcome:
        held = [turn for turn in seen.apart if turn.tools and role == "system" and _holds_system(turn)]
        turns = [*_named(seen, role), *(turn for turn in held if _came(turn))]
        if not turns:
            return not_asked(f"no text was sent in the role {role}")
        if any(map(_came, turns)):
            return concluded(turns, [], f"text in the role {role} reaches the model")
        controls = [turn for turn in _named(seen, "user") if turn.answered]
        refusals = [turn for turn in turns if answer(turn, seen) == "refused"]
        if refusals and controls:
            return concluded(refusals, [refused(sent("messages")[role], refusals[0])], "")
        found = _ignored(role, [turn for turn in turns if turn.answered], controls)
        if found is None:
            return inconclusive(turns, "the name did not come back, and nothing shows that the server dropped it")
        return concluded([*turns, *controls], [found], "")

    return judge


def _came(turn: Turn) -> bool:
    """Whether the stated name is in the answer."""
    said = stated(turn.messages)
    return turn.answered and said is not None and holds(turn.reply.content or "", said[1])


def _holds_system(turn: Turn) -> bool:
    said = stated(turn.messages)
    return said is not None and said[0] == "system"


def _ignored(role: str, turns: Sequence[Turn], controls: Sequence[Turn]) -> Finding | None:
    """The role's text never came back, the same text in the user's message did: most of three times each.

    The count of prompt tokens has the last word: text that was counted was not dropped, the model made nothing of it.
    """
    missed = [turn for turn in turns if not turn.cut_at_limit]
    sound = [turn for turn in controls if not turn.cut_at_limit]
    back = sum(map(_came, sound))
    if len(missed) < MOST_OF or len(sound) < MOST_OF or back * 2 <= len(sound):
        return None
    if _counted_in(missed, sound):
        return None
    short, whole = _prompt(missed), _prompt(sound)
    counted = short is not None and whole is not None
    sure: Confidence = "high" if counted else "medium"
    shows = [evidence(turn.number, _CONTENT, turn.reply.content or "(empty)") for turn in missed[:MOST_OF]]
    if counted:
        shows.append(evidence(sound[0].number, _PROMPT, f"{short} in the role {role}, {whole} in the user's message"))
    return make("role-ignored", subject=role, seen=(len(missed), len(turns)), evidence=shows, confidence=sure)


def _counted_in(turns: Sequence[Turn], controls: Sequence[Turn]) -> bool:
    """Whether the prompts of `turns` count as many tokens as those with the same sentence in the user's message."""
    short, whole = _prompt(turns), _prompt(controls)
    return short is not None and whole is not None and short + _SENTENCE > whole


def _prompt(turns: Sequence[Turn]) -> int | None:
    """The smallest count of prompt tokens."""
    usages = [turn.reply.usage for turn in turns if turn.reply.usage]
    return min((usage.prompt for usage in usages if usage.prompt), default=None)


_LAYER = "messages"
HISTORY = Check("history", _LAYER, "messages as agents send them", ("tools",), _ask_history, _judge_history)
DEVELOPER = Check(
    "developer", _LAYER, "the developer role", ("chat",), _ask_role("developer"), _judge_role("developer")
)
SYSTEM = Check("system", _LAYER, "the system role", ("history",), _ask_role("system"), _judge_role("system"))
