"""Are the tools of an agent taken: every schema keyword that is in use, forty tools at once, a long name.

One request asks for all of it. Only if that is refused is it taken apart, by halves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cab_check.handshake import agent_questions as asks
from cab_check.handshake.check import Check, Outcome, concluded, inconclusive, not_asked
from cab_check.handshake.failure import failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.prefill import streams_count
from cab_check.handshake.schema_keywords import KEYWORDS
from cab_check.handshake.seen import Seen, Turn
from cab_check.knowledge.finding import Confidence, Finding
from cab_check.knowledge.vocabulary import make
from cab_check.wire.exchange import Ask

_OF_TOOLS = frozenset(
    {
        "tool-schema-rejected",
        "tool-name-rejected",
        "too-many-tools",
        "tools-rejected",
        "param-rejected",
        "template-error",
        "server-crashed",
    }
)
"""Refusals that may be about the tools; others (the context, a rate limit) are no matter of this check."""
_FEW = 2
"""So many tools were taken before this check is asked."""
_ALL = tuple(KEYWORDS)


def _ask(plan: Plan, seen: Seen) -> list[Ask]:
    streams = streams_count(plan, seen)
    if streams is None:
        return []
    whole = asks.everything_offered(plan, seen, stream=streams)
    if _turn(seen, whole) is None:
        return [whole]
    if _refusal(plan, seen, whole) is None:
        return []
    parts = _parts(plan, seen)
    waiting = [part for part in parts if _turn(seen, part) is None]
    return waiting or [
        *(ask for group in _groups(plan, seen, _ALL) if _turn(seen, ask := _keywords(plan, seen, group)) is None),
        *(ask for tools in _counts(plan, seen) if _turn(seen, ask := _number(plan, seen, tools)) is None),
    ]


def _parts(plan: Plan, seen: Seen) -> list[Ask]:
    """The three questions in the one."""
    return [_keywords(plan, seen, _ALL), _number(plan, seen, asks.MANY), _name(plan, seen)]


def _keywords(plan: Plan, seen: Seen, keywords: Sequence[str]) -> Ask:
    return asks.offering(plan, seen, keywords=keywords)


def _number(plan: Plan, seen: Seen, tools: int) -> Ask:
    return asks.offering(plan, seen, plain=tools)


def _name(plan: Plan, seen: Seen) -> Ask:
    return asks.offering(plan, seen, plain=1, long_name=True)


def _turn(seen: Seen, ask: Ask) -> Turn | None:
    """The reply to the same tools, in whatever words they are described: those are new in every run."""
    wanted = _offered(ask.body or {})
    return next((turn for turn in seen.about("offer") if _offered(turn.request) == wanted), None)


def _offered(request: Mapping[str, Any]) -> list[Any]:
    tools = request.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return [(f.get("name"), f.get("parameters")) for f in functions if isinstance(f, dict)]


def _refusal(plan: Plan, seen: Seen, ask: Ask) -> Finding | None:
    """Why these tools were refused; None if they were taken, not offered, or refused for something else."""
    turn = _turn(seen, ask)
    failed = failure(turn.exchange, seen, unnamed="tools-rejected") if turn else None
    return failed if failed is not None and failed.code in _OF_TOOLS else None


def _groups(plan: Plan, seen: Seen, group: Sequence[str]) -> Iterator[Sequence[str]]:
    """The halves of every refused group of keywords, down to single ones."""
    if len(group) < 2 or _refusal(plan, seen, _keywords(plan, seen, group)) is None:
        return
    middle = len(group) // 2
    for half in (group[:middle], group[middle:]):
        yield half
        yield from _groups(plan, seen, half)


def _counts(plan: Plan, seen: Seen) -> Iterator[int]:
    """The next number of tools to try between what was taken and what was refused; none once they meet."""
    taken, refused = _limit(plan, seen)
    if _refusal(plan, seen, _number(plan, seen, refused)) is not None and refused - taken > 1:
        yield (taken + refused) // 2


def _limit(plan: Plan, seen: Seen) -> tuple[int, int]:
    """The most tools that were taken, and the fewest that were refused."""
    taken, refused = _FEW, asks.MANY
    for tools in range(_FEW + 1, asks.MANY):
        turn = _turn(seen, _number(plan, seen, tools))
        if turn is not None and turn.exchange.ok:
            taken = max(taken, tools)
        elif _refusal(plan, seen, _number(plan, seen, tools)) is not None:
            refused = min(refused, tools)
    return taken, refused


def _judge(plan: Plan, seen: Seen) -> Outcome:
    turns = seen.about("offer")
    if not turns:
        return not_asked("no request offered the tools of an agent")
    whole = max(turns, key=lambda turn: len(turn.tools) + len(turn.exchange.sent.body) / 1e6)
    if whole.answered:
        words = (
            f"{len(whole.tools)} tools, {len(KEYWORDS)} schema keywords and a name of {len(asks.LONG_NAME)} characters"
        )
        return concluded([whole], [], f"{words} are taken")
    refused = failure(whole.exchange, seen, unnamed="tools-rejected")
    if refused is None or refused.code not in _OF_TOOLS:
        return inconclusive(turns, f"{refused.key}: {refused.title}" if refused else "an error under a success status")
    if any(_turn(seen, part) is None for part in _parts(plan, seen)):
        return inconclusive(turns, f"{refused.key}, and it was not taken apart")
    if not any(turn.answered for turn in turns):
        return concluded(turns, [refused], "", had=False)
    found = [*_of_keywords(plan, seen), *_of_number(plan, seen), *_of_name(plan, seen)]
    if not found:
        return inconclusive(turns, "refused together and taken one by one")
    return concluded(turns, found, "", had=not any(fault.severity == "blocks" for fault in found))


def _of_keywords(plan: Plan, seen: Seen) -> list[Finding]:
    """The smallest refused groups: single keywords, or several that are refused only together."""
    groups = [_ALL, *_groups(plan, seen, _ALL)]
    refused = [group for group in groups if _refusal(plan, seen, _keywords(plan, seen, group)) is not None]
    smallest = [group for group in refused if not any(set(other) < set(group) for other in refused)]
    found = []
    for group in smallest:
        why = _refusal(plan, seen, _keywords(plan, seen, group))
        if why is not None:
            subject = group[0] if len(group) == 1 else None
            found.append(_about_tools(why, "tool-schema-rejected", subject))
    return found


def _of_number(plan: Plan, seen: Seen) -> list[Finding]:
    taken, refused = _limit(plan, seen)
    why = _refusal(plan, seen, _number(plan, seen, refused))
    if why is None:
        return []
    told = why.subject if why.code == "too-many-tools" else None
    return [_about_tools(why, "too-many-tools", told or str(taken))]


def _of_name(plan: Plan, seen: Seen) -> list[Finding]:
    why = _refusal(plan, seen, _name(plan, seen))
    return [_about_tools(why, "tool-name-rejected", None)] if why is not None else []


def _about_tools(why: Finding, code: str, subject: str | None) -> Finding:
    """What was refused, by what was offered; sure if the server's own words say the same."""
    sure: Confidence = "high" if why.code == code else "medium"
    return make(code, subject=subject, evidence=why.evidence, confidence=sure)


SCHEMAS = Check("schemas", "tools-request", "the tools of an agent", ("tools",), _ask, _judge)
