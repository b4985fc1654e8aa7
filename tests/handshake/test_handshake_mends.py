"""A model that mends a broken call once it is told costs a turn each time; one that never does stops the agents that
tell it. Asked over real sockets, and only where every try was broken.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

import pytest
from faulty_endpoint import error, handshake_with, record, serving, sound
from test_handshake_tui_replay import judged, recorded, row

from cab_check.demo.faults.calls import arguments
from cab_check.demo.faults.parts import unless
from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.calls import call_faults
from cab_check.handshake.judge import judge
from cab_check.handshake.mends import over_chat, to_mend
from cab_check.handshake.result import Handshake
from cab_check.handshake.seen import Seen, Turn
from cab_check.handshake.tuis.effects import impact
from cab_check.handshake.wording import AGAIN
from cab_check.knowledge.finding import Finding, Mending
from cab_check.tuis.loader import profile
from cab_check.wire import har

MISTAKES = ("tool-arguments-invalid-json", "tool-name-wrong", "tool-arguments-schema-mismatch")
TELL = ("codex", "claude", "opencode")
"""Agent CLIs that tell the model of each of the three."""


@cache
def met(fault: str) -> Handshake:
    return handshake_with(FAULTS[fault])


def found(handshake: Handshake, code: str) -> Finding:
    return next(finding for finding in handshake.findings if finding.code == code)


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_that_is_mended_costs_a_turn_and_blocks_nobody_who_tells_the_model(code: str) -> None:
    handshake = met(f"{code}-until-told")
    assert (handshake.verdict, handshake.exit_code) == ("degraded", 0)
    assert "told of it, the model makes the call as it should" in found(handshake, code).title
    for name in TELL:
        assert row(handshake, name).verdict == "degraded", name
        assert "costs a turn each time" in (row(handshake, name).what_happens or "")


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_that_is_never_mended_blocks_those_who_tell_the_model(code: str) -> None:
    handshake = met(code)
    assert all(one.told >= 2 and not one.mended for one in found(handshake, code).mendings)
    assert {row(handshake, name).verdict for name in TELL} == {"blocked"}


def test_what_a_cli_was_measured_with_otherwise_is_not_changed_by_it() -> None:
    """Pi mends such JSON itself and acts on what comes of it: no word of the model's mistake reaches the model."""
    for fault in ("tool-arguments-invalid-json", "tool-arguments-invalid-json-until-told"):
        assert row(met(fault), "pi").verdict == "blocked"
        assert row(met(fault), "qwen").verdict == "unknown"  # not measured


@pytest.mark.parametrize(("name", "api"), [("codex", "responses"), ("claude", "messages"), ("opencode", "chat")])
@pytest.mark.parametrize(("fault", "word"), [("-until-told", "degraded"), ("", "blocked")])
def test_a_cli_asked_about_tells_the_model_over_its_own_api(name: str, api: str, fault: str, word: str) -> None:
    handshake = judged(FAULTS[f"tool-name-wrong{fault}"], name)
    assert (handshake.verdict, row(handshake, name).verdict) == (word, word)
    assert api in {one.api for one in found(handshake, "tool-name-wrong").mendings}


def test_what_was_seen_over_a_clis_own_api_counts_for_it_and_not_what_was_seen_elsewhere() -> None:
    """The same model may be told in other words, through another parser."""
    handshake = met("tool-name-wrong")
    chat_only = found(handshake, "tool-name-wrong").but(
        mendings=(Mending("chat", 1, 1), Mending("responses", 2, 0), Mending("messages", 1, 1))
    )
    words = {name: impact(profile(name), chat_only) for name in TELL}
    assert {name: one and one.verdict for name, one in words.items()} == {
        "codex": "blocked",
        "claude": "degraded",
        "opencode": "degraded",
    }


@pytest.mark.parametrize("fault", ["tool-arguments-invalid-json", "tool-arguments-invalid-json-until-told"])
def test_the_model_is_told_once_and_again_only_if_that_was_in_vain(fault: str) -> None:
    mendings = found(met(fault), "tool-arguments-invalid-json").mendings
    assert {one.api: (one.told, one.mended) for one in mendings} == (
        {"chat": (2, 2), "responses": (1, 1), "messages": (1, 1)}  # chat: plain, and as a stream
        if fault.endswith("told")
        else {"chat": (4, 0), "responses": (2, 0), "messages": (2, 0)}
    )


