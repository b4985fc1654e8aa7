"""How much a handshake may ask for, before it asks: requests, tokens and money at the most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cab_check.handshake.check import Check
from cab_check.handshake.checks import CHECKS
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import with_room
from cab_check.handshake.rehearsal import WORST, rehearse, sound
from cab_check.wire.budget import at_most
from cab_check.wire.exchange import Ask
from cab_check.wire.price import Price

_BASE_URL = "http://rehearsal.invalid/v1"


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests, and tokens at the most: prompts by their size, completions by the output limits of the requests."""

    requests: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        """Both kinds together."""
        return self.prompt_tokens + self.completion_tokens

    def usd(self, price: Price) -> float:
        """What that would cost, every request taken to have its price."""
        return price.of(self.prompt_tokens, self.completion_tokens, self.requests)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`usual`: of an endpoint that does all it is asked. `worst`: every repeat, taking apart and asking for more room.

    Requests that a rate limit or a redirect repeats are in neither.
    """

    usual: Figures
    worst: Figures


def estimate(plan: Plan, checks: Sequence[Check] = CHECKS) -> Estimate:
    """What a handshake by `plan` would ask: its own questions, added up. Pure; nothing is sent."""
    named = plan if plan.model is not None else Plan("rehearsal", plan.nonce_seed, plan.profile)
    usual = rehearse(named, sound, _BASE_URL, checks)
    every = dict(usual)
    for endpoint in WORST:
        every |= rehearse(named, endpoint, _BASE_URL, checks)
    asks = {(ask.route, ask.base_path, ask.payload()): ask for ask in every.values()}
    roomier = [with_room(ask) for ask in asks.values() if at_most(ask.payload()).completion]
    asks |= {(ask.route, ask.base_path, ask.payload()): ask for ask in roomier}
    return Estimate(_figures(usual.values()), _figures(asks.values()))


def _figures(asks: Iterable[Ask]) -> Figures:
    each = [at_most(ask.payload()) for ask in asks]
    return Figures(len(each), sum(item.prompt for item in each), sum(item.completion for item in each))
