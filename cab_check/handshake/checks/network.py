"""Can the endpoint be reached, and does it serve: what happens before any word of the API is spoken."""

from __future__ import annotations

from cab_check.handshake import questions
from cab_check.handshake.check import Check, Outcome, not_asked
from cab_check.handshake.checks.gates import ask_plain_chat, gate
from cab_check.handshake.failure import failure
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen
from cab_check.handshake.tries import merge
from cab_check.wire.exchange import Ask

_LIST_ALONE = frozenset({"headers-timeout", "idle-timeout", "total-timeout", "reset"})
"""How a request for the list may end though the endpoint is there: gateways put lists together from other hosts."""


def _ask_reach(plan: Plan, seen: Seen) -> list[Ask]:
    if not seen.lists:
        return [questions.models()]
    if plan.model is not None and all(exchange.end in _LIST_ALONE for exchange in seen.exchanges):
        return [ask for ask in [questions.say(plan, seen)] if seen.answer_to(ask) is None]
    # A key may have come since; and once the API was found elsewhere, its list is asked for there, with the key.
    ask = questions.models()
    return [ask] if seen.lists[0].status is not None and seen.answer_to(ask) is None else []


def _judge_reach(plan: Plan, seen: Seen) -> Outcome:
    """A status line is proof enough, whatever it says."""
    if not seen.exchanges:
        return not_asked()
    answered = [exchange for exchange in seen.exchanges if exchange.status is not None]
    if answered:
        via = " through a proxy" if seen.facts.via_proxy else ""
        return Outcome("pass", f"{answered[0].peer or 'the host'} answers{via}", (), (answered[0].number,))
    failed = [found for found in (failure(exchange, seen) for exchange in seen.exchanges) if found]
    if not failed:
        return not_asked("broken off before anything came")
    finding = merge([found for found in failed if found.key == failed[0].key], len(seen.exchanges))
    numbers = tuple(exchange.number for exchange in seen.exchanges)
    return Outcome("fail", f"{finding.key}: {seen.exchanges[0].detail or finding.title}", (finding,), numbers)


REACH = Check("reach", "network", "reaching the endpoint", (), _ask_reach, _judge_reach)
SERVICE = Check(
    "service",
    "network",
    "whether it serves",
    ("base-path",),
    ask_plain_chat,
    gate("network", "address", proof="the server takes chat completions"),
)
