"""The ceilings of a job on requests, tokens and money: asked before each request, and never passed in silence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from cab_check.base.errors import CannotCheck
from cab_check.wire.decode import arrivals
from cab_check.wire.exchange import Exchange
from cab_check.wire.price import Price
from cab_check.wire.sse import read_events

BYTES_PER_TOKEN = 4  # of English text and code, by OpenAI's rule of thumb; used only where the server does not count
TEMPLATE = 64  # tokens that a chat template puts around a conversation
TOOLS_TEMPLATE = 256  # and around tools: Qwen's about 130, the longest in use somewhat more
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class BudgetReached(CannotCheck):
    """A ceiling was reached before the next request; that request was not sent."""

    def __init__(self, stopped_by: str, ceiling: str) -> None:
        super().__init__(f"Stopped before the next request: --{stopped_by} allows {ceiling}.", f"Raise --{stopped_by}.")
        self.stopped_by = stopped_by


@dataclass(frozen=True, slots=True)
class Ceilings:
    """At the most so many requests, tokens (prompt and completion together) and US dollars; None: no ceiling."""

    requests: int | None = None
    tokens: int | None = None
    usd: float | None = None


class Spent(NamedTuple):
    """Tokens of one exchange or one request."""

    prompt: int
    completion: int


NOTHING = Spent(0, 0)


class Budget:
    """Counts one job's requests, tokens and money.

    A request goes out only if what it may use fits under the ceilings beside what was used and what is out: its size
    as prompt tokens, and its own output limit (`at_most`). Only an endpoint that counts higher than that, or passes the
    limit that it was given, can carry the sum over the ceiling, by that one request.
    A reply without a count is estimated, not taken as free.
    """

    def __init__(
        self,
        max_requests: int | None = None,
        max_tokens: int | None = None,
        max_usd: float | None = None,
        price: Price | None = None,
    ) -> None:
        self.ceilings = Ceilings(max_requests, max_tokens, max_usd)
        self.price = price
        self.requests = 0
        self.tokens = 0
        self.usd = 0.0
        self._out_tokens = 0
        self._out_usd = 0.0

    def take_request(self, body: bytes = b"") -> None:
        """Count one request that is about to go out. Raises BudgetReached instead if a ceiling forbids it."""
        most, ceilings = at_most(body), self.ceilings
        if ceilings.requests is not None and self.requests >= ceilings.requests:
            raise BudgetReached("max-requests", f"{ceilings.requests} requests")
        if ceilings.tokens is not None and body and self.tokens + self._out_tokens + sum(most) > ceilings.tokens:
            raise BudgetReached("max-tokens-total", f"{ceilings.tokens} tokens")
        price = self._usd(most, body)
        if ceilings.usd is not None and body and self.usd + self._out_usd + price > ceilings.usd:
            raise BudgetReached("max-cost", f"{ceilings.usd:g} USD")
        self.requests += 1
        self._out_tokens += sum(most)
        self._out_usd += price

    def count(self, exchange: Exchange) -> None:
        """Replace what one request might have used by what it did use."""
        body = exchange.sent.body
        most, used = at_most(body), spent(exchange)
        self._out_tokens -= sum(most)
        self._out_usd -= self._usd(most, body)
        self.tokens += sum(used)
        self.usd += self._usd(used, body) if sum(used) else 0.0

    def _usd(self, tokens: Spent, body: bytes) -> float:
        return self.price.of(*tokens, requests=1 if body else 0) if self.price else 0.0


def at_most(body: bytes) -> Spent:
    """What a request may use: its bytes and the template's words as prompt tokens, and the output limit that it sets.

    Nothing for a request without a body. A request that sets no limit, or is no JSON, is taken to be answered with
    nothing: what it may cost is not known before.
    """
    if not body:
        return NOTHING
    document = _parsed(body.decode("utf-8", "replace"))
    if not isinstance(document, dict):
        return Spent(len(body) // BYTES_PER_TOKEN, 0)
    limits: list[int] = [document[name] for name in _LIMITS if _is_count(document.get(name))]
    around = TOOLS_TEMPLATE if document.get("tools") else TEMPLATE
    return Spent(len(body) // BYTES_PER_TOKEN + around, max(limits, default=0))


def tokens_of(exchange: Exchange) -> int:
    """Prompt and completion tokens together, as `spent` has them."""
    return sum(spent(exchange))


def spent(exchange: Exchange) -> Spent:
    """The tokens of a POST that succeeded: as the reply counts them, else estimated from its size.

    The estimate takes four bytes of the request as a token, and each event of a stream, or four bytes of another reply.
    """
    if exchange.sent.method != "POST" or exchange.got is None or not 200 <= exchange.got.status < 300:
        return NOTHING
    events: tuple[Any, ...] = ()
    whole = exchange.json
    if whole is None:
        events = read_events(arrivals(exchange)).events
    for document in (whole, *(_parsed(event.data) for event in reversed(events))):
        counted = _usage(document)
        if counted is not None:
            return counted
    generated = len(events) or len(exchange.body) // BYTES_PER_TOKEN
    return Spent(len(exchange.sent.body) // BYTES_PER_TOKEN, generated)


def _usage(document: Any) -> Spent | None:
    """The count in a chat completion, a response, a message, or an event that wraps one of them."""
    if not isinstance(document, dict):
        return None
    for holder in (document, document.get("response"), document.get("message")):
        usage = holder.get("usage") if isinstance(holder, dict) else None
        if isinstance(usage, dict):
            names = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
            sides = [[usage[name] for name in side if _is_count(usage.get(name))] for side in names]
            if any(sides):
                return Spent(sum(sides[0]), sum(sides[1]))
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
