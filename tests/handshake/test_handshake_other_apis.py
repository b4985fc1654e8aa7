"""/responses and /messages: what is there, what is missing, and which part of a client's request a server refuses."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from captures.load import SERVERS, recording
from faulty_endpoint import KEY, Answer, Fault, handshake_with, raw, record, serving, sound

from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpReply, HttpRequest
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.handshake.result import Handshake

PAGE = b"<!DOCTYPE html><html><title>Console</title></html>"


def on(api: str, change: Any) -> Fault:
    """`change(body, reply)` for every request to that API."""

    def fault(request: HttpRequest, reply: HttpReply) -> Answer:
        return change(json.loads(request.body), reply) if request.path.endswith(f"/{api}") else reply

    return fault


def refuse(when: Any, words: str, status: int = 400) -> Any:
    refused = HttpReply(status, {"error": {"message": words, "type": "invalid_request_error"}})
    return lambda body, reply: refused if when(body) else reply


def kinds(body: dict[str, Any]) -> set[str]:
    return {tool.get("type", "function") for tool in body.get("tools", [])}


def roles(body: dict[str, Any]) -> set[str]:
    return {item.get("role") for item in body.get("input", body.get("messages", []))}


def has_output(body: dict[str, Any]) -> bool:
    return any(word in json.dumps(body) for word in ("function_call_output", "tool_use_id"))


def events(change: Any) -> Any:
    def changed(body: dict[str, Any], reply: HttpReply) -> HttpReply:
        return replace(reply, events=tuple(event for old in reply.events or () for event in change(old)))

    return changed


def without(kind: str) -> Any:
    return events(lambda event: [] if event["type"] == kind else [event])


def as_document(body: dict[str, Any], reply: HttpReply) -> HttpReply:
    return HttpReply(200, {"object": "chat.completion", "choices": []})


def half_a_call(event: dict[str, Any]) -> list[dict[str, Any]]:
    delta = event.get("delta", {})
    if delta.get("type") == "input_json_delta":
        return [{**event, "delta": {**delta, "partial_json": delta["partial_json"].replace("}", "")}}]
    return [event]


GONE = HttpReply(404, {"detail": "Not Found"})
FAULTS: dict[str, tuple[str, Any, str]] = {
    "no responses": ("responses", lambda body, reply: GONE, "responses-api-missing"),
    "a page on every path": ("responses", lambda body, reply: raw(200, PAGE, "text/html"), "responses-api-missing"),
    "functions only": ("responses", refuse(lambda b: kinds(b) != {"function"}, "'type' of tool must be 'function'"),
                       "responses-api-broken:tool-types"),
    "functions only, in no words": ("responses", refuse(lambda b: kinds(b) != {"function"}, "Bad Request"),
                                    "responses-api-broken:tool-types"),
    "no store": ("responses", refuse(lambda b: "store" in b, "Extra inputs are not permitted: store"),
                 "responses-api-broken:store"),
    "no store, in no words": ("responses", refuse(lambda b: "store" in b, "Bad Request"), "responses-api-broken:store"),
    "no developer items": ("responses", refuse(lambda b: "developer" in roles(b), "input[0]: unknown role"),
                           "responses-api-broken:input-items"),
    "no results": ("responses", refuse(has_output, "unexpected item"), "responses-api-broken:input-items"),
    "no end": ("responses", without("response.completed"), "responses-api-broken:stream-end"),
    "no items": ("responses", without("response.output_item.done"), "responses-api-broken:events"),
    "a document": ("responses", as_document, "responses-api-broken:events"),
    "no messages": ("messages", lambda body, reply: HttpReply(405, None), "messages-api-missing"),
    "messages not supported": ("messages", refuse(lambda b: True, "messages is not supported by openai", 500),
                               "messages-api-missing"),
    "no thinking": ("messages", refuse(lambda b: "thinking" in b, "thinking: unknown field"),
                    "messages-api-broken:thinking"),
    "no system role": ("messages", refuse(lambda b: "system" in roles(b), "messages.1.role: user or assistant"),
                       "messages-api-broken:system-role"),
    "no tools": ("messages", refuse(lambda b: "tools" in b, "Bad Request"), "messages-api-broken:tools"),
    "no tool results": ("messages", refuse(has_output, "Bad Request"), "messages-api-broken:tools"),
    "half a call": ("messages", events(half_a_call), "tool-arguments-invalid-json"),
    "no blocks": ("messages", without("content_block_start"), "messages-api-broken:events"),
}  # fmt: skip


def keys(judged: Handshake) -> list[str]:
    return [finding.key for finding in judged.findings]


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_of_another_api_is_named_and_does_not_weigh(name: str) -> None:
    api, change, key = FAULTS[name]
    judged = handshake_with(on(api, change))
    assert keys(judged) == [key]
    assert (judged.verdict, judged.exit_code, judged.findings[0].severity) == ("works", 0, "info")
    other = "messages" if api == "responses" else "responses"
    assert (judged.capabilities[f"{api}_api"], judged.capabilities[f"{other}_api"]) == ("no", "yes")


def test_two_refused_parts_are_both_named() -> None:
    def both(body: dict[str, Any], reply: HttpReply) -> HttpReply:
        reply = refuse(lambda b: "store" in b, "store: unknown field")(body, reply)
        return refuse(lambda b: "web_search" in kinds(b), "tools[2].type: web_search")(body, reply)

    assert sorted(keys(handshake_with(on("responses", both)))) == [
        "responses-api-broken:store",
        "responses-api-broken:tool-types",
    ]


def test_a_part_that_the_words_seem_to_name_is_not_blamed_if_it_changes_nothing() -> None:
    """The refusal speaks of a role, and is for the tools."""
    words = refuse(lambda b: "web_search" in kinds(b), "cannot render role")
    assert keys(handshake_with(on("responses", words))) == ["responses-api-broken:tool-types"]


ELSEWHERE = {
    "too many requests": HttpReply(429, {"error": {"message": "Rate limit reached", "type": "requests"}}),
    "no such key here": HttpReply(401, {"error": {"message": "Incorrect API key provided"}}),
    "no such model here": HttpReply(404, {"error": {"message": "The model `cab-check-demo` does not exist."}}),
    "down": HttpReply(503, {"error": {"message": "overloaded"}}),
    "always refused": HttpReply(400, {"error": {"message": "Bad Request"}}),
}


@pytest.mark.parametrize("name", list(ELSEWHERE))
@pytest.mark.parametrize("api", ["responses", "messages"])
def test_what_says_nothing_about_the_api_is_no_finding(api: str, name: str) -> None:
    judged = handshake_with(on(api, lambda body, reply: ELSEWHERE[name]))
    assert (keys(judged), judged.capabilities[f"{api}_api"], judged.verdict) == ([], "unknown", "works")


def test_sound_variations_are_left_alone() -> None:
    """LiteLLM's: no `event:` lines and a `[DONE]`; llama-server's: no numbers."""

    def bare(body: dict[str, Any], reply: HttpReply) -> Answer:
        left_out = ("sequence_number", "output_index")
        rows = [{name: e[name] for name in e if name not in left_out} for e in reply.events or ()]
        text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n"
        return raw(200, text.encode(), "text/event-stream")

    judged = handshake_with(on("responses", bare))
    assert (keys(judged), judged.capabilities["responses_api"]) == ([], "yes")


def test_a_missing_end_mark_is_said_and_harms_no_client_of_messages() -> None:
    judged = handshake_with(on("messages", without("message_stop")))
    assert (keys(judged), judged.capabilities["messages_api"]) == (["stream-done-missing"], "yes")


def test_a_call_that_comes_over_chat_only_is_hardly_missed_by_the_model() -> None:
    def talk(body: dict[str, Any], reply: HttpReply) -> HttpReply:
        asked = {**body, "tools": [], "tool_choice": None}
        return Endpoint()(HttpRequest("POST", "/v1/responses", {}, json.dumps(asked).encode()))

    judged = handshake_with(on("responses", talk))
    (missing,) = judged.findings
    assert (missing.key, missing.apis, missing.seen) == ("tool-call-missing", ("responses",), (3, 3))
    assert (missing.owner, missing.confidence, missing.severity) == ("server", "low", "info")
    assert (judged.capabilities["responses_api"], judged.verdict) == ("no", "works")


def test_the_key_goes_in_both_forms_and_into_no_recording() -> None:
    with serving(sound) as server:
        seen, _ = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
        sent = [request.headers for request in server.requests if request.path == "/v1/messages"]
    assert len(sent) == 2
    assert all(h["x-api-key"] == KEY and h["authorization"] == f"Bearer {KEY}" for h in sent)
    assert KEY not in repr(seen)


@pytest.mark.parametrize("server", SERVERS)
def test_recorded_servers_have_what_they_have(server: str) -> None:
    heard = recording(server, "01", "02", "22", "23", "59")
    found = {key for key in keys(judge(heard, plan_of(heard))) if "-api-" in key}
    missing = {
        "llama-cpp-python": {"responses-api-missing", "messages-api-missing"},
        "llama-cpp-python-random": {"responses-api-missing", "messages-api-missing"},
        "llmock-pypi": {"messages-api-missing"},
        "portkey-to-llama-server": {"messages-api-missing"},
    }
    assert found == missing.get(server, set())
