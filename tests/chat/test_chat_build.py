"""Request bodies have the form that OpenAI's reference gives them."""

from __future__ import annotations

from cab_check.chat.build import assistant_calls, chat, function_tool, named, system, tool_result, user
from cab_check.chat.reply import ToolCall


def test_a_body_holds_what_was_given_and_nothing_else():
    assert chat("m", [system("s"), user("u")], max_tokens=5) == {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "max_tokens": 5,
    }


def test_a_stream_asks_for_its_usage():
    assert chat("m", [], stream=True, temperature=0.0, seed=1) == {
        "model": "m",
        "messages": [],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "seed": 1,
    }


def test_tools_and_their_choice():
    tool = function_tool("f", "does f", {"path": {"type": "string"}}, ["path"])
    body = chat("m", [], tools=[tool], tool_choice=named("f"))
    assert body["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
    }
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert function_tool("g", "no arguments")["function"]["parameters"] == {"type": "object", "properties": {}}


def test_history_keeps_the_servers_own_ids_and_arguments():
    call = ToolCall("functions.f:0", "f", '{ "path":"a" }')
    message = assistant_calls([call])
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": '{ "path":"a" }'}}
    ]
    assert tool_result(call, "r") == {"role": "tool", "tool_call_id": "functions.f:0", "content": "r"}


def test_arguments_that_came_as_an_object_are_sent_as_text():
    (echoed,) = assistant_calls([ToolCall("c", "f", {"path": "ä"})])["tool_calls"]
    assert echoed["function"]["arguments"] == '{"path": "ä"}'
