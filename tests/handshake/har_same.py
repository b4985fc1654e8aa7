"""Live recordings of the demo endpoint, and what of their findings must be the same in any HAR of them."""

from __future__ import annotations

import asyncio
from typing import Any

from faulty_endpoint import record, serving, sound
from handshake_faults import setting_of

from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake
from cab_check.wire.exchange import Recording

LACKING = {
    "address-includes-route": "which address was typed",
    "reply-timeout": "why there was no reply, and how long was waited",
    "reply-timeout-first-token": "how a reply ended that did not come whole",
    "endpoint-unreachable": "why there was no reply",
    "key-malformed": "the shape of the key",
    "stream-compressed": "that the body was not in the coding that its header names",
    "first-token-slow": "when each piece came, and that the client gave up waiting",
}
"""Faults that show in a fact that HAR has no place for, or that recorders do not keep."""


def live_recording(name: str | None) -> tuple[Recording, Plan]:
    """A whole live handshake against the endpoint with the named fault, None for the sound one."""
    setting: dict[str, Any] = setting_of(name) if name else {}
    path = setting.pop("path", "/v1")
    with serving(FAULTS[name] if name else sound) as server:
        return asyncio.run(record(f"http://127.0.0.1:{server.port}{path}", **setting))


def told(judged: Handshake) -> list[tuple[object, ...]]:
    """What a finding says, but for the numbers of the exchanges: another program may have kept another order."""
    return [
        (
            finding.code,
            finding.subject,
            finding.layer,
            finding.severity,
            finding.owner,
            finding.seen,
            finding.follows_from,
            finding.cause,
            finding.fix,
            [item.excerpt for item in finding.evidence],
        )
        for finding in judged.findings
    ]
