"""What the endpoint refuses, in what words, and what it must not refuse."""

from __future__ import annotations

from typing import Any

import pytest
from demo_client import READ, called, choice, post, result, say, system, tool, user

from cab_check.demo.encode import MODEL
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpRequest

HI = [user("Say hi")]


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": fields}


REFUSED: dict[str, tuple[Any, int, str | None]] = {
    "no JSON": (b'{"model": ', 400, None),
    "not an object": (b"[]", 400, None),
    "deep nesting": (b"[" * 100_000, 400, None),
    "no messages": ({}, 400, "messages"),
    "messages of the wrong type": ({"messages": "hi"}, 400, "messages"),
    "empty messages": ({"messages": []}, 400, "messages"),
    "a message that is none": ({"messages": ["hi"]}, 400, "messages[0]"),
    "an unknown role": ({"messages": [{"role": "boss", "content": "x"}]}, 400, "messages[0].role"),
    "a user without content": ({"messages": [{"role": "user"}]}, 400, "messages[0].content"),
    "a number as content": ({"messages": [{"role": "user", "content": 5}]}, 400, "messages[0].content"),
    "a picture": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
        400,
        "messages[0].content[0]",
    ),
    "a result without a call": ({"messages": [*HI, result("call_x", "y")]}, 400, "messages[1].tool_call_id"),
    "a result before its call": (
        {"messages": [*HI, result("c", "y"), called("c", "read_file", {})]},
        400,
        "messages[1].tool_call_id",
    ),
    "arguments as an object": (
        {"messages": [*HI, {"role": "assistant", "tool_calls": [{"id": "c", **function(name="f", arguments={})}]}]},
        400,
        "messages[1].tool_calls[0].function.arguments",
    ),
    "tools that are no list": ({"messages": HI, "tools": {}}, 400, "tools"),
    "a tool of another kind": ({"messages": HI, "tools": [{"type": "web_search"}]}, 400, "tools[0].type"),
    "a tool without a name": ({"messages": HI, "tools": [function()]}, 400, "tools[0].function.name"),
    "a tool with blanks in its name": (
        {"messages": HI, "tools": [function(name="a b")]},
        400,
        "tools[0].function.name",
    ),
    "a schema that is none": (
        {"messages": HI, "tools": [function(name="f", parameters={"type": "banana"})]},
        400,
        "tools[0].function.parameters",
    ),
    "a schema of a string": (
        {"messages": HI, "tools": [function(name="f", parameters={"type": "string"})]},
        400,
        "tools[0].function.parameters",
    ),
    "nonsense deep in a schema": (
        {"messages": HI, "tools": [tool("f", "a", a={"type": "array", "items": {"required": "x"}})]},
        400,
        "tools[0].function.parameters",
    ),
    "an unknown named tool": (
        {"messages": HI, "tools": [READ], "tool_choice": function(name="nope")},
        400,
        "tool_choice",
    ),
    "an unknown choice": ({"messages": HI, "tools": [READ], "tool_choice": "maybe"}, 400, "tool_choice"),
    "required without tools": ({"messages": HI, "tool_choice": "required"}, 400, "tool_choice"),
    "two choices": ({"messages": HI, "n": 2}, 400, "n"),
    "too hot": ({"messages": HI, "temperature": 2.1}, 400, "temperature"),
    "a text as temperature": ({"messages": HI, "temperature": "1"}, 400, "temperature"),
    "a boolean as limit": ({"messages": HI, "max_tokens": True}, 400, "max_tokens"),
    "no tokens at all": ({"messages": HI, "max_completion_tokens": 0}, 400, "max_completion_tokens"),
    "a text as stream": ({"messages": HI, "stream": "yes"}, 400, "stream"),
    "stream options without stream": (
        {"messages": HI, "stream_options": {"include_usage": True}},
        400,
        "stream_options",
    ),
    "too many stop words": ({"messages": HI, "stop": list("abcde")}, 400, "stop"),
    "an unknown format": ({"messages": HI, "response_format": {"type": "yaml"}}, 400, "response_format"),
    "a schema format without schema": (
        {"messages": HI, "response_format": {"type": "json_schema"}},
        400,
        "response_format.json_schema",
    ),
    "another model": ({"model": "other", "messages": HI}, 404, "model"),
    "no model": ({"model": None, "messages": HI}, 400, "model"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("stream", [False, True])
def test_nonsense_is_refused_with_its_place(name: str, stream: bool) -> None:
    body, status, param = REFUSED[name]
    reply = post({"stream": stream, **body} if isinstance(body, dict) and "stream_options" not in body else body)
    assert (reply.status, reply.events) == (status, None)
    error = reply.value["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert error["message"]


ACCEPTED: dict[str, dict[str, Any]] = {
    "roles": {"messages": [system("a"), {"role": "developer", "content": "b"}, system("c"), *HI]},
    "parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Say "}, {"type": "text", "text": "hi"}]}]
    },
    "two users in a row": {"messages": [user("x"), *HI]},
    "echo without content": {
        "messages": [{"role": "assistant", "tool_calls": called("c", "f", {})["tool_calls"]}, result("c", ""), *HI]
    },
    "echo with an empty list": {"messages": [{**called("c", "f", {}), "content": []}, result("c", ""), *HI]},
    "echo with more fields": {
        "messages": [
            {**called("c", "f", {}), "refusal": None, "provider_specific_fields": {}},
            {**result("c", "x"), "name": "f"},
            *HI,
        ]
    },
    "a damaged call in the past": {
        "messages": [
            {"role": "assistant", "tool_calls": [{"id": "c", "index": 0, **function(name="f", arguments='{"a": ')}]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]},
            *HI,
        ]
    },
    "nulls": {
        "messages": HI,
        "temperature": None,
        "tools": None,
        "tool_choice": None,
        "stop": None,
        "reasoning_effort": None,
    },
    "no tools": {"messages": HI, "tools": [], "tool_choice": "auto"},
    "a tool without parameters": {"messages": HI, "tools": [function(name="f"), function(name="g", parameters={})]},
    "fields of others": {
        "messages": HI,
        "prompt_cache_key": "k",
        "store": False,
        "seed": 1,
        "user": "u",
        "metadata": {},
    },
    "all sampling": {"messages": HI, "temperature": 0.2, "top_p": 1, "frequency_penalty": -2, "presence_penalty": 2},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_real_clients_send_is_taken(name: str) -> None:
    assert choice(ACCEPTED[name])["message"]["content"] == "hi"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/models/other", 404, "model_not_found"),
        ("GET", "/v1/nope", 404, "unknown_url"),
        ("POST", "/chat/completions", 404, "unknown_url"),
        ("GET", "/", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
    ],
)
def test_other_routes(method: str, path: str, status: int, code: str) -> None:
    reply = Endpoint()(HttpRequest(method, path))
    assert (reply.status, reply.value["error"]["code"]) == (status, code)
    assert ("Allow" in dict(reply.headers)) == (status == 405)


