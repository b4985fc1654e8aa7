"""How much a job may use at the most: what was typed, what holds without it, and how that is said beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

from cab_check.agent.result import AgentLimits
from cab_check.base.errors import UsageError
from cab_check.handshake.estimate import Figures
from cab_check.wire.budget import Ceilings
from cab_check.wire.price import MILLION, Price

Number = TypeVar("Number", int, float)

HANDSHAKE = (60, 60_000)
"""Requests and tokens that a handshake may use where nothing was typed."""

NO_PRICE = UsageError(
    "--max-cost needs a price, and the endpoint's model list gives none for this model.",
    "Give it in US dollars per million tokens: --price IN,OUT, such as --price 0.20,0.80.",
)


@dataclass(frozen=True, slots=True)
class Most:
    """The ceilings of one part of the job, and what it costs at the most; None where no price is known."""

    requests: int
    tokens: int
    usd: float | None


def read_price(typed: str | None) -> Price | None:
    """`IN,OUT`, US dollars per million tokens. Raises UsageError."""
    if typed is None:
        return None
    parts = typed.split(",")
    try:
        dollars = [float(part) for part in parts]
    except ValueError:
        dollars = []
    if len(dollars) != 2 or not all(isfinite(each) and each >= 0 for each in dollars):
        raise UsageError(
            f"--price {typed!r} is not of the form IN,OUT.", "US dollars per million tokens, such as --price 0.20,0.80."
        )
    return Price(dollars[0] / MILLION, dollars[1] / MILLION)


def in_handshake(typed: Ceilings, addresses: int = 1, replays: int = 0) -> Ceilings:
    """The ceilings while the handshake runs, at so many addresses. `replays`: tokens for what agent CLIs send."""
    requests, tokens = addresses * HANDSHAKE[0], addresses * (HANDSHAKE[1] + replays)
    return Ceilings(
        requests=requests if typed.requests is None else typed.requests,
        tokens=tokens if typed.tokens is None else typed.tokens,
        usd=typed.usd,
    )


def in_task(typed: Ceilings, limits: AgentLimits, trials: int, *, requests: int, tokens: int) -> Ceilings:
    """The ceilings of the whole job once the task begins, `requests` and `tokens` being used already."""
    return Ceilings(
        requests=requests + trials * limits.turns if typed.requests is None else typed.requests,
        tokens=tokens + trials * limits.tokens if typed.tokens is None else typed.tokens,
        usd=typed.usd,
    )


def of_handshake(typed: Ceilings, price: Price | None, addresses: int = 1, replays: int = 0) -> Most:
    """What the handshake may use."""
    ceilings = in_handshake(typed, addresses, replays)
    assert ceilings.requests is not None and ceilings.tokens is not None
    return _most(ceilings.requests, ceilings.tokens, ceilings.tokens, ceilings.usd, price)


def of_task(limits: AgentLimits, trials: int, typed: Ceilings, price: Price | None) -> Most:
    """What the task may use: the agent loop's own limits, as often as there are trials, cut by what was typed."""
    ceilings = in_task(typed, limits, trials, requests=0, tokens=0)
    assert ceilings.requests is not None and ceilings.tokens is not None
    requests = min(trials * limits.turns, ceilings.requests)
    tokens = min(trials * limits.tokens, ceilings.tokens)
    return _most(requests, tokens, min(requests * limits.completion_tokens, tokens), ceilings.usd, price)


def _most(requests: int, tokens: int, completion: int, allowed: float | None, price: Price | None) -> Most:
    """With the dearest way to use `tokens`, of which `completion` can be completion tokens."""
    if price is None:
        return Most(requests, tokens, None)
    dearest = max(price.of(tokens, 0, requests), price.of(tokens - completion, completion, requests))
    return Most(requests, tokens, dearest if allowed is None else min(dearest, allowed))


def together(parts: Sequence[Most], typed: Ceilings) -> Most:
    """All parts of one job, never more than was typed for the whole."""
    usd = [part.usd for part in parts if part.usd is not None]
    return Most(
        _capped(sum(part.requests for part in parts), typed.requests),
        _capped(sum(part.tokens for part in parts), typed.tokens),
        _capped(sum(usd), typed.usd) if len(usd) == len(parts) else None,
    )


def lines(handshake: Most, task: Most | None, usual: Figures) -> list[str]:
    """What is said before the first request."""
    said = [f"ceilings: handshake {_said(handshake)}; a sound endpoint is asked {usual.requests}"]
    return said + ([f"ceilings: task {_said(task)}"] if task else [])


def money_line(most: Most, price: Price, allowed: float | None) -> str:
    """What the job costs at the most, and who said so."""
    limit = "" if allowed is None else f" ({allowed:g} allowed)"
    return f"ceilings: at most {most.usd or 0:.4f} USD{limit}, at {dollars(price)}"


def dollars(price: Price) -> str:
    """The price, per million tokens as providers print it."""
    more = f", {price.request:g} a request" if price.request else ""
    each = f"{price.prompt * MILLION:g} in, {price.completion * MILLION:g} out{more}"
    return f"{each} (USD per million tokens; from {price.source})"


def _said(most: Most) -> str:
    return f"at most {most.requests} requests, {most.tokens:,} tokens"


def _capped(value: Number, most: Number | None) -> Number:
    return value if most is None else min(value, most)
