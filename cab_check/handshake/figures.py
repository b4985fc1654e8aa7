"""What a handshake used, and which model it met: figures read off the recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cab_check.handshake.check import Check, Outcome
from cab_check.handshake.checks.model import models_listed
from cab_check.handshake.plan import Plan
from cab_check.handshake.prices import listed_price
from cab_check.handshake.result import Cost, ModelFacts
from cab_check.handshake.seen import Seen, model_entries
from cab_check.handshake.surfaces import every_api_turn
from cab_check.wire.again import asked_again, waited_ms
from cab_check.wire.exchange import Exchange
from cab_check.wire.price import Price

_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")


def model_facts(plan: Plan, seen: Seen) -> ModelFacts:
    """Which model was asked for, which one answered, and who served it where a router says so."""
    answered = next((turn for turn in seen.turns if turn.answered and turn.reply.model), None)
    body = answered.exchange.json if answered else None
    provider = body.get("provider") if isinstance(body, dict) else None
    return ModelFacts(
        requested=plan.model,
        answered=answered.reply.model if answered else None,
        listed=models_listed(seen),
        served_by=provider if isinstance(provider, str) else None,
        context_listed=context_listed(plan.model, seen),
    )


def context_listed(model: str | None, seen: Seen) -> int | None:
    """The context in tokens that the model list gives for this model, under any of the names in use.

    vLLM and SGLang say `max_model_len`, llama.cpp `meta.n_ctx`, OpenRouter, Together and LM Studio `context_length`,
    Groq `context_window`, Mistral `max_context_length`.
    """
    _, entry, meta = _entry(model, seen)
    values = [entry.get(name) for name in _CONTEXT_FIELDS] + [meta.get("n_ctx")]
    return next((value for value in values if isinstance(value, int) and value > 0), None)


def context_trained(model: str | None, seen: Seen) -> tuple[int, int] | None:
    """The context in tokens that the model was trained with, where the list gives it (llama.cpp: `meta.n_ctx_train`),
    and the number of the exchange that says so.
    """
    number, _, meta = _entry(model, seen)
    trained = meta.get("n_ctx_train")
    return (trained, number) if isinstance(trained, int) and trained > 0 else None


def _entry(model: str | None, seen: Seen) -> tuple[int, Mapping[str, Any], Mapping[str, Any]]:
    """The number of the first reply that lists models, this model's entry in it, and the entry's `meta`."""
    read = ((exchange.number, model_entries(exchange)) for exchange in seen.lists)
    number, entries = next(((number, found) for number, found in read if found is not None), (0, {}))
    entry = entries.get(model or "", {})
    meta = entry.get("meta")
    return number, entry, meta if isinstance(meta, dict) else {}


def cost(plan: Plan, seen: Seen, checks: Sequence[Check], outcomes: Mapping[str, Outcome]) -> Cost:
    """Requests, tokens as the endpoint counted them (None if it never did), their price, and milliseconds."""
    usages = [turn.reply.usage for turn in seen.all_turns if turn.reply.usage]
    usages += [turn.reply.usage for turn in every_api_turn(seen) if turn.reply.usage]
    prompts = [usage.prompt for usage in usages if usage.prompt is not None]
    completions = [usage.completion for usage in usages if usage.completion is not None]
    price = plan.price or listed_price(seen.lists, plan.model)
    return Cost(
        requests=len(seen.exchanges),
        prompt_tokens=sum(prompts) if prompts else None,
        completion_tokens=sum(completions) if completions else None,
        usd=_usd(price, seen),
        wall_ms=_wall_ms(seen.exchanges),
        critical_path_ms=_critical_path_ms(seen, checks, outcomes),
        asked_again=len(asked_again(seen.exchanges)),
        waited_ms=round(waited_ms(seen.exchanges), 3),
        price=price,
    )


def _usd(price: Price | None, seen: Seen) -> float | None:
    """US dollars for what was answered; None without a price, or if any answer came without its count."""
    if price is None:
        return None
    usages = [turn.reply.usage for turn in seen.all_turns if turn.answered]
    usages += [turn.reply.usage for turn in every_api_turn(seen) if turn.exchange.ok]
    counts = [(usage.prompt, usage.completion) for usage in usages if usage is not None]
    whole = [(prompt, answer) for prompt, answer in counts if prompt is not None and answer is not None]
    if len(whole) < len(usages):
        return None
    return sum(price.of(max(0, prompt), max(0, answer), requests=1) for prompt, answer in whole)


def spent_ms(exchanges: Sequence[Exchange]) -> float:
    """The durations of some exchanges added up."""
    return sum(exchange.times.end for exchange in exchanges)


def _wall_ms(exchanges: Sequence[Exchange]) -> float:
    spans = [
        (start, start + exchange.times.end) for exchange in exchanges if (start := _start_ms(exchange)) is not None
    ]
    return max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0


def _start_ms(exchange: Exchange) -> float | None:
    """Milliseconds of the epoch; None where a recording made elsewhere has no usable date."""
    try:
        return datetime.fromisoformat(exchange.started_at).timestamp() * 1000
    except ValueError:
        return None


def _critical_path_ms(seen: Seen, checks: Sequence[Check], outcomes: Mapping[str, Outcome]) -> float:
    """The longest chain of checks that need each other: what would be left with any number of requests at once."""
    by_number = {exchange.number: exchange for exchange in seen.exchanges}
    path: dict[str, float] = {}
    counted: set[int] = set()
    for check in checks:
        own = [number for number in outcomes[check.id].exchanges if number not in counted and number in by_number]
        counted.update(own)
        before = max((path[need] for need in check.needs), default=0.0)
        path[check.id] = before + spent_ms([by_number[number] for number in own])
    return max(path.values(), default=0.0)
