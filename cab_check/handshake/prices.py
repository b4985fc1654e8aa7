"""What an endpoint's own model list says that its tokens cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from cab_check.handshake.seen import model_entries
from cab_check.wire.exchange import Exchange
from cab_check.wire.price import Price


def listed_price(lists: Sequence[Exchange], model: str | None) -> Price | None:
    """The price of `model` where a list gives one: OpenRouter's `pricing`, US dollars per token, as strings.

    A negative price means there that it depends on the route taken, so it is not known.
    """
    entries = next((found for found in map(model_entries, lists) if found is not None), {})
    pricing = entries.get(model or "", {}).get("pricing")
    if not isinstance(pricing, dict):
        return None
    prompt, completion = _usd(pricing.get("prompt")), _usd(pricing.get("completion"))
    thinking, request = _usd(pricing.get("internal_reasoning", "0")), _usd(pricing.get("request", "0"))
    if prompt is None or completion is None or thinking is None or request is None:
        return None
    return Price(prompt, max(completion, thinking), request, source="the model list")


def _usd(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
    except ValueError:
        return None
    return number if number >= 0 and isfinite(number) else None
