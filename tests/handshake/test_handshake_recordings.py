"""A recording is judged the same live, from its file, and whoever made it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from captures.load import recording
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
