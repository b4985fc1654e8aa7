"""How much a handshake may ask for, before it asks: requests, tokens and money at the most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cab_check.handshake.check import Check
from cab_check.handshake.checks import BEFORE_REPLAYS
from cab_check.handshake.plan import GENERIC, Plan
from cab_check.handshake.questions import with_room
from cab_check.handshake.rehearsal import WORST, rehearse, sound
from cab_check.handshake.seen import Seen
from cab_check.handshake.tuis.arrival import measure
from cab_check.handshake.tuis.replay_api import surface_of
from cab_check.handshake.tuis.touch import first_tokens, tokens_wanted
from cab_check.tuis.loader import profile
from cab_check.wire.budget import at_most
from cab_check.wire.exchange import Ask, Facts, Recording
from cab_check.wire.price import Price

_TIMES = 8  # a first turn, its second one, and three tries of each where the model is moody
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


def estimate(plan: Plan, checks: Sequence[Check] | None = None) -> Estimate:
    """What a handshake by `plan` would ask: its own questions, added up. Pure; nothing is sent."""
    named = plan if plan.model is not None else Plan("rehearsal", plan.nonce_seed, plan.profile)
    usual = rehearse(_of_chat(named), sound, _BASE_URL, _usual_checks(named) if checks is None else checks)
    spoken = [ask for name in named.tuis for ask in _on_another_api(name, named)] if checks is None else []
    every = dict(usual)
    for endpoint in WORST:
        every |= rehearse(named, endpoint, _BASE_URL, checks)
    asks = {(ask.route, ask.base_path, ask.payload()): ask for ask in every.values()}
    # An answer under a limit that is itself the question is not asked for again with more room.
    cut = (ask for ask in asks.values() if 0 < at_most(ask.payload()).completion <= plan.max_tokens)
    roomier = [with_room(ask) for ask in cut]
    asks |= {(ask.route, ask.base_path, ask.payload()): ask for ask in roomier}
    return Estimate(_figures([*usual.values(), *spoken]), _figures([*asks.values(), *spoken]))


def tokens_of_replays(plan: Plan) -> int:
    """Tokens that the first turns of the CLIs asked about may take beside the usual questions, tries and all."""
    each = [profile(name) for name in plan.tuis]
    return sum(_TIMES * first_tokens(one) + 2 * (tokens_wanted(one) - first_tokens(one)) for one in each)


def _of_chat(plan: Plan) -> Plan:
    """The plan for those of its CLIs that speak chat completions: the rehearsal knows no other API."""
    names = [name for name in plan.tuis if profile(name).wire == "chat"]
    return replace(plan, profile=",".join(names) or GENERIC)


def _usual_checks(plan: Plan) -> Sequence[Check] | None:
    """Where every CLI speaks another API, a sound endpoint is asked what comes before it."""
    return BEFORE_REPLAYS if plan.tuis and not _of_chat(plan).tuis else None


def _on_another_api(name: str, plan: Plan) -> list[Ask]:
    """The two turns of a CLI that speaks another API."""
    one = profile(name)
    turn = surface_of(one).ask(plan) if one.wire != "chat" else None
    return (
        [
            turn,
            turn,
            measure(plan, Seen(Recording(Facts(base_url=_BASE_URL, given="")))),
        ]
        if turn
        else []
    )


def _figures(asks: Iterable[Ask]) -> Figures:
    each = [at_most(ask.payload()) for ask in asks]
    return Figures(len(each), sum(item.prompt for item in each), sum(item.completion for item in each))
