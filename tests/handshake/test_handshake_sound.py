"""No false alarm: what real servers and models do differently without harm gives no finding that weighs."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import pytest
from faulty_endpoint import KEY, SHORT
from sound_changes import Variation
from sound_variations import VARIATIONS
from sound_wire import Style, Wire, wire, written

from cab_check.base.progress import Quiet
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import Handler, HttpReply, HttpRequest
from cab_check.handshake.drive import ask_all, first_contact
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Recording
from cab_check.wire.facts import gather
from cab_check.wire.patience import Patient
from cab_check.wire.secret import Secret

COMBINED = 36
"""How many combinations of several variations are drawn."""
TOGETHER = 6


@dataclass
class Laid:
    """A variation over a handler, and how often it changed a request or a reply."""

    variation: Variation
    handler: Handler
    changed: int = 0

    def __post_init__(self) -> None:
        self._after = self.variation.fresh() if self.variation.fresh else self.variation.after
        self._one_at_a_time = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpReply:
        with self._one_at_a_time:
            asked = self.variation.before(request)
            reply = self.handler(asked)
            varied = self._after(request, reply)
            self.changed += asked != request or _laid_on(varied) != _laid_on(reply)
            return varied


def _laid_on(reply: HttpReply) -> tuple[object, ...]:
    """What a client sees of a reply: status, headers, bytes, and the times between them."""
    how = reply.delivery
    return reply.status, reply.headers, written(reply), how.wait_s, how.first_s


def shake(variations: Sequence[Variation], seed: str = "sound") -> tuple[Recording, Handshake, list[str]]:
    """A live handshake under `variations`, the first nearest to the model; and those that changed nothing."""
    laid: list[Laid] = []
    handler: Handler = Endpoint(key=KEY)
    for variation in variations:
        laid.append(Laid(variation, handler))
        handler = laid[-1]
    style = reduce(lambda under, over: over.over(under), (v.style for v in variations), Style())
    path = next((v.path for v in variations if v.path != "/v1"), "/v1")
    model = next((v.model for v in variations if v.model != Variation("", "").model), Variation("", "").model)
    with wire(handler, style) as server:
        recording, plan = asyncio.run(_record(f"http://127.0.0.1:{server.port}{path}", model, seed))
    return recording, judge(recording, plan), _idle(laid, server)


def _idle(laid: Sequence[Laid], server: Wire) -> list[str]:
    return [
        one.variation.name for one in laid if not (one.changed or (server.changed and one.variation.style != Style()))
    ]


async def _record(base: str, model: str, seed: str) -> tuple[Recording, Plan]:
    address = read_address(base)
    access = Access(key=Secret(KEY), key_source="--key")
    facts = await gather(address, access, model=model, profile="generic", nonce_seed=seed)
    plan = Plan(model=model, nonce_seed=seed, other_base_paths=address.other_base_paths)
    async with Client(address, access, facts=facts, limits=replace(SHORT, total_s=20.0)) as client:
        patient = Patient(client, Quiet(), concurrency=4)
        await first_contact(patient, plan)
        await ask_all(patient, plan, Quiet())
        return patient.recording, plan


def alarms(judged: Handshake) -> list[str]:
    """What a sound endpoint must not be told: findings that weigh, checks that failed or broke down."""
    told = [f"{finding.key} ({finding.severity}): {finding.evidence}" for finding in judged.findings]
    weighing = [line for line, finding in zip(told, judged.findings, strict=True) if finding.severity != "info"]
    broken = [
        f"{c.id} {c.status}: {c.reason}" for c in judged.checks if c.status in ("warn", "fail", "not_run", "crashed")
    ]
    return weighing + [line for line in broken if not line.startswith(("responses warn", "messages warn"))]


@pytest.mark.parametrize("name", list(VARIATIONS))
def test_a_harmless_variation_raises_no_alarm(name: str) -> None:
    _, judged, idle = shake([VARIATIONS[name]])
    assert idle == [], "the variation changed no byte"
    assert alarms(judged) == []
    assert (judged.verdict, judged.exit_code) == ("works", 0)


def drawn(number: int) -> list[Variation]:
    """A few variations that can stand together, always the same for the same number."""
    chance = random.Random(number)
    groups = sorted({variation.group for variation in VARIATIONS.values()})
    of = {group: [v for v in VARIATIONS.values() if v.group == group] for group in groups}
    chosen = [chance.choice(of[group]) for group in chance.sample(groups, TOGETHER)]
    return sorted(chosen, key=lambda variation: list(VARIATIONS).index(variation.name))


@pytest.mark.parametrize("number", range(COMBINED))
def test_variations_that_come_together_raise_no_alarm(number: int) -> None:
    together = drawn(number)
    _, judged, _ = shake(together, seed=f"sound {number}")
    assert alarms(judged) == [], ", ".join(variation.name for variation in together)
    assert judged.verdict == "works"


def test_a_sound_endpoint_costs_little(capsys: pytest.CaptureFixture[str]) -> None:
    """At most 28 requests without a TUI asked for, and 4 000 output tokens of a model that does not reason."""
    _, judged, _ = shake([])
    assert (judged.verdict, judged.findings) == ("works", ())
    cost = judged.cost
    assert cost.completion_tokens is not None
    assert cost.requests <= 28 and cost.completion_tokens <= 4_000
    with capsys.disabled():
        print(f"\na sound endpoint: {cost.requests} requests, {cost.completion_tokens} output tokens", end=" ")


def test_the_table_is_long_enough_and_every_combination_is_another() -> None:
    assert len(VARIATIONS) >= 60
    assert len({tuple(v.name for v in drawn(number)) for number in range(COMBINED)}) == COMBINED
