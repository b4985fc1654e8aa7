"""What is found over one API is held against the CLIs that speak it, and against no other."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from faulty_endpoint import handshake_with, record, serving, sound
from test_handshake_tui_replay import recorded

from cab_check.demo.faults.calls import arguments, as_text, each_call, hermes
from cab_check.demo.faults.over import OTHERS, over
from cab_check.demo.faults.parts import error, has_tools, instead, on_chat, plain
from cab_check.demo.faults.table import FAULTS
from cab_check.demo.http import HttpReply
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake, TuiVerdict
from cab_check.handshake.surfaces import SURFACES
from cab_check.handshake.tuis.verdict import impacts
from cab_check.tuis.loader import profile, profiles
from cab_check.tuis.profile import Profile
from cab_check.wire.exchange import Exchange, Recording

CLI = {"responses": "codex", "messages": "claude", "chat": "opencode"}
OF_THE_MODEL: dict[str, tuple[Any, str]] = {
    "a call as text": (as_text(hermes), "tool-call-as-text:hermes"),
    "half the arguments": (arguments(lambda text: text[:-2]), "tool-arguments-invalid-json"),
    "other types": (arguments(lambda text: '{"path": 7}'), "tool-arguments-schema-mismatch:path"),
    "no keys": (arguments(lambda text: "{}"), "tool-arguments-schema-mismatch:path"),
    "another name": (each_call(lambda call: call["function"].update(name="nothing")), "tool-name-wrong"),
    "the result unused": (
        instead("I have no access.", lambda body: any(m.get("role") == "tool" for m in body["messages"])),
        "tool-result-ignored",
    ),
    "no tools": (on_chat(error(400, "this model does not support tools"), has_tools), "model-lacks-tools"),
    "too small": (
        on_chat(error(400, "This model's maximum context length is 512 tokens. However, you requested 600 tokens.")),
        "context-too-small:512",
    ),
}


def held_against(judged: Handshake, name: str) -> list[str]:
    met = impacts(profile(name), judged.findings, judged.capabilities)
    return [item.finding.key for item in met if item.verdict != "works" and item.finding.follows_from is None]


def verdict_of(judged: Handshake, name: str) -> TuiVerdict:
    return next(one for one in judged.tuis if one.tui == name)


@pytest.mark.parametrize("api", list(OTHERS))
@pytest.mark.parametrize("name", list(OF_THE_MODEL))
def test_a_fault_over_one_api_weighs_for_its_clients_alone(name: str, api: str) -> None:
    fault, key = OF_THE_MODEL[name]
    judged = handshake_with(over(api, fault))
    roots = [one for one in judged.findings if one.follows_from is None]
    assert [(one.key, one.apis, one.severity) for one in roots] == [(key, (api,), "info")]
    assert (judged.verdict, judged.exit_code) == ("works", 0)
    assert {cli: held_against(judged, cli) for cli in CLI.values()} == {
        cli: [key] if wire == api else [] for wire, cli in CLI.items()
    }


@pytest.mark.parametrize("api", list(OTHERS))
def test_the_sound_reply_read_and_written_again_is_sound(api: str) -> None:
    same = over(api, plain(lambda value: value.update(system_fingerprint="another")))
    assert handshake_with(same).findings == ()


def test_what_all_three_show_is_one_cause() -> None:
    judged = handshake_with(FAULTS["tool-call-as-text"].after)
    assert [one.key for one in judged.findings if one.code == "tool-call-as-text"] == ["tool-call-as-text:hermes"]
    first = judged.findings[0]
    assert (first.apis, first.severity, judged.exit_code) == (("chat", "responses", "messages"), "blocks", 3)
    assert all(held_against(judged, cli) == ["tool-call-as-text:hermes"] for cli in CLI.values())


@pytest.mark.parametrize("name", ["tool-arguments-object", "stream-tool-index", "usage-missing-stream", "stream-cut"])
def test_a_fault_of_chat_completions_is_not_held_against_clients_of_another_api(name: str) -> None:
    judged = handshake_with(FAULTS[name].after)
    assert held_against(judged, "opencode") or name == "usage-missing-stream"
    assert (held_against(judged, "codex"), held_against(judged, "claude")) == ([], [])


def test_one_lapse_of_the_model_is_no_finding() -> None:
    """The first call is damaged, those after it are sound."""
    made: list[int] = []

    def once(request: Any, reply: Any) -> Any:
        if not request.path.endswith("/responses"):
            return reply
        made.append(1)
        return over("responses", arguments(lambda text: text[:-2]))(request, reply) if len(made) == 1 else reply

    with serving(once) as server:
        seen, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
        asked = sum(request.path.endswith("/responses") for request in server.requests)
    judged = judge(seen, plan)
    assert (judged.findings, asked) == ((), 4)
    assert judged.capabilities["responses_api"] == "yes"


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("name", [n for n in FAULTS if "s-param-rejected-" in n])
def test_a_refused_parameter_of_a_cli_is_named_whether_that_cli_is_asked_about_or_not(name: str, asked: bool) -> None:
    fault = FAULTS[name]
    cli = CLI[name.partition("-")[0]]
    judged = judge(*recorded(fault, cli)) if asked else handshake_with(fault.after)
    first, word = judged.findings[0], "blocks" if asked else "info"
    assert (first.key, first.severity) == (f"param-rejected:{fault.subject}", word)
    assert verdict_of(judged, cli).verdict == "blocked"


@pytest.mark.parametrize(
    "profile_", [one for one in profiles().values() if one.wire != "chat"], ids=lambda one: one.name
)
def test_the_general_questions_hold_each_parameter_that_a_cli_sends(profile_: Profile) -> None:
    surface = next(one for one in SURFACES if one.route == f"/{profile_.wire}")
    asked = json.loads(surface.ask(Plan("a-model", "seed")).payload())
    assert profile_.request.params.keys() <= asked.keys()


def without(recording: Recording, *routes: str) -> Recording:
    """The recording without what was sent to these routes."""
    kept = [one for one in recording.exchanges if not one.sent.url.partition("?")[0].endswith(routes)]
    return replace(recording, exchanges=tuple(kept))


@pytest.mark.parametrize(
    ("name", "verdict", "says"),
    [
        ("stream-tool-index", "unknown", "not shown here: /responses, which was not asked"),
        ("tool-arguments-object", "unknown", "not shown here: /responses, which was not asked"),
        ("tool-call-as-text", "blocked", "exits with 0 (as seen over chat completions: /responses was not asked)"),
        ("model-lacks-tools", "blocked", "(as seen over chat completions: /responses was not asked)"),
    ],
)
def test_where_the_api_of_a_cli_was_not_asked_only_faults_of_the_model_count(
    name: str, verdict: str, says: str
) -> None:
    with serving(FAULTS[name].after) as server:
        recording, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    row = verdict_of(judge(without(recording, "/responses"), plan), "codex")
    assert row.verdict == verdict
    assert row.what_happens is not None and row.what_happens.endswith(says)


def test_a_recording_without_a_parameter_of_a_cli_does_not_show_that_it_works() -> None:
    with serving(sound) as server:
        recording, plan = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    plain = tuple(without_param(one, "prompt_cache_key") for one in recording.exchanges)
    assert verdict_of(judge(recording, plan), "codex").verdict == "works"
    row = verdict_of(judge(replace(recording, exchanges=plain), plan), "codex")
    assert (row.verdict, row.what_happens) == ("unknown", "not shown here: its parameters")


def test_a_document_of_another_api_in_place_of_a_stream_blocks_though_broken_streams_do_not() -> None:
    def another(request: Any, reply: Any) -> Any:
        other = HttpReply(200, {"object": "chat.completion", "choices": []})
        return other if request.path.endswith("/messages") else reply

    row = verdict_of(handshake_with(another), "claude")
    assert (row.verdict, row.because) == ("blocked", ("messages-api-broken:events",))


def without_param(exchange: Exchange, name: str) -> Exchange:
    body = exchange.sent.json
    if not isinstance(body, dict) or name not in body:
        return exchange
    left = json.dumps({key: value for key, value in body.items() if key != name}).encode()
    return replace(exchange, sent=replace(exchange.sent, body=left))


@pytest.mark.parametrize("cli", ["codex", "claude", "deepagents"])
def test_a_sound_endpoint_passes_within_twelve_requests(cli: str) -> None:
    recording, plan = recorded(sound, cli)
    judged = judge(recording, plan)
    assert (judged.findings, judged.verdict) == ((), "works")
    assert len(recording.exchanges) <= 12


@pytest.mark.parametrize(
    ("cli", "fault", "verdict"),
    [
        ("codex", "tool-call-as-text", "blocked"),
        ("codex", "responses-tool-call-id-missing", "blocked"),
        ("codex", "messages-tool-call-id-missing", "works"),
        ("claude", "messages-empty-reply", "blocked"),
        ("claude", "messages-stream-done-missing", "works"),
        ("claude", "messages-api-broken", "works"),
        ("claude", "messages-api-broken-blocks", "works"),
        ("claude", "messages-api-broken-stop", "blocked"),
        ("claude", "messages-stream-cut", "works"),
        ("codex", "responses-api-broken-start", "works"),
        ("codex", "responses-api-broken-items", "blocked"),
        ("codex", "responses-stream-cut", "blocked"),
        ("deepagents", "responses-api-broken-items", "works"),
        ("claude", "tool-arguments-schema-mismatch", "blocked"),
        ("claude", "tool-arguments-schema-mismatch-until-told", "degraded"),
    ],
)
def test_what_a_cli_sends_is_judged_over_its_api(cli: str, fault: str, verdict: str) -> None:
    recording, plan = recorded(FAULTS[fault], cli)
    judged = judge(recording, plan)
    row = next(one for one in judged.tuis if one.tui == cli)
    assert row.verdict == verdict
