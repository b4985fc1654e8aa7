"""The documented failures as endpoints and recordings, and what a real handshake makes of each.

`documented_failures.toml` has how each looks on the wire, tests/knowledge/failures.jsonl what it must be called, the
server's own words, and what must stand in the line to change.
"""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from documented_looks import Body, call_forms, holds, looking_like
from faulty_endpoint import KEY, MODEL, SHORT

from cab_check.base.progress import Quiet
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.faults.fault import Fault, given_for, lay
from cab_check.demo.faults.parts import asked
from cab_check.demo.faults.table import FAULTS
from cab_check.demo.http import NEVER, Delivery, HttpReply, HttpRequest
from cab_check.demo.server import DemoServer
from cab_check.handshake.drive import ask_all, first_contact
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan, plan_of
from cab_check.handshake.result import Handshake
from cab_check.knowledge.finding import Finding
from cab_check.wire.access import Access
from cab_check.wire.address import Address, read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Exchange, Facts, Recording, Sent, Times
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.secret import Secret

Row = dict[str, Any]

HERE = Path(__file__).parent
PATIENT = WireLimits(connect_s=2.0, headers_s=30.0, idle_s=30.0, total_s=60.0, after_done_s=0.4)
TOOLS = {
    "read": ("read_file", "Read a text file."),
    "long-name": ("mcp__issue-tracker_server__search_issues_and_pull-requests_by_us_and_more", "Search."),
}


def documented() -> dict[str, Row]:
    """The failures by id, each with what both files say of it."""
    lines = (HERE.parent / "knowledge" / "failures.jsonl").read_text("utf-8").splitlines()
    known = {row["id"]: row for row in map(json.loads, lines)}
    wire = tomllib.loads((HERE / "documented_failures.toml").read_text("utf-8"))["failure"]
    return {row["id"]: {**known[row["id"]], **row} for row in wire}


@dataclass(frozen=True)
class Seen:
    """What came of one failure: `first` is the first finding, None if nothing was found."""

    row: Row
    judged: Handshake

    @property
    def expected(self) -> tuple[str, ...]:
        """The codes that are right."""
        return (self.row["code"], *self.row.get("also", ()))

    @property
    def first(self) -> Finding | None:
        """The first finding."""
        return next(iter(self.judged.findings), None)

    @property
    def right(self) -> bool:
        """Whether the first code is right."""
        return self.first is not None and self.first.code in self.expected

    @property
    def misled(self) -> bool:
        """Whether a wrong code is said with high confidence. `unrecognised` names no cause."""
        return (
            self.first is not None
            and not self.right
            and self.first.code != "unrecognised"
            and self.first.confidence == "high"
        )

    @property
    def fixed(self) -> bool:
        """Whether the decisive flag, setting or field stands in the first finding's fix."""
        return self.first is not None and _plain(self.row["change"]) in _plain(self.first.fix or "")


def _plain(words: str) -> str:
    """Words as they compare: a parameter is the same in snake and in camel case."""
    return " ".join(words.replace("_", "").casefold().split())


def shake(row: Row) -> Seen:
    """One failure, through real sockets unless no HTTP is spoken in it."""
    if "ends" in row:
        return Seen(row, _judged(_that_ends(row["ends"])))
    given = given_for([FAULTS[name] for name in row.get("faults", ())])
    path = row.get("given", {}).get("path", given.path)
    key = row.get("given", {}).get("key", given.key) or None
    model = row.get("model") or given.model or MODEL
    limits = PATIENT if row.get("slow") else SHORT
    with DemoServer(endpoint_of(row), host="127.0.0.1", port=0, key=KEY) as server:
        base = f"http://127.0.0.1:{server.port}{path}"
        asking = _Asking(
            read_address(base), key and key.format(key=KEY), model, limits, looking_like(row.get("hop")).host
        )
        return Seen(row, _judged(asyncio.run(asking.recording(row.get("sends")))))


def _judged(recording: Recording) -> Handshake:
    return judge(recording, plan_of(recording))


