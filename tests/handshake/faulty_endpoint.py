"""The sound demo endpoint over real sockets, with a fault laid over it, and the handshake with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cab_check.base.progress import Quiet
from cab_check.demo.encode import MODEL
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.faults import fault as laying
from cab_check.demo.faults.fault import After as Fault
from cab_check.demo.faults.fault import untouched as sound
from cab_check.demo.faults.parts import (
    asked,
    both,
    calls,
    chunks,
    deltas,
    error,
    has_result,
    has_tools,
    message,
    on_chat,
    plain,
    said,
)
from cab_check.demo.faults.parts import everywhere as always
from cab_check.demo.faults.parts import written as raw
from cab_check.demo.http import NEVER, Delivery, HttpReply, HttpRequest
from cab_check.demo.http import HttpReply as Answer
from cab_check.demo.server import DemoServer
from cab_check.handshake.drive import ask_all, first_contact
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Recording
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.secret import Secret

__all__ = [
    "KEY",
    "MODEL",
    "SHORT",
    "SILENCE",
    "Answer",
    "Fault",
    "Served",
    "always",
    "asked",
    "both",
    "calls",
    "chunks",
    "deltas",
    "error",
    "handshake_with",
    "has_result",
    "has_tools",
    "message",
    "on_chat",
    "plain",
    "raw",
    "record",
    "said",
    "serving",
    "sound",
]

KEY = "sk-test-not-a-key-0123456789"
SHORT = WireLimits(connect_s=2.0, headers_s=1.5, idle_s=1.0, total_s=6.0, after_done_s=0.4)
SILENCE = HttpReply(200, delivery=Delivery(wait_s=NEVER))
Laid = Fault | laying.Fault


@dataclass(frozen=True)
class Served:
    """A running endpoint, and what it was asked so far."""

    port: int
    requests: list[HttpRequest]


@contextmanager
def serving(fault: Laid, key: str | None = KEY) -> Iterator[Served]:
    """The demo endpoint with `fault` over it: a named one, or a change of replies."""
    named = fault if isinstance(fault, laying.Fault) else laying.Fault("x", "x", "x", after=fault)
    handler = laying.lay(Endpoint(key=key), [named])
    requests: list[HttpRequest] = []

    def keeping(request: HttpRequest) -> HttpReply:
        requests.append(request)
        return handler(request)

    with DemoServer(keeping, host="127.0.0.1", port=0, key=key) as server:
        yield Served(server.port, requests)


async def record(
    base: str,
    *,
    key: str | None = KEY,
    model: str | None = MODEL,
    limits: WireLimits = SHORT,
    seed: str = "seed",
    profile: str = "generic",
) -> tuple[Recording, Plan]:
    """A whole live handshake against `base`, as the command line makes it."""
    address = read_address(base)
    access = Access(key=Secret(key) if key else None, key_source="--key" if key else None)
    facts = await gather(address, access, model=model, profile=profile, nonce_seed=seed)
    plan = Plan(model=model, nonce_seed=seed, profile=profile, other_base_paths=address.other_base_paths)
    async with Client(address, access, facts=facts, limits=limits) as client:
        await first_contact(client, plan)
        await ask_all(client, plan, Quiet())
        return client.recording, plan


def handshake_with(fault: Laid, *, path: str = "/v1", server_key: str | None = KEY, **more: Any) -> Handshake:
    """The judgement of a live handshake against the demo endpoint with `fault` laid over it."""
    with serving(fault, server_key) as server:
        recording, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}{path}", **more))
    return judge(recording, plan)
