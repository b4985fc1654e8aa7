"""The ceilings of a job on requests and tokens: asked before each request, and never passed in silence."""

from __future__ import annotations

import json
from typing import Any

from cab_check.base.errors import CannotCheck
from cab_check.wire.decode import arrivals
from cab_check.wire.exchange import Exchange
from cab_check.wire.sse import read_events

_BYTES_PER_TOKEN = 4  # of English text and code, by OpenAI's rule of thumb; used only where the server does not count


class BudgetReached(CannotCheck):
    """A ceiling was reached before the next request; that request was not sent."""

    def __init__(self, stopped_by: str, ceiling: int, what: str) -> None:
        super().__init__(
            f"Stopped before the next request: --{stopped_by} allows {ceiling} {what}.", f"Raise --{stopped_by}."
        )
        self.stopped_by = stopped_by


class Budget:
    """Counts one job's requests, and the tokens that its replies report. None means no ceiling.

    The tokens of a reply are known only when it is over, so the last request may pass the ceiling by what it uses.
    A reply without a count is estimated, not taken as free.
    """

    def __init__(self, max_requests: int | None = None, max_tokens: int | None = None) -> None:
        self.max_requests = max_requests
        self.max_tokens = max_tokens
        self.requests = 0
        self.tokens = 0

    def take_request(self) -> None:
        """Count one request that is about to go out. Raises BudgetReached instead if a ceiling forbids it."""
        if self.max_requests is not None and self.requests >= self.max_requests:
            raise BudgetReached("max-requests", self.max_requests, "requests")
        if self.max_tokens is not None and self.tokens >= self.max_tokens:
            raise BudgetReached("max-tokens-total", self.max_tokens, "tokens")
        self.requests += 1

    def count(self, exchange: Exchange) -> None:
        """Add the tokens of one exchange."""
        self.tokens += tokens_of(exchange)


def tokens_of(exchange: Exchange) -> int:
    """Prompt and completion tokens of a POST that succeeded: as the reply counts them, else estimated from its size.

    The estimate takes four bytes of the request as a token, and each event of a stream, or four bytes of another reply.
    """
    if exchange.sent.method != "POST" or exchange.got is None or not 200 <= exchange.got.status < 300:
        return 0
    events: tuple[Any, ...] = ()
    whole = exchange.json
    if whole is None:
        events = read_events(arrivals(exchange)).events
    for document in (whole, *(_parsed(event.data) for event in reversed(events))):
        counted = _usage(document)
        if counted is not None:
            return counted
    return (len(exchange.sent.body) // _BYTES_PER_TOKEN) + (len(events) or len(exchange.body) // _BYTES_PER_TOKEN)


def _usage(document: Any) -> int | None:
    """The total in a chat completion, a response, a message, or an event that wraps one of them."""
    if not isinstance(document, dict):
        return None
    for holder in (document, document.get("response"), document.get("message")):
        usage = holder.get("usage") if isinstance(holder, dict) else None
        if isinstance(usage, dict):
            names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
            parts: list[int] = [usage[name] for name in names if _is_count(usage.get(name))]
            if parts:
                return sum(parts)
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
