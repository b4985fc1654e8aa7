"""Requests of an agent's size and shape: what is lost, refused, cut or late, and what only looks odd."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from context_faults import CAP, CASES, SOUND, is_long, limited, rewritten, uncounted, without_first_mark
from faulty_endpoint import (
    KEY,
    MODEL,
    SHORT,
    both,
    chunks,
    error,
    handshake_with,
    on_chat,
    plain,
    record,
    serving,
    sound,
)

from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.handshake import agent_questions as asks
from cab_check.handshake.check import Check
from cab_check.handshake.checks.context import CONTEXT
from cab_check.handshake.checks.delivery import PIECEWISE
from cab_check.handshake.drive import what_next
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan, plan_of
from cab_check.handshake.result import CheckResult, Handshake
from cab_check.handshake.seen import Seen
from cab_check.wire import har
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.exchange import Exchange, Facts, Piece, Recording
from cab_check.wire.secret import Secret


def result(judged: Handshake, id_: str) -> CheckResult:
    return next(check for check in judged.checks if check.id == id_)


@pytest.mark.parametrize("name", list(CASES))
def test_a_fault_is_named_first_and_alone(name: str) -> None:
    case = CASES[name]
    judged = handshake_with(case.fault, **case.setting)
    roots = [finding for finding in judged.findings if finding.follows_from is None and finding.severity != "info"]
    named = [finding.key if ":" in case.root else finding.code for finding in roots]
    assert named == [case.root]
    assert (judged.findings[0].owner, judged.exit_code) == (case.owner, case.exit_code)
    assert judged.findings[0].evidence and judged.findings[0].fix, "a finding without evidence or fix"
    assert not [check for check in judged.checks if check.status == "crashed"]
    assert judged.cost.requests <= 40


@pytest.mark.parametrize(("trained", "owner"), [(CAP, "model"), (131_072, "server")])
def test_a_context_that_is_all_the_model_was_trained_with_is_the_models_own(trained: int, owner: str) -> None:
    """llama-server lists both; it never gives more than the model has."""

    def meta(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if not request.path.endswith("/models"):
            return reply
        rows = [
            {**row, "owned_by": "llamacpp", "meta": {"n_ctx": CAP, "n_ctx_train": trained}}
            for row in reply.value["data"]
        ]
        return replace(reply, value={**reply.value, "data": rows})

    judged = handshake_with(both(limited(CAP), meta))
    found = judged.findings[0]
    assert (found.key, found.owner, judged.exit_code) == (f"context-too-small:{CAP}", owner, 3)
    assert ("-c 32768" in (found.fix or "")) == (owner == "server")


@pytest.mark.parametrize("name", list(SOUND))
def test_a_sound_server_that_looks_odd_has_no_finding(name: str) -> None:
    judged = handshake_with(SOUND[name])
    assert [finding.key for finding in judged.findings] == []
    assert judged.verdict == "works"
    assert judged.context_tokens_verified


def test_the_tokens_that_were_proven_are_the_servers_own_count() -> None:
    assert 6_000 <= (handshake_with(sound).context_tokens_verified or 0) <= 9_000
    assert handshake_with(CASES["window over the end"].fault).context_tokens_verified is None
    assert handshake_with(CASES["context of 4096"].fault).context_tokens_verified is None


def test_without_counts_a_mark_that_never_comes_back_is_enough() -> None:
    """Where all others come back each time, and the same mark of a shorter conversation does."""
    judged = handshake_with(both(rewritten(without_first_mark, is_long), uncounted))
    finding = next(f for f in judged.findings if f.code == "context-truncated-silently")
    assert (finding.seen, finding.confidence) == ((3, 3), "medium")
    assert "the system mark" in finding.evidence[0].excerpt


def test_with_counts_that_fit_a_mark_that_is_missing_proves_nothing() -> None:
    judged = handshake_with(rewritten(without_first_mark, is_long))
    assert judged.findings == ()
    assert "3 of 4 marks" in result(judged, "context").reason


@pytest.mark.parametrize("name", ["window over the end", "pattern refused", "output cap, hidden"])
def test_a_saved_recording_gives_the_same_findings(name: str, tmp_path: Path) -> None:
    with serving(CASES[name].fault) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    har.save(live, tmp_path / "run.har")
    again = har.load(tmp_path / "run.har")
    assert judge(live, plan).findings
    assert judge(again, plan_of(again)).findings == judge(live, plan).findings


def test_tools_that_were_refused_and_not_taken_apart_are_blamed_for_nothing() -> None:
    with serving(CASES["pattern refused"].fault) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    largest = max(Seen(live).about("offer"), key=lambda turn: len(turn.exchange.sent.body)).number
    parts = [number for number in about(live, "offer") if number != largest]
    stopped = Recording(live.facts, tuple(e for e in live.exchanges if e.number not in parts[1:]))
    judged = judge(stopped, plan)
    assert (judged.findings, result(judged, "schemas").status) == ((), "skipped")


def test_structured_output_is_only_a_note() -> None:
    refused = on_chat(error(400, "flux"), lambda body: "response_format" in body)
    ignored = rewritten(lambda body: {**body, "response_format": None}, lambda body: "response_format" in body)
    for fault, code in ((refused, "structured-output-rejected"), (ignored, "structured-output-ignored")):
        judged = handshake_with(fault)
        assert {finding.key for finding in judged.findings} == {f"{code}:json_object", f"{code}:json_schema"}
        assert {finding.severity for finding in judged.findings} == {"info"}
        assert judged.verdict == "works"


def retimed(exchange: Exchange, first_ms: float, last_ms: float) -> Exchange:
    """The same bytes, arriving evenly between the two moments."""
    assert exchange.got is not None
    events = [event + b"\n\n" for event in exchange.body.split(b"\n\n") if event]
    step = (last_ms - first_ms) / max(1, len(events) - 1)
    pieces = tuple(Piece(first_ms + number * step, event) for number, event in enumerate(events))
    times = replace(exchange.times, headers=first_ms, first_byte=first_ms, end=last_ms)
    return replace(exchange, got=replace(exchange.got, pieces=pieces), times=times)


def about(recording: Recording, name: str) -> list[int]:
    return [turn.number for turn in Seen(recording).about(name)]


def with_times(recording: Recording, name: str, first_ms: float, last_ms: float) -> Recording:
    numbers = about(recording, name)
    changed = (retimed(e, first_ms, last_ms) if e.number in numbers else e for e in recording.exchanges)
    return Recording(recording.facts, tuple(changed))


def without(recording: Recording, *names: str) -> Recording:
    numbers = [number for name in names for number in about(recording, name)]
    return Recording(recording.facts, tuple(e for e in recording.exchanges if e.number not in numbers))


@pytest.fixture(scope="module")
def healthy() -> tuple[Recording, Plan]:
    with serving(sound) as server:
        return asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))


def wanted(check: Check, plan: Plan, recording: Recording) -> list[str | None]:
    """What a check asks next, by what the questions are about."""
    found = [item.ask for item in what_next(plan, Seen(recording)) if item.check is check]
    facts = Recording(recording.facts)
    return [asks_about(plan, Seen(facts), dict(ask.body or {})) for ask in found]


def asks_about(plan: Plan, seen: Seen, body: dict[str, object]) -> str | None:
    known = {
        "long-text": [asks.long_text(plan, seen, number).body for number in range(2)],
        "context": [asks.agent_sized(plan, seen, asks.FULL).body],
    }
    return next((name for name, bodies in known.items() if body in bodies), None)


def test_a_first_token_after_a_minute_is_slow(healthy: tuple[Recording, Plan]) -> None:
    recording, plan = healthy
    slow = judge(with_times(recording, "context", 75_000, 76_000), plan)
    assert [finding.key.partition(":")[0] for finding in slow.findings] == ["first-token-slow"]
    assert judge(with_times(recording, "context", 35_000, 76_000), plan).findings == ()


def test_what_will_take_minutes_is_run_only_on_demand(healthy: tuple[Recording, Plan]) -> None:
    recording, plan = healthy
    slow = with_times(without(recording, "context"), "offer", 90_000, 91_000)
    assert wanted(CONTEXT, plan, slow) == []
    assert "--slow" in result(judge(slow, plan), "context").reason
    assert result(judge(slow, plan), "context").status == "skipped"
    (found,) = judge(slow, plan).findings
    assert (found.code, found.severity, found.confidence) == ("first-token-slow", "degrades", "medium")
    assert wanted(CONTEXT, replace(plan, slow=True), slow) == ["context"]
    quick = with_times(without(recording, "context"), "offer", 900, 910)
    assert wanted(CONTEXT, plan, quick) == ["context"]


def longer(recording: Recording, plan: Plan, count: int) -> Recording:
    """The same recording with `count` long texts in it."""

    async def run(port: int) -> Recording:
        address = read_address(f"http://127.0.0.1:{port}/v1")
        facts = Facts(base_url=address.base_url, given="x", model_requested=MODEL, nonce_seed=plan.nonce_seed)
        async with Client(address, Access(key=Secret(KEY)), facts=facts, limits=SHORT) as client:
            for number in range(count):
                await client.send(asks.long_text(plan, Seen(recording), number))
            return client.recording

    with serving(sound) as server:
        more = asyncio.run(run(server.port)).exchanges
    base = recording.facts.base_url
    moved = tuple(
        replace(e, number=1000 + e.number, sent=replace(e.sent, url=f"{base}/chat/completions")) for e in more
    )
    return Recording(recording.facts, recording.exchanges + moved)


def test_a_long_text_that_comes_at_once_twice_was_held_back(healthy: tuple[Recording, Plan]) -> None:
    recording, plan = healthy
    late = with_times(recording, "long-file", 5_000, 5_020)
    assert wanted(PIECEWISE, plan, late) == ["long-text"]
    once = with_times(longer(late, plan, 1), "long-text", 5_000, 5_020)
    assert wanted(PIECEWISE, plan, once) == ["long-text"]
    twice = with_times(longer(late, plan, 2), "long-text", 5_000, 5_020)
    judged = judge(twice, plan)
    assert [(finding.key, finding.owner, finding.seen) for finding in judged.findings] == [
        ("stream-buffered", "gateway", (2, 2))
    ]


@pytest.mark.parametrize(("first", "last"), [(200, 5_000), (1_500, 1_520), (3_000, 5_000)])
def test_streams_that_come_by_and_by_or_are_quick_are_sound(
    healthy: tuple[Recording, Plan], first: float, last: float
) -> None:
    recording, plan = healthy
    late = with_times(recording, "long-file", 5_000, 5_020)
    timed = with_times(longer(late, plan, 2), "long-text", first, last)
    assert judge(timed, plan).findings == ()
    assert wanted(PIECEWISE, plan, with_times(recording, "long-file", first, last)) == []


def test_a_count_of_nothing_is_judged_like_any_other_that_cannot_be() -> None:
    def zero(events: Any) -> Any:
        for event in events if isinstance(events, list) else [events]:
            if isinstance(event, dict) and event.get("usage"):
                event["usage"].update(prompt_tokens=0, total_tokens=event["usage"]["completion_tokens"])
        return events

    found = handshake_with(both(plain(zero), chunks(zero)))
    assert [one.id for one in found.checks if one.status == "crashed"] == []
    assert "usage-implausible" in [one.code for one in found.findings]