@pytest.mark.parametrize(
    "header", ["", "sk-test", "Bearer", "Bearer wrong", "Basic sk-test", "Bearer sk-test2", "Bearer é"]
)
def test_a_key_that_is_not_the_key(header: str) -> None:
    endpoint = Endpoint(key="sk-test")
    for path in ("/v1/models", "/v1/chat/completions", "/v1/nope"):
        reply = endpoint(HttpRequest("GET", path, {"authorization": header}))
        assert (reply.status, reply.value["error"]["code"]) == (401, "invalid_api_key")
    assert endpoint(HttpRequest("GET", "/v1/models", {"authorization": "bearer sk-test"})).status == 200


def test_usage_adds_up_and_grows_with_everything_that_is_sent() -> None:
    def prompt(**body: Any) -> int:
        return int(post({"messages": HI, **body}).value["usage"]["prompt_tokens"])

    bare = prompt()
    assert prompt(messages=[*HI, system("x" * 400)]) == bare + 100 + 4
    assert prompt(tools=[READ]) > bare
    history = [*HI, called("c", "read_file", {"path": "p" * 400}), result("c", "y" * 40)]
    assert prompt(messages=history) > bare + 110
    assert prompt(messages=[user("é" * 200 + "Say hi")]) == bare + 100


def test_the_context_limit_counts_prompt_and_output() -> None:
    messages = [user("x" * 4000)]
    tokens = post({"messages": messages}).value["usage"]["prompt_tokens"]
    assert post({"messages": messages, "max_tokens": 10}, context_tokens=tokens + 10).status == 200
    for body in ({"max_tokens": 11}, {"max_completion_tokens": 11, "stream": True}):
        error = post({"messages": messages, **body}, context_tokens=tokens + 10).value["error"]
        assert error["code"] == "context_length_exceeded"
        assert all(str(number) in error["message"] for number in (tokens + 10, tokens, 11, tokens + 11))
    assert post({"messages": messages}, context_tokens=tokens).value["error"]["code"] == "context_length_exceeded"
    long = post({"messages": [user("Write 500 words about tides.")]}, context_tokens=100).value
    assert (long["usage"]["total_tokens"], long["choices"][0]["finish_reason"]) == (100, "length")


def test_a_limit_cuts_a_tool_call_too_and_says_so() -> None:
    ask = {"messages": [user('Call read_file with path "a/very/long/path/to/a/file.txt"')], "tools": [READ]}
    cut = choice({**ask, "max_tokens": 6})
    whole = choice(ask)["message"]["tool_calls"][0]["function"]["arguments"]
    part = cut["message"]["tool_calls"][0]["function"]["arguments"]
    assert cut["finish_reason"] == "length"
    assert whole.startswith(part)
    assert part != whole


def test_stop_words_end_the_text_before_them() -> None:
    reply = choice({"messages": [user("Reply with exactly: one two three")], "stop": ["zzz", " tw"]})
    assert (reply["message"]["content"], reply["finish_reason"]) == ("one", "stop")


def test_characters_are_not_torn_by_the_limit() -> None:
    assert say("Reply with exactly: ééééééé", max_tokens=1) == "éé"
    assert say("Reply with exactly: €€€€", max_tokens=2) == "€€"


def test_streamed_and_plain_use_the_same_model_id() -> None:
    reply = post({"messages": HI, "stream": True})
    assert reply.events is not None
    assert {event["model"] for event in reply.events[:-1]} == {MODEL}