def asked_with(fault: Any) -> list[Any]:
    """What an endpoint with that fault is sent."""
    with serving(fault) as server:
        asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
        return list(server.requests)


def test_a_sound_endpoint_is_never_told_of_a_mistake() -> None:
    requests = asked_with(sound)
    assert len(requests) > 10
    assert not any(AGAIN.encode() in request.body for request in requests)


def test_a_mistake_that_the_next_tries_do_not_make_is_not_given_back() -> None:
    """Only the first try of a question names a temperature: the model does better without being told."""
    cut = arguments(lambda text: text[:-2])
    requests = asked_with(unless(lambda body: "temperature" not in body, cut))
    chat = [request for request in requests if request.path.endswith("/chat/completions")]
    assert not any(AGAIN.encode() in request.body for request in chat)


@pytest.mark.parametrize(
    ("schema", "field", "asks"),
    [
        ({"properties": {"path": {"type": "string"}}, "additionalProperties": False}, "why", 0),  # most clients drop it
        ({"properties": {"path": {"type": "string"}}, "required": ["path", "lines"]}, "lines", 1),
        ({"properties": {"path": {"type": "string"}, "why": {"type": "integer"}}}, "why", 1),
    ],
)
def test_a_field_that_nobody_wanted_is_no_mistake_to_be_told_of(schema: Any, field: str, asks: int) -> None:
    """Three replies that hold one field too many, judged by schemas to which that means different things."""
    add = arguments(lambda written: json.dumps({**json.loads(written), "why": "because"}))
    with serving(add) as server:
        seen = Seen(asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))[0])
    first = next(turn for turn in seen.turns if turn.reply.tool_calls and turn.wanted.calls)
    tool = {"type": "function", "function": {"name": first.reply.tool_calls[0].name, "parameters": schema}}
    turn = Turn(first.exchange, {**first.request, "tools": [tool]}, first.reply)
    assert [fault.key for fault in call_faults(turn)] == [f"tool-arguments-schema-mismatch:{field}"]
    assert len(to_mend([turn, turn, turn], over_chat, seen)) == asks


@pytest.mark.parametrize("name", ["codex", "claude", "opencode"])
def test_the_call_is_given_back_as_it_came_with_the_error_as_its_result(name: str) -> None:
    recording, _ = recorded(FAULTS["tool-name-wrong-until-told"], name)
    route = {"codex": "/responses", "claude": "/messages", "opencode": "/chat/completions"}[name]
    told = [e for e in recording.exchanges if AGAIN.encode() in e.sent.body and e.sent.url.endswith(route)]
    body = told[0].sent.json
    items = body["input"] if name == "codex" else body["messages"]
    if name == "codex":
        call, result = items[-2:]
        assert (call["type"], result["type"]) == ("function_call", "function_call_output")
        assert (call["call_id"], call["name"][:10]) == (result["call_id"], "functions.")
        assert result["output"].startswith("Error: there is no tool")
    elif name == "claude":
        call, result = items[-2]["content"][-1], items[-1]["content"][0]
        assert (call["type"], result["type"], result["is_error"]) == ("tool_use", "tool_result", True)
        assert (call["id"], call["name"][:10]) == (result["tool_use_id"], "functions.")
    else:
        call, result = items[-2]["tool_calls"][0], items[-1]
        assert (call["id"], call["function"]["name"][:10]) == (result["tool_call_id"], "functions.")


def test_the_same_recording_from_a_file_gives_the_same_judgement(tmp_path: Any) -> None:
    recording, plan = recorded(FAULTS["tool-arguments-invalid-json-until-told"], "codex")
    har.save(recording, tmp_path / "run.har")
    assert judge(har.load(tmp_path / "run.har"), plan) == judge(recording, plan)


def test_an_endpoint_that_refuses_the_broken_call_in_the_history_proves_nothing_of_the_model() -> None:
    """llama.cpp parses the arguments of past calls, and refuses those that are no JSON: the verdict stays as it was."""
    cut = FAULTS["tool-arguments-invalid-json-until-told"].after

    def strict(request: Any, reply: Any) -> Any:
        if AGAIN.encode() in request.body:
            return error(500, "Failed to parse tool call arguments as JSON")
        return cut(request, reply)

    handshake = handshake_with(strict)
    assert not found(handshake, "tool-arguments-invalid-json").mendings
    assert row(handshake, "codex").verdict == "blocked"
