"""What a handshake is said to need beforehand, against what it then does."""

from __future__ import annotations

import asyncio
import json

import pytest
from captures.load import captures
from faulty_endpoint import KEY, MODEL, SHORT, serving, sound
from handshake_faults import CASES

from cab_check.base.progress import Quiet
from cab_check.handshake.drive import ask_all
from cab_check.handshake.estimate import estimate
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.prices import listed_price
from cab_check.handshake.result import Cost
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.budget import at_most, spent
from cab_check.wire.client import Client
from cab_check.wire.exchange import Exchange, Facts, Got, Piece, Sent, Times
from cab_check.wire.secret import Secret

PLAN = Plan(model=MODEL, nonce_seed="estimate")


def real_cost(fault: object) -> Cost:
    """The cost of a handshake with the demo endpoint under `fault`."""

    async def run(port: int) -> Cost:
        address = read_address(f"http://127.0.0.1:{port}/v1")
        facts = Facts(base_url=address.base_url, given=address.given, key_given=True, loopback_or_private=True)
        async with Client(address, Access(key=Secret(KEY)), facts=facts, limits=SHORT) as client:
            await ask_all(client, PLAN, Quiet())
            return judge(client.recording, PLAN).cost

    with serving(fault) as server:  # type: ignore[arg-type]
        return asyncio.run(run(server.port))


def test_a_sound_endpoint_is_asked_no_more_than_was_said() -> None:
    expected, real = estimate(PLAN).usual, real_cost(sound)
    assert expected.requests - 3 <= real.requests <= expected.requests  # what a sound reply saves is not rehearsed
    assert 0 < (real.prompt_tokens or 0) <= expected.prompt_tokens
    assert 0 < (real.completion_tokens or 0) <= expected.completion_tokens


@pytest.mark.parametrize("name", sorted(CASES)[::3])
def test_no_fault_needs_more_than_the_worst_that_was_said(name: str) -> None:
    worst, real = estimate(PLAN).worst, real_cost(CASES[name].fault)
    assert 0 < real.requests <= worst.requests
    assert (real.prompt_tokens or 0) <= worst.prompt_tokens
    assert (real.completion_tokens or 0) <= worst.completion_tokens


def test_the_worst_is_more_than_the_usual_and_neither_needs_a_model() -> None:
    known, unknown = estimate(PLAN), estimate(Plan(model=None, nonce_seed="estimate"))
    assert known.worst.requests > 2 * known.usual.requests
    assert known.worst.completion_tokens > 4 * known.usual.completion_tokens
    assert unknown.worst.requests == known.worst.requests


@pytest.mark.parametrize("server", ["llama-server", "vllm", "llama-cpp-python", "vllm-random"])
def test_real_servers_count_their_prompts_no_higher_than_was_said(server: str) -> None:
    counted = 0
    for name, exchange in captures(server).items():
        ours = isinstance(exchange.sent.json, dict) and b"image_url" not in exchange.sent.body
        if exchange.ok and ours and spent(exchange).completion:
            counted += 1
            assert spent(exchange).prompt <= at_most(exchange.sent.body).prompt, name
    assert counted > 3


def listing(pricing: object) -> Exchange:
    body = json.dumps({"data": [{"id": "vendor/m", "pricing": pricing}]}).encode()
    sent = Sent("GET", "https://router.example/api/v1/models", (), b"", "/models", True)
    got = Got(200, "OK", "HTTP/1.1", (("Content-Type", "application/json"),), (Piece(1.0, body),))
    return Exchange(1, sent, got, "complete", "", "", Times(), body)


@pytest.mark.parametrize(
    ("pricing", "usd"),
    [
        ({"prompt": "0.000001", "completion": "0.000002", "request": "0", "image": "0.01"}, 3.0),
        ({"prompt": "0.000001", "completion": "0.000002", "request": "0.5"}, 3.5),
        ({"prompt": "0.000001", "completion": "0", "internal_reasoning": "0.000003"}, 4.0),
        ({"prompt": "0", "completion": "0"}, 0.0),
        ({"prompt": "-1", "completion": "-1"}, None),
        ({"prompt": "0.000001"}, None),
        ({"prompt": "free", "completion": "0"}, None),
        ({"prompt": "nan", "completion": "0"}, None),
        ({"prompt": True, "completion": "0"}, None),
        ("free", None),
        (None, None),
    ],
)
def test_the_price_of_the_model_list_is_taken_where_it_is_one(pricing: object, usd: float | None) -> None:
    price = listed_price([listing(pricing)], "vendor/m")
    assert (price and pytest.approx(price.of(1_000_000, 1_000_000, 1))) == usd
    assert listed_price([listing(pricing)], "vendor/other") is None
