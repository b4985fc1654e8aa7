"""A recording is judged the same live, from its file, and whoever made it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from captures.load import SERVERS, recording
from faulty_endpoint import KEY, MODEL, record, serving, sound
from handshake_faults import CASES

from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.handshake.result import Cost, Handshake
from cab_check.wire import har
from cab_check.wire.exchange import Recording

TIMELESS = Cost()


def without_clock(judged: Handshake) -> Handshake:
    """All but durations, which a file keeps with less precision."""
    checks = tuple(replace(check, ms=None) for check in judged.checks)
    return replace(judged, checks=checks, cost=replace(judged.cost, wall_ms=0.0, critical_path_ms=0.0))


@pytest.mark.parametrize(
    "name", ["address-wrong-base-path", "another key", "tool-call-as-text", "reply-timeout", "stream-cut"]
)
def test_a_saved_recording_gives_the_same_handshake(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    setting = dict(case.setting)
    path = setting.pop("path", "/v1")
    with serving(case.fault, setting.pop("server_key", KEY)) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}{path}", **setting))
    har.save(live, tmp_path / "run.har")
    again = har.load(tmp_path / "run.har")
    assert judge(live, plan).findings, "the case shows nothing"
    assert without_clock(judge(again, plan_of(again))) == without_clock(judge(live, plan))


def test_a_recording_of_another_tool_gives_the_same_findings(tmp_path: Path) -> None:
    """A browser's or proxy's HAR has none of our own fields: no facts, no pieces, no ends."""
    with serving(CASES["tool-call-as-text"].fault) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    document = har.to_har(live)
    for holder in (document["log"], *document["log"]["entries"]):
        for key in [key for key in holder if key.startswith("_")]:
            del holder[key]
    file = tmp_path / "browser.har"
    file.write_text(json.dumps(document))
    foreign = har.load(file)
    judged = judge(foreign, plan_of(foreign))
    assert [finding.key for finding in judged.findings] == [finding.key for finding in judge(live, plan).findings]
    assert judged.model.requested == MODEL


def test_a_conversation_phrased_in_another_way_is_judged_by_its_form() -> None:
    """An agent's own recording: no sentence of ours in it, and still the unparsed call is seen."""
    seen = recording("vllm", "01", "05", "08")
    changed = []
    for exchange in seen.exchanges:
        body = exchange.sent.body.replace(b"Call the read_file tool with path", b"Please have a look at")
        changed.append(replace(exchange, sent=replace(exchange.sent, body=body)))
    judged = judge(Recording(seen.facts, tuple(changed)), plan_of(seen))
    status = {check.id: check.status for check in judged.checks}
    assert (status["tool-call"], status["tool-call-stream"], status["chat"]) == ("pass", "pass", "skipped")
    assert judged.verdict == "works"


@pytest.mark.parametrize(
    "server", ["vllm", "llama-server", "llama-server-nokey", "litellm-to-llama-server", "portkey-to-llama-server"]
)
def test_healthy_servers_raise_no_false_alarm(server: str) -> None:
    """Chat, streams, calls and second turns of real servers, started well; the model is a tiny one."""
    healthy = recording(server, "01", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
    judged = judge(healthy, plan_of(healthy))
    assert [finding.key for finding in judged.findings if finding.owner != "model" and finding.severity != "info"] == []
    assert judged.verdict == "works"


STARTED_WELL = (
    "copilotkit-aimock",
    "litellm-mock",
    "litellm-to-llama-server",
    "llama-server",
    "llama-server-nokey",
    "llama-server-random",
    "llmock-pypi",
    "portkey-to-llama-server",
    "vllm",
    "vllm-random",
)
FAULTY = (
    "llama-cpp-python",
    "llama-cpp-python-random",
    "llama-server-chatml-template",
    "llama-server-no-jinja",
    "portkey-no-headers",
    "vllm-no-tool-parser",
)
TRUE_OF_A_MOCK = {"litellm-mock": {"usage-implausible"}}
"""It counts ten prompt tokens for every prompt."""


def healthy(server: str) -> Recording:
    """All that the server answered with success, whatever it was asked."""
    every = recording(server)
    return Recording(every.facts, tuple(e for e in every.exchanges if e.status is not None and 200 <= e.status < 300))


def test_every_recorded_server_is_judged_as_started_well_or_as_faulty() -> None:
    assert sorted((*STARTED_WELL, *FAULTY)) == sorted(SERVERS)
    assert all(len(healthy(server).exchanges) >= 7 for server in STARTED_WELL)


@pytest.mark.parametrize("server", STARTED_WELL)
def test_no_healthy_exchange_raises_a_false_alarm_alone(server: str) -> None:
    """Every one of them, judged by itself: parts, images, logprobs, n 2, damaged ids, /completions, /health and all."""
    every = healthy(server)
    for exchange in every.exchanges:
        judged = judge(Recording(every.facts, (exchange,)), plan_of(every))
        told = [finding for finding in judged.findings if finding.severity != "info"]
        assert told == [], f"{exchange.sent.method} {exchange.sent.url}: {exchange.sent.body[:200]!r}"
        assert not [check for check in judged.checks if check.status == "crashed"]


@pytest.mark.parametrize("server", STARTED_WELL)
def test_all_healthy_exchanges_together_blame_nobody_but_the_tiny_model(server: str) -> None:
    every = healthy(server)
    judged = judge(every, plan_of(every))
    told = [finding for finding in judged.findings if finding.severity != "info"]
    blamed = {finding.code for finding in told if finding.owner != "model"}
    assert blamed == TRUE_OF_A_MOCK.get(server, set())
    assert not [check for check in judged.checks if check.status == "crashed"]


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ("vllm-no-tool-parser", "tool-parser-disabled:--enable-auto-tool-choice --tool-call-parser"),
        ("llama-server-no-jinja", "tool-parser-disabled:--jinja"),
        ("llama-cpp-python", "tool-call-as-text:other"),
    ],
)
def test_misconfigured_servers_are_found_out(server: str, key: str) -> None:
    tools = recording(server, "01", "02", "05", "08")
    judged = judge(tools, plan_of(tools))
    assert (judged.findings[0].key, judged.exit_code) == (key, 3)
    assert judged.findings[0].fix


def test_judging_is_repeatable_and_fast() -> None:
    with serving(sound) as server:
        live, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    assert judge(live, plan) == judge(live, plan)


def test_nothing_recorded_is_no_pass() -> None:
    empty = Recording(recording("vllm").facts)
    judged = judge(empty, plan_of(empty))
    assert (judged.verdict, judged.exit_code, judged.findings) == ("unchecked", 4, ())
    assert "yes" not in judged.capabilities.values()


@pytest.mark.parametrize("server", ["vllm-random", "llama-server-random"])
def test_replies_that_ended_at_the_limit_prove_nothing(server: str) -> None:
    cut = recording(server, "01", "02", "05", "08")
    judged = judge(cut, plan_of(cut))
    assert (judged.verdict, judged.findings) == ("unchecked", ())
    assert judged.capabilities["tools"] == "unknown"
    assert "limit" in judged.headline
