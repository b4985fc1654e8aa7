"""The rows of the hold-out are sound in themselves: known codes, and every rule really changes a reply.

Nothing here runs the handshake: the hold-out measures it, and stays out of its way until it is asked.
"""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from holdout.matching import matches
from holdout.overlay import FILES, Overlay, rows

from cab_check.knowledge.vocabulary import codes, layers

ROWS = [row for file in FILES for row in rows(file)]
FAILING = [row for row in ROWS if not row.get("sound")]
SOUND = [row for row in ROWS if row.get("sound")]
OWNERS = {"server", "gateway", "account", "model", "client", "network", "user"}
ASK = {"role": "user", "content": "Say exactly: blue stone"}
ORDER = {"role": "user", "content": "Call the tool get_weather with city set to 'Paris' and days set to 3."}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
WRITE = {
    "type": "function",
    "function": {
        "name": "write_note",
        "description": "Write a note",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}
CALL = {
    "id": "call_a1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris","days":3}'},
}
RESULT = {"role": "tool", "tool_call_id": "call_a1", "content": "18 degrees"}
NAMED_LONG = {**WEATHER, "function": {**WEATHER["function"], "name": "w" * 65}}


def _called(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [CALL], **fields}


def _chat(*messages: dict[str, Any], **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/chat/completions", {"messages": list(messages), **fields}


def _with(tool: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The tool with other fields in its function; None takes one out."""
    function = {**tool["function"], **fields}
    return {**tool, "function": {name: value for name, value in function.items() if value is not None}}


BROKEN = {**CALL, "function": {"name": "get_weather", "arguments": '{"city":"Par'}}
CUSTOM = {"type": "custom", "name": "apply_patch", "description": "Patch"}
ANY_OF = _with(WEATHER, parameters={"type": "object", "properties": {"city": {"anyOf": [{"type": "string"}]}}})
BARE = _with(WEATHER, parameters=None)
SECOND = {**CALL, "id": "call_a2"}
UMLAUT = {"role": "user", "content": "Call the tool get_weather with city set to 'Münster' and days set to 3."}
QUOTES = {"role": "user", "content": "Call write_note with text set to 'say \"hi\"'."}
SCHEMA = {"name": "answer", "schema": {"type": "object", "properties": {"colour": {"type": "string"}}}}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    _chat(ASK),
    _chat(ASK, stream=True, stream_options={"include_usage": True}),
    _chat(ORDER, tools=[WEATHER]),
    _chat(ORDER, tools=[WEATHER], stream=True),
    _chat(ORDER, _called(), RESULT, tools=[WEATHER]),
    _chat({"role": "system", "content": "Be brief."}, ASK),
    _chat({"role": "user", "content": [{"type": "text", "text": "Say exactly: blue stone"}]}),
    _chat(ORDER, _called(reasoning_content="Let me call it."), RESULT, tools=[WEATHER]),
    _chat(ORDER, _called(tool_calls=[BROKEN]), RESULT, tools=[WEATHER]),
    _chat(ASK, max_tokens=32_000),
    _chat(ASK, max_completion_tokens=64),
    _chat(ASK, top_p=1.0),
    _chat(ASK, reasoning_effort="high"),
    _chat({"role": "user", "content": "word " * 9_000 + "\nSay exactly: blue stone"}),
    _chat(ASK, response_format={"type": "json_object"}),
    _chat(ASK, tools=[{**WEATHER, "function": {**WEATHER["function"], "name": f"t{n}"}} for n in range(129)]),
    _chat(ASK, tools=[NAMED_LONG]),
    _chat({"role": "user", "content": "Call write_note with text set to 'a </parameter> b'."}, tools=[WRITE]),
    ("/responses", {"input": [{"role": "user", "content": "Say exactly: blue stone"}], "stream": True}),
    ("/responses", {"input": "Say exactly: blue stone", "tools": [CUSTOM]}),
    ("/messages", {"messages": [ASK], "max_tokens": 64, "stream": True}),
    _chat(ASK, temperature=0.2, top_p=0.9),
    _chat(ASK, store=True),
    _chat(ASK, prompt_cache_key="a1"),
    _chat(ASK, presence_penalty=0),
    _chat(ASK, reasoning_effort="none"),
    _chat(ORDER, tools=[WEATHER], parallel_tool_calls=False),
    _chat(ORDER, tools=[WEATHER], tool_choice="required"),
    _chat(ORDER, tools=[WEATHER], tool_choice="none"),
    _chat(ASK, response_format={"type": "json_schema", "json_schema": SCHEMA}),
    _chat(ASK, {"role": "assistant", "content": "blue"}),
    _chat(ORDER, _called(tool_calls=[CALL, SECOND]), RESULT, {**RESULT, "tool_call_id": "call_a2"}, tools=[WEATHER]),
    _chat(ORDER, _called(), RESULT),
    _chat(ORDER, _called(), {**RESULT, "content": [{"type": "text", "text": "18 degrees"}]}, tools=[WEATHER]),
    _chat(ASK, {"role": "assistant", "content": "blue stone", "tool_calls": []}, ASK),
    _chat(ORDER, tools=[ANY_OF]),
    _chat(ORDER, tools=[BARE]),
    _chat(ORDER, tools=[_with(WEATHER, description="Weather. " * 4_000)]),
    _chat({"role": "user", "content": "word " * 24_000 + "\nSay exactly: blue stone"}),
    _chat(UMLAUT, tools=[WEATHER], stream=True),
    _chat(QUOTES, tools=[WRITE]),
    ("/responses", {"input": [ASK, {"role": "assistant", "content": "blue stone"}, ASK]}),
    ("/messages", {"messages": [ASK], "max_tokens": 64, "tools": [{"name": "get_weather", "input_schema": {}}]}),
    ("/messages", {"messages": [{"role": "system", "content": "Be brief."}, ASK], "max_tokens": 64}),
]
REQUESTS.append((REQUESTS[-2][0], {**REQUESTS[-2][1], "stream": True}))


def test_the_hold_out_is_large_enough_and_its_rows_are_told_apart() -> None:
    assert all(len([row for row in rows(file) if not row.get("sound")]) >= 70 for file in FILES)
    assert len(SOUND) >= 10
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert len({(row["source"], row["what"]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", FAILING, ids=lambda row: row["id"])
def test_a_row_names_known_codes(row: dict[str, Any]) -> None:
    assert row["expected"]
    assert {wanted.partition(":")[0] for wanted in row["expected"]} <= set(codes())
    assert row["layer"] in layers()
    assert row["owner"] in OWNERS
    assert all(isinstance(word, str) for word in row["decisive"])


@pytest.mark.parametrize("row", SOUND, ids=lambda row: row["id"])
def test_a_sound_row_names_no_code(row: dict[str, Any]) -> None:
    assert (row["layer"], row["expected"], row["decisive"], row["owner"]) == ("sound", [], [], "")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_row_says_what_it_is_and_who_tells_of_it(row: dict[str, Any]) -> None:
    assert row["source"].startswith("https://")
    assert row["source_kind"] in ("issue", "pull request", "docs")
    assert row["what"].endswith(".")
    assert row["wire"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_rule_of_a_row_changes_a_reply_and_nothing_else_does(row: dict[str, Any]) -> None:
    asked = [("POST", route, {"model": row["model"], **body}) for route, body in REQUESTS]
    asked += [("POST", route, {**body, "model": "no-such-model"}) for _, route, body in asked[:1]]
    neutral = {**row, "wire": [{"when": rule["when"], "then": {"edit": {}}} for rule in row["wire"]]}
    with Overlay(row) as endpoint, Overlay(neutral) as sound, httpx.Client(timeout=30) as client:
        for rule in row["wire"]:
            mine = [item for item in asked if _applies(rule, *item)]
            assert mine, "no plain request meets this rule"
            assert any(_said(client, endpoint, *item) != _said(client, sound, *item) for item in mine)
        others = [item for item in asked if not any(_applies(rule, *item) for rule in row["wire"])]
        for item in others[:3]:
            assert _said(client, endpoint, *item) == _said(client, sound, *item)


def test_the_model_list_is_the_rows_own() -> None:
    row = next(row for row in ROWS if row.get("served"))
    with Overlay(row) as endpoint, httpx.Client() as client:
        reply = client.get(f"{endpoint.base_url}/models")
    assert [entry["id"] for entry in reply.json()["data"]] == [row["served"]]
    assert reply.headers["server"] == row["headers"]["server"]


def _applies(rule: dict[str, Any], method: str, route: str, body: dict[str, Any]) -> bool:
    return matches(rule["when"], method=method, route=route, body=body, headers={})


def _said(
    client: httpx.Client, endpoint: Overlay, method: str, route: str, body: dict[str, Any]
) -> tuple[int, str, str]:
    """Status, content type and body, without the ids and times that differ from one reply to the next."""
    reply = client.request(method, f"{endpoint.base_url}{route}", json=body)
    text = re.sub(r"(call_|chatcmpl-|resp_|msg_|fc_|toolu_|rs_)[0-9a-f]{8,}", r"\1x", reply.text)
    text = re.sub(r'"(created|created_at|completed_at)": ?[0-9.]+', r'"\1":0', text)
    return reply.status_code, reply.headers.get("content-type", ""), json.dumps(text)
