"""The parts of a Record, each from the dataclass of the room that produced it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cab_check.base.plain import plain
from cab_check.base.spans import Span
from cab_check.handshake.result import Comparison, Cost, Handshake, ModelFacts, TuiVerdict
from cab_check.knowledge.finding import Hop
from cab_check.record.known import known
from cab_check.record.tool import ToolFacts
from cab_check.wire.exchange import Facts, Recording

DEMO_MODEL = "cab-check-demo"

NO_COUNT = "the endpoint did not count them in every reply"
_ALONE = "no second address was given to compare with"
_NO_PRICE = "no price is known for this endpoint"
_NOT_SAID = "the endpoint does not say"


def tool_part(tool: ToolFacts) -> dict[str, Any]:
    """The `tool` part."""
    return known(plain(tool), {"cpus": "the system does not say"})


def endpoint_part(facts: Facts, handshake: Handshake) -> dict[str, Any]:
    """The `endpoint` part: the address, and what stands behind it as far as it was recognised."""
    values = {
        "base_url": facts.base_url or None,
        "given": facts.given or None,
        "hops": _hops(handshake.hops),
    }
    return known(values, dict.fromkeys(("base_url", "given"), "no usable address was given"))


def model_part(model: ModelFacts) -> dict[str, Any]:
    """The `model` part."""
    return known(
        plain(model),
        {
            "requested": "no model was named",
            "answered": "no reply named a model",
            "listed": "no model list was had",
            "served_by": _NOT_SAID,
            "quantisation": _NOT_SAID,
            "sampling": _NOT_SAID,
            "context_listed": _NOT_SAID,
        },
    )


def handshake_part(handshake: Handshake) -> dict[str, Any]:
    """The `handshake` part: verdict, checks, findings, what the SDK sees, and what it all cost."""
    values = {
        "verdict": handshake.verdict,
        "for": list(handshake.for_),
        "headline": handshake.headline,
        "checks": plain(handshake.checks),
        "findings": plain(handshake.findings),
        "sdk_view": plain(handshake.sdk_view),
        "capabilities": plain(handshake.capabilities),
        "context_tokens_verified": handshake.context_tokens_verified,
        "tuis": [_tui(row) for row in handshake.tuis],
        "cost": _cost(handshake.cost),
        "compared_to": _compared(handshake.compared_to),
    }
    return known(values, {"context_tokens_verified": "no prompt of an agent's size was sent", "compared_to": _ALONE})


def _tui(row: TuiVerdict) -> dict[str, Any]:
    return known(
        plain(row),
        {
            "version_measured": "it was not measured",
            "version_installed": "it was not found on this machine",
            "what_happens": "nothing stands in its way",
            "wiring": "it does not work here",
        },
    )


def _cost(cost: Cost) -> dict[str, Any]:
    return known(
        plain(cost),
        {
            "prompt_tokens": NO_COUNT,
            "completion_tokens": NO_COUNT,
            "usd": _NO_PRICE if cost.price is None else NO_COUNT,
            "price": _NO_PRICE,
        },
    )


def _hops(hops: Sequence[Hop]) -> list[dict[str, Any]]:
    return [known(plain(hop), {"version": "it does not tell its version"}) for hop in hops]


def _compared(twin: Comparison | None) -> dict[str, Any] | None:
    """The second address of a comparison; its findings stand among the others."""
    return None if twin is None else {**plain(twin), "hops": _hops(twin.hops), "cost": _cost(twin.cost)}


def trace_part(spans: Sequence[Span]) -> dict[str, Any]:
    """The `trace` part, oldest span first."""
    return {"spans": plain(sorted(spans, key=lambda span: (span.start_ms, span.id)))}


def is_demo(model: ModelFacts, recording: Recording) -> bool:
    """Whether the built-in endpoint's scripted model answered, directly or behind a proxy."""
    if model.answered == DEMO_MODEL or (model.answered is None and model.requested == DEMO_MODEL):
        return True
    return any(
        entry.get("owned_by") == DEMO_MODEL and entry.get("id") == (model.answered or model.requested)
        for exchange in recording.exchanges
        if exchange.sent.route == "/models" and exchange.ok and isinstance(exchange.json, dict)
        for entry in _entries(exchange.json.get("data"))
    )


def _entries(data: Any) -> list[dict[str, Any]]:
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