def endpoint_of(row: Row) -> Callable[[HttpRequest], HttpReply]:
    """The demo endpoint with the look of the row's server and the row's failure laid over it."""
    faults = [FAULTS[name] for name in row.get("faults", ())]
    look = looking_like(row.get("hop")).fault(row.get("model"))
    return lay(Endpoint(key=KEY), [*faults, *call_forms(row), _said(row), look])


def _said(row: Row) -> Fault:
    """Refusals in the server's own words: of what the faults refuse, or of what meets the row's condition."""
    own = _own_words(row)
    refuses, silent = row.get("when"), row.get("silent")

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if silent and holds(silent, body):
            return replace(reply, delivery=Delivery(wait_s=NEVER))
        if own is None:
            return reply
        refused = holds(refuses, body) if refuses else reply.status >= 400
        other_api = request.path.endswith(("/responses", "/messages"))
        return own if refused and not other_api else reply

    return Fault("said", row["code"], "", after=after)


def _own_words(row: Row) -> HttpReply | None:
    if "body" not in row:
        return None
    if not isinstance(row["body"], str):
        return HttpReply(row["status"], row["body"])
    kind = "text/html" if row["body"].startswith("<") else "text/plain"
    return HttpReply(row["status"], body=row["body"].encode(), headers=(("Content-Type", kind),))


@dataclass(frozen=True)
class _Asking:
    """One job: `host` is the name under which the endpoint is known, where that is how it is recognised."""

    address: Address
    key: str | None
    model: str
    limits: WireLimits
    host: str | None

    async def recording(self, sends: str | None) -> Recording:
        """Everything that the handshake asks; or an agent's own requests, recorded."""
        access = Access(key=Secret(self.key) if self.key else None, key_source="--key" if self.key else None)
        facts = await gather(self.address, access, model=self.model, profile="generic", nonce_seed="documented")
        if self.host:
            facts = replace(facts, base_url=facts.base_url.replace("127.0.0.1", self.host), given=self.host)
        plan = Plan(self.model, facts.nonce_seed, other_base_paths=self.address.other_base_paths)
        async with Client(self.address, access, facts=facts, limits=self.limits) as client:
            if sends is None:
                await first_contact(client, plan)
                await ask_all(client, plan, Quiet())
            else:
                await self._as_an_agent(client, json.loads(sends))
            return client.recording

    async def _as_an_agent(self, client: Client, body: Body) -> None:
        tools = body.pop("tools", None)
        if tools is not None:
            name, about = TOOLS[tools]
            properties = {"path": {"type": "string"}}
            parameters = {"type": "object", "properties": properties, "required": ["path"]}
            body["tools"] = [
                {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
            ]
        await client.send(Ask("GET", "/models"))
        await client.send(Ask("POST", body.pop("route", "/chat/completions"), {"model": self.model, **body}))


def _that_ends(end: dict[str, str]) -> Recording:
    """A recording of one request that ended before any HTTP."""
    base = f"{'https' if end['end'] == 'tls' else 'http'}://{end.get('host', 'api.example')}/v1"
    sent = Sent("GET", f"{base}/models", (), b"", "/models", True)
    came = Exchange(
        1, sent, None, end["end"], end["detail"], "2026-11-01T12:00:00Z", Times(end=9.0), peer=end.get("address")
    )
    facts = Facts(
        base_url=base,
        given=base,
        resolves=True,
        addresses=(end.get("address", "203.0.113.5"),),
        key_given=True,
        model_requested=MODEL,
        nonce_seed="documented",
    )
    return Recording(facts, (came,))


def figures(every: Sequence[Seen]) -> dict[str, tuple[int, float]]:
    """The count and the share of each figure."""
    counts = {
        "right first code": sum(seen.right for seen in every),
        "confident wrong code": sum(seen.misled for seen in every),
        "decisive in fix": sum(seen.right and seen.fixed for seen in every),
    }
    return {name: (count, count / max(1, len(every))) for name, count in counts.items()}


MARKS: dict[str, Callable[[float], tuple[str, bool]]] = {
    "right first code": lambda share: ("at least 95 %", share >= 0.95),
    "confident wrong code": lambda share: ("at most 1 %", share <= 0.01),
    "decisive in fix": lambda share: ("at least 90 %", share >= 0.90),
}
"""The name of a figure -> what it must hold, in words, and whether it does."""
