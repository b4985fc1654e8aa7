"""Reasoning between the turns: each rule that a server may have is named, and a thinking model alone is no finding."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from faulty_endpoint import asked, handshake_with, record, serving, sound
from reasoning_faults import CASES, SOUND, THOUGHT, echoes, thinks

from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.wire.exchange import Recording


@pytest.mark.parametrize("name", list(CASES))
def test_a_rule_for_reasoning_is_named_first_and_alone(name: str) -> None:
    fault, root, exit_code = CASES[name]
    judged = handshake_with(fault)
    roots = [finding.key for finding in judged.findings if not finding.follows_from and finding.severity != "info"]
    assert roots == [root]
    assert judged.exit_code == exit_code
    assert judged.findings[0].evidence
    assert not [check for check in judged.checks if check.status == "crashed"]


@pytest.mark.parametrize("name", list(SOUND))
def test_a_model_that_thinks_is_no_fault(name: str) -> None:
    judged = handshake_with(SOUND[name])
    assert [finding.key for finding in judged.findings if finding.code != "reasoning-field"] == []
    assert (judged.verdict, judged.exit_code) == ("works", 0)
    assert not [check for check in judged.checks if check.status == "crashed"]


def test_it_is_asked_only_where_reasoning_was_seen() -> None:
    """One request more, and none for a model that does not think."""
    counts = []
    for fault in (sound, thinks()):
        with serving(fault) as server:
            asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
        bodies = [asked(request) for request in server.requests if asked(request)]
        counts.append((len(server.requests), sum(echoes(body, THOUGHT) for body in bodies)))
    (before, none), (after, one) = counts
    assert (after - before, none, one) == (1, 0, 1)


@pytest.mark.parametrize("name", list(CASES))
def test_a_recording_without_our_facts_gives_the_same_findings(name: str) -> None:
    """As another tool saves it: no seed from which our questions could be told."""
    with serving(CASES[name][0]) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    bare = Recording(replace(live.facts, nonce_seed="", model_requested=None), live.exchanges)
    keys = [finding.key for finding in judge(live, plan).findings]
    assert [finding.key for finding in judge(bare, plan_of(bare)).findings] == keys
