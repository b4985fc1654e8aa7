"""The official SDK as a client: what most agents are built on must find nothing amiss."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from demo_client import ADD, READ, TIME, WEATHER, WRITE, result, user
from openai import AsyncOpenAI, OpenAI

from cab_check.demo.encode import MODEL
from cab_check.demo.server import DemoServer

TEXT = "Reply with exactly: pong"


def test_models_are_listed_and_found(client: OpenAI) -> None:
    listed = client.models.list().data
    assert [model.id for model in listed] == [MODEL]
    assert client.models.retrieve(MODEL) == listed[0]
    assert "demo" in listed[0].owned_by


def test_plain_chat_has_text_reason_and_true_usage(client: OpenAI) -> None:
    reply = client.chat.completions.create(model=MODEL, messages=[user(TEXT)])
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("pong", "stop")
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 1
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.parametrize("usage", [True, False])
def test_stream_says_what_plain_chat_says(client: OpenAI, usage: bool) -> None:
    ask: Any = {"model": MODEL, "messages": [user("Write 40 words about rivers.")]}
    plain = client.chat.completions.create(**ask)
    options = {"stream_options": {"include_usage": True}} if usage else {}
    chunks = list(client.chat.completions.create(**ask, stream=True, **options))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == plain.choices[0].message.content
    assert len(deltas) > 5
    assert deltas[0].role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-2:] == [None, "stop"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == ([plain.usage] if usage else [])


TOOL_ASKS = {
    "auto": (
        'Call the read_file tool with path "notes.md".',
        [READ, TIME],
        "auto",
        [("read_file", {"path": "notes.md"})],
    ),
    "unasked": ("Say hello", [READ, TIME], "auto", []),
    "forbidden": ('Call the read_file tool with path "notes.md".', [READ], "none", []),
    "required": ("Say hello", [WEATHER, READ], "required", [("get_weather", {"city": "demo"})]),
    "named": ("Say hello", [READ, TIME], {"type": "function", "function": {"name": "get_time"}}, [("get_time", {})]),
    "no arguments": ("Call get_time.", [READ, TIME], "auto", [("get_time", {})]),
    "two at once": (
        'Call get_weather with city "Oslo" and get_time.',
        [WEATHER, TIME],
        "auto",
        [("get_weather", {"city": "Oslo"}), ("get_time", {})],
    ),
    "numbers": ("Use the add tool with a=3 and b=4.5.", [ADD], "auto", [("add", {"a": 3, "b": 4.5})]),
    "hard text": (
        'Call write_file with {"path": "a.txt", "content": "q \\" b \\\\ n\\n<div>é\\t"}',
        [WRITE],
        "auto",
        [("write_file", {"path": "a.txt", "content": 'q " b \\ n\n<div>é\t'})],
    ),
}


@pytest.mark.parametrize("name", TOOL_ASKS)
def test_tool_calls_plain_and_streamed_alike(client: OpenAI, name: str) -> None:
    text, tools, how, wanted = TOOL_ASKS[name]
    ask: Any = {"model": MODEL, "messages": [user(text)], "tools": tools, "tool_choice": how}
    plain = client.chat.completions.create(**ask).choices[0]
    assert [(c.function.name, json.loads(c.function.arguments)) for c in plain.message.tool_calls or []] == wanted
    assert plain.finish_reason == ("tool_calls" if wanted else "stop")
    with client.chat.completions.stream(**ask) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert [(c.function.name, c.function.arguments) for c in streamed.message.tool_calls or []] == [
        (c.function.name, c.function.arguments) for c in plain.message.tool_calls or []
    ]
    assert len({c.id for c in streamed.message.tool_calls or []}) == len(wanted)


def test_tool_loop_brings_back_what_only_the_result_held(client: OpenAI) -> None:
    messages: Any = [user('Call the read_file tool with path "notes.md", then tell me what it says.')]
    turn = client.chat.completions.create(model=MODEL, messages=messages, tools=[READ])
    made = turn.choices[0].message
    assert made.tool_calls
    messages += [made.model_dump(exclude_none=True), result(made.tool_calls[0].id, "the code is kestrel-4711\n")]
    last = client.chat.completions.create(model=MODEL, messages=messages, tools=[READ]).choices[0]
    assert last.finish_reason == "stop"
    assert "kestrel-4711" in (last.message.content or "")


def test_async_client_with_many_at_once(demo: DemoServer) -> None:
    async def one(sdk: AsyncOpenAI, number: int) -> str:
        ask: Any = {"model": MODEL, "messages": [user(f"Reply with exactly: pong-{number}")], "stream": True}
        pieces = [chunk async for chunk in await sdk.chat.completions.create(**ask)]
        return "".join(chunk.choices[0].delta.content or "" for chunk in pieces)

    async def all_of_them() -> list[str]:
        async with AsyncOpenAI(base_url=demo.base_url, api_key=demo.key, max_retries=0) as sdk:
            return await asyncio.gather(*(one(sdk, number) for number in range(40)))

    assert asyncio.run(all_of_them()) == [f"pong-{number}" for number in range(40)]
    assert demo.requests == 40


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"api_key": "sk-wrong"}, openai.AuthenticationError, "key"),
        ({"model": "gpt-nope"}, openai.NotFoundError, "gpt-nope"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
    ],
)
def test_errors_reach_the_right_class(
    demo: DemoServer, change: dict[str, Any], error: type[openai.APIStatusError], named: str
) -> None:
    ask: Any = {"model": MODEL, "messages": [user(TEXT)], **change}
    key = ask.pop("api_key", demo.key)
    for stream in (False, True):
        with OpenAI(base_url=demo.base_url, api_key=key, max_retries=0) as sdk, pytest.raises(error, match=named):
            sdk.chat.completions.create(**ask, stream=stream)


def test_long_text_and_the_end_of_it(client: OpenAI) -> None:
    ask: Any = {"model": MODEL, "messages": [user("Write 2000 words about harbours.")]}
    whole = client.chat.completions.create(**ask).choices[0]
    assert (len((whole.message.content or "").split()), whole.finish_reason) == (2000, "stop")
    short = client.chat.completions.create(**ask, max_tokens=50)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 50
    assert (whole.message.content or "").startswith(short.choices[0].message.content or "?")
