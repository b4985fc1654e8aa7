"""/v1/responses through the official SDK, /v1/messages through its documented events: two turns with tools each."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from demo_client import READ, WEATHER, WRITE
from openai import OpenAI

from cab_check.demo.encode import MODEL
from cab_check.demo.server import DemoServer

READ_FLAT = {"type": "function", **READ["function"], "strict": False}
READ_BLOCK = {
    "name": "read_file",
    "description": "Read a file.",
    "input_schema": READ["function"]["parameters"],
}
ASK = 'Call the read_file tool with path "notes.md", then tell me what it says.'


def test_responses_two_turns_as_a_document(client: OpenAI) -> None:
    history: Any = [{"role": "user", "content": ASK}]
    first = client.responses.create(model=MODEL, input=history, tools=[READ_FLAT], store=False)
    (call,) = first.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "read_file", {"path": "notes.md"})
    history += [call.model_dump(), {"type": "function_call_output", "call_id": call.call_id, "output": "kestrel-4711"}]
    last = client.responses.create(model=MODEL, input=history, tools=[READ_FLAT], store=False)
    assert (last.status, "kestrel-4711" in last.output_text) == ("completed", True)
    assert last.usage is not None
    assert last.usage.total_tokens == last.usage.input_tokens + last.usage.output_tokens


def test_responses_two_turns_as_codex_streams_them(client: OpenAI) -> None:
    """Developer items, a tool of another type, `store: false`; every event passes the SDK's own accumulator."""
    history: Any = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": ASK}]},
    ]
    ask: Any = {
        "model": MODEL,
        "tools": [READ_FLAT, {"type": "web_search"}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    with client.responses.stream(input=history, **ask) as stream:
        events = list(stream)
        first = stream.get_final_response()
    (call,) = first.output
    assert (call.type, json.loads(call.arguments)) == ("function_call", {"path": "notes.md"})
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    history += [
        call.model_dump(exclude_none=True, exclude={"parsed_arguments"}),
        {"type": "function_call_output", "call_id": call.call_id, "output": "kestrel-4711"},
    ]
    with client.responses.stream(input=history, **ask) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert "".join(deltas) == stream.get_final_response().output_text
    assert "kestrel-4711" in "".join(deltas)


def test_responses_end_at_the_limit_and_keep_a_format(client: OpenAI) -> None:
    short = client.responses.create(model=MODEL, input="Write 200 words about rivers.", max_output_tokens=20)
    assert (short.status, short.incomplete_details and short.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    wanted: Any = {"format": {"type": "json_schema", "name": "place", "schema": schema}}
    assert "city" in json.loads(client.responses.create(model=MODEL, input="Hello", text=wanted).output_text)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_reference"),
        ({"previous_response_id": "resp_1"}, "stored"),
        ({"input": [{"type": "function_call_output", "call_id": "nobody", "output": "x"}]}, "nobody"),
    ],
)
def test_responses_refuse_what_they_cannot_do(client: OpenAI, change: dict[str, Any], named: str) -> None:
    ask: Any = {"model": MODEL, "input": "Hello", **change}
    with pytest.raises(openai.BadRequestError, match=named):
        client.responses.create(**ask)


def post(demo: DemoServer, body: dict[str, Any], path: str = "/messages", **headers: str) -> httpx.Response:
    sent = headers or {"x-api-key": demo.key or ""}
    return httpx.post(f"{demo.base_url}{path}", json={"model": MODEL, **body}, headers=sent)


def message_events(reply: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, each under its own name."""
    found = []
    for block in reply.text.strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def test_messages_two_turns_as_claude_code_asks_them(demo: DemoServer) -> None:
    """System as blocks and as a message, thinking, tools: plain and streamed alike."""
    user: Any = {"role": "user", "content": [{"type": "text", "text": ASK}]}
    ask: dict[str, Any] = {
        "max_tokens": 500,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [user, {"role": "system", "content": [{"type": "text", "text": "Stay here."}]}],
        "tools": [READ_BLOCK, {"type": "web_search_20250305", "name": "web_search"}],
        "thinking": {"type": "adaptive"},
    }
    plain = post(demo, ask).json()
    (call,) = plain["content"]
    assert (call["type"], call["input"], plain["stop_reason"]) == ("tool_use", {"path": "notes.md"}, "tool_use")
    events = message_events(post(demo, {**ask, "stream": True}))
    pieces = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == call["input"]
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "kestrel-4711"}
    ask["messages"] = [user, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    last = message_events(post(demo, {**ask, "stream": True}))
    text = "".join(event["delta"]["text"] for event in last if event["type"] == "content_block_delta")
    assert "kestrel-4711" in text
    assert last[-2]["delta"]["stop_reason"] == "end_turn"
    assert last[-2]["usage"]["output_tokens"] > 0


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "any"}, ["read_file"]),
        ({"type": "tool", "name": "get_weather"}, ["get_weather"]),
        ({"type": "none"}, []),
    ],
)
def test_messages_choose_tools_by_their_own_words(demo: DemoServer, choice: dict[str, Any], names: list[str]) -> None:
    tools = [
        {"name": t["function"]["name"], "input_schema": t["function"]["parameters"]} for t in (READ, WEATHER, WRITE)
    ]
    reply = post(
        demo,
        {
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "Hello"}],
            "tools": tools[:1] if choice["type"] == "any" else tools,
            "tool_choice": choice,
        },
    ).json()
    assert [block["name"] for block in reply["content"] if block["type"] == "tool_use"] == names


def test_messages_count_tokens_as_they_bill_them(demo: DemoServer) -> None:
    ask = {"system": "Be brief.", "messages": [{"role": "user", "content": "Hello"}], "tools": [READ_BLOCK]}
    counted = post(demo, ask, "/messages/count_tokens").json()["input_tokens"]
    assert counted == post(demo, {**ask, "max_tokens": 9}).json()["usage"]["input_tokens"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        ({"messages": []}, {}, 400, "invalid_request_error"),
        ({"max_tokens": 9, "messages": [{"role": "tool", "content": "x"}]}, {}, 400, "invalid_request_error"),
        ({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "image"}]}]}, {}, 400,
         "invalid_request_error"),
        ({"model": "nope", "max_tokens": 9, "messages": []}, {}, 404, "not_found_error"),
        ({"max_tokens": 9, "messages": []}, {"x-api-key": "sk-wrong"}, 401, "authentication_error"),
    ],
)  # fmt: skip
def test_messages_refuse_in_their_own_form(
    demo: DemoServer, body: dict[str, Any], headers: dict[str, str], status: int, kind: str
) -> None:
    reply = post(demo, body, **headers)
    assert (reply.status_code, reply.json()["type"], reply.json()["error"]["type"]) == (status, "error", kind)
