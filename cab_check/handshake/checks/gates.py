"""One plain chat decides for the server, the key and the model alike: each gate looks for the reasons of its layer."""

from __future__ import annotations

from collections.abc import Callable

from cab_check.handshake import questions
from cab_check.handshake.check import Outcome, not_asked
from cab_check.handshake.failure import failure
from cab_check.handshake.form import problems
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import Seen, speaks_api
from cab_check.handshake.tries import merge, outstanding
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import code
from cab_check.wire.exchange import Ask, Exchange


def ask_plain_chat(plan: Plan, seen: Seen) -> list[Ask]:
    """One word, plain: the request that every gate looks at."""
    return [] if plan.model is None else outstanding(questions.say(plan, seen), seen)


def gate(*layers: str, proof: str) -> Callable[[Plan, Seen], Outcome]:
    """A judge that fails if no chat completion was had, for a reason of `layers`. A list of models can show such a
    reason too, and proves nothing.

    Once one was had, a failure of another request is a matter of the check that asked it, whatever its reason.
    """

    def judge(plan: Plan, seen: Seen) -> Outcome:
        looked_at = _telling(seen)
        if not looked_at:
            return not_asked()
        numbers = tuple(exchange.number for exchange in looked_at)
        good = next((exchange for exchange in looked_at if exchange.ok and not _reasons(exchange, seen)), None)
        if good is not None and seen.turns:
            return Outcome("pass", proof, (), (good.number,))
        found = [reason for exchange in looked_at for reason in _reasons(exchange, seen)]
        ours = [finding for finding in found if code(finding.code).layer in layers]
        if not ours:
            if not seen.turns:
                return not_asked("no chat completion was had")
            return Outcome("pass", f"nothing against it: HTTP {looked_at[0].status}", (), numbers)
        finding = merge([finding for finding in ours if finding.key == ours[0].key], len(looked_at))
        return Outcome("fail", f"{finding.key}: {finding.title}", (finding,), numbers)

    return judge


def _telling(seen: Seen) -> list[Exchange]:
    """The chat completions; before there is one, the requests for the list of models that the API answered.

    What was asked before there was a key tells nothing once there is one.
    """
    told = [turn.exchange for turn in seen.turns] or [exchange for exchange in seen.lists if speaks_api(exchange)]
    return [exchange for exchange in told if exchange.sent.keyed] or told


def _reasons(exchange: Exchange, seen: Seen) -> list[Finding]:
    """Why no answer was had: the failure, or what an error or a page under a success status says."""
    failed = failure(exchange, seen)
    if failed is not None:
        return [failed]
    turn = next((turn for turn in seen.turns if turn.exchange is exchange), None)
    gated = ("address", "network", "auth", "model")
    return [fault for fault in problems(turn) if code(fault.code).layer in gated] if turn else []
