"""The scripted model does what it is told, to the letter, and says so when it cannot."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from demo_client import ADD, READ, SHELL, TIME, WEATHER, WRITE, called, calls, choice, result, say, system, tool, user
from hypothesis import given
from hypothesis import strategies as st

HARD = 'She said "hi" \\n \\ <div>&amp;</div>\n\tünïcode ✓ 日本\n  indented'

EXACT = {
    "Reply with exactly: pong": "pong",
    "Reply with exactly the word pong and nothing else.": "pong",
    "Please reply with only the word OK.": "OK",
    "Respond with just the number 42": "42",
    "Answer with the word blue.": "blue",
    "Answer with one word: yes": "yes",
    "Say hello": "hello",
    'Say "hi there", please': "hi there",
    "Say the word ready.": "ready",
    "Repeat after me: one two": "one two",
    "Repeat the following text exactly:\nline one\nline two": "line one\nline two",
    'Repeat this line exactly, with nothing around it: a "b" \\ c': 'a "b" \\ c',
    "You are a test. Reply with exactly `x_1`, no other text.": "x_1",
    f"Reply with exactly this text:\n```\n{HARD}\n```": HARD,
    f"Output this text verbatim:\n<text>{HARD}</text>": HARD,
    f"Reply with exactly this JSON string, decoded: {json.dumps(HARD)}": HARD,
}


@pytest.mark.parametrize("ask", EXACT)
def test_text_is_given_back_to_the_letter(ask: str) -> None:
    assert say(ask) == EXACT[ask]
    assert say(ask, READ, WRITE) == EXACT[ask]


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="`\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e\x00⟦⟧"),
        min_size=1,
    )
)
def test_fenced_text_survives_whatever_it_is(text: str) -> None:
    ask = f"Reply with exactly this text:\n````\n{text}\n````"
    assert say(ask) == text
    assert calls(f'Call write_file with path "a.txt" and this content:\n````\n{text}\n````', WRITE) == [
        ("write_file", {"path": "a.txt", "content": text})
    ]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_arguments_survive_whatever_they_are(text: str) -> None:
    wanted = {"path": "a.txt", "content": text}
    assert calls(f"Call write_file with {json.dumps(wanted)}", WRITE) == [("write_file", wanted)]


CALLS: dict[str, tuple[str, list[dict[str, Any]], list[tuple[str, Any]]]] = {
    "quoted": ('Call the read_file tool with path "notes.md".', [READ, TIME], [("read_file", {"path": "notes.md"})]),
    "bare": ("Use read_file on src/lib.rs.", [READ], [("read_file", {"path": "src/lib.rs"})]),
    "in backticks": (
        "Please call `read_file` with `path` set to `a b.txt`.",
        [READ],
        [("read_file", {"path": "a b.txt"})],
    ),
    "in other words": (
        "Read the file notes.md and tell me what it says.",
        [READ],
        [("read_file", {"path": "notes.md"})],
    ),
    "by subject": ("What is the weather in Paris?", [WEATHER, READ], [("get_weather", {"city": "Paris"})]),
    "the one tool": ("Use the tool to find the weather for Oslo.", [WEATHER], [("get_weather", {"city": "Oslo"})]),
    "optional too": (
        "Call get_weather with city=Rome and unit=f.",
        [WEATHER],
        [("get_weather", {"city": "Rome", "unit": "f"})],
    ),
    "numbers": ("Please add 3 and 4 using the add tool.", [ADD], [("add", {"a": 3, "b": 4})]),
    "a command": ("Run the command `ls -la` with the shell tool", [SHELL], [("shell", {"command": "ls -la"})]),
    "after a colon": ("Use the shell tool to run: echo hi there", [SHELL], [("shell", {"command": "echo hi there"})]),
    "one tool twice": (
        'Call read_file with path "a.txt" and read_file with path "b.txt".',
        [READ],
        [("read_file", {"path": "a.txt"}), ("read_file", {"path": "b.txt"})],
    ),
    "for both": (
        "What is the weather in Paris and in Rome? Call get_weather for both, in one reply.",
        [WEATHER],
        [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})],
    ),
    "as in code": ("Call get_time() now.", [TIME, READ], [("get_time", {})]),
    "a list": (
        "Call the pick tool with ids [1, 2] and deep true.",
        [tool("pick", "ids deep", ids={"type": "array", "items": {"type": "integer"}}, deep={"type": "boolean"})],
        [("pick", {"ids": [1, 2], "deep": True})],
    ),
    "forbidden in words": ("Do not call any tool. Say hello", [READ], []),
    "told not to": ("Never call read_file. What is 2 + 2?", [READ], []),
    "a word like a tool": ("Write 20 words about how to read.", [tool("read", "path"), tool("write", "path")], []),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_that_are_asked_for(name: str) -> None:
    ask, tools, wanted = CALLS[name]
    assert calls(ask, *tools) == wanted


def test_one_call_at_a_time_where_that_is_wanted() -> None:
    ask = 'Call get_weather with city "Oslo" and get_time.'
    messages: list[dict[str, Any]] = [user(ask)]
    body = {"messages": messages, "tools": [WEATHER, TIME], "parallel_tool_calls": False}
    for call_id, name in (("c1", "get_weather"), ("c2", "get_time")):
        made = choice(body)["message"]["tool_calls"]
        assert [item["function"]["name"] for item in made] == [name]
        messages += [
            called(call_id, name, json.loads(made[0]["function"]["arguments"])),
            result(call_id, f"{name}: fine"),
        ]
    last = choice(body)
    assert last["finish_reason"] == "stop"
    assert all(f"{name}: fine" in last["message"]["content"] for name in ("get_weather", "get_time"))


def test_only_the_result_where_only_that_is_wanted() -> None:
    ask = 'Call read_file with path "a.txt", then reply with exactly what it returned and nothing else.'
    messages = [user(ask), called("c", "read_file", {"path": "a.txt"}), result("c", "zebra-99\n")]
    assert choice({"messages": messages, "tools": [READ]})["message"]["content"] == "zebra-99"


def test_an_earlier_result_can_be_asked_for_later() -> None:
    messages = [
        user('Call read_file with path "a.txt".'),
        called("c", "read_file", {"path": "a.txt"}),
        result("c", "zebra-99"),
        {"role": "assistant", "content": "Read."},
        user("What did the file say?"),
    ]
    assert "zebra-99" in choice({"messages": messages, "tools": [READ]})["message"]["content"]


def test_values_stated_anywhere_are_found_again() -> None:
    messages = [
        system("You help. The deploy code is otter-12."),
        user("My badge number: 7781. Remember it."),
        {"role": "assistant", "content": "I will."},
        called("c", "read_file", {"path": "a"}),
        result("c", "TOKEN=lynx-5"),
    ]
    tools = [tool("noop", description="Does nothing. The tool password is heron-3.")]
    for question, value in {
        "What is the deploy code?": "otter-12",
        "Tell me my badge number.": "7781",
        "Reply with only the token.": "lynx-5",
        "What is the password of the tool?": "heron-3",
        "List the words that start with otter-": "otter-12",
    }.items():
        assert choice({"messages": [*messages, user(question)], "tools": tools})["message"]["content"] == value


@pytest.mark.parametrize(
    ("ask", "unit", "count"),
    [
        ("Write 250 words about the sea.", None, 250),
        ("Write exactly 12 lines about cats.", "\n", 12),
        ("Give me a list of 7 items for a picnic", "\n", 7),
        ("Count from 1 to 300.", ", ", 300),
        ("Write five sentences about tea.", ". ", 5),
        ('Write "ab" 30 times', None, 30),
        ("Tell me a long story about a lighthouse.", None, 400),
    ],
)
def test_text_of_a_given_length(ask: str, unit: str | None, count: int) -> None:
    assert len((say(ask) or "").split(unit)) == count


def test_sums_and_the_edge_of_what_it_can_do() -> None:
    assert say("What is 17 + 25?") == "42"
    assert say("Compute 9 / 0") == say("Why is the sky blue?")
    assert "demo model" in (say("Why is the sky blue?") or "")
    assert (say("Hello!") or "").startswith("Hello!")


ODD = {
    "defs": {
        "type": "object",
        "required": ["where", "mode", "tags", "n", "x"],
        "additionalProperties": False,
        "$defs": {
            "Where": {"type": "object", "properties": {"lat": {"type": "number", "minimum": 50}}, "required": ["lat"]}
        },
        "properties": {
            "where": {"$ref": "#/$defs/Where"},
            "mode": {"enum": ["a", "b"]},
            "n": {"type": "integer", "exclusiveMinimum": 4},
            "tags": {"type": "array", "minItems": 2, "items": {"type": "string", "minLength": 6}},
            "x": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
        },
    },
    "unions": {
        "type": "object",
        "required": ["a", "b", "c", "d", "e"],
        "properties": {
            "a": {"type": ["null", "integer"], "maximum": -3},
            "b": {"oneOf": [{"const": 7}, {"type": "string"}]},
            "c": {
                "allOf": [
                    {"type": "object", "properties": {"u": {"type": "string"}}, "required": ["u"]},
                    {"properties": {"v": {"type": "integer", "multipleOf": 5}}, "required": ["v"]},
                ]
            },
            "d": {"type": "string", "maxLength": 2},
            "e": {"type": "number", "default": 0.5},
        },
    },
    "no keywords": {"type": "object", "required": ["a"], "properties": {"a": {}}},
}


@pytest.mark.parametrize("name", ODD)
def test_arguments_that_nobody_gave_conform_to_the_schema(name: str) -> None:
    offered = {"type": "function", "function": {"name": "odd", "parameters": ODD[name]}}
    [(called_name, arguments)] = calls("Say hello", offered, tool_choice="required")
    assert called_name == "odd"
    jsonschema.validate(arguments, ODD[name])


def test_json_mode_gives_json() -> None:
    mode = {"response_format": {"type": "json_object"}}
    assert json.loads(say("Say hello", **mode) or "") == {"answer": "hello"}
    assert json.loads(say('Reply with this JSON: {"a": [1]}', **mode) or "") == {"a": [1]}
    schema = {
        "type": "object",
        "required": ["city", "people"],
        "additionalProperties": False,
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    assert (
        json.loads(say("Report the city Oslo with people = 700000.", response_format=wanted) or "")["people"] == 700000
    )
    jsonschema.validate(json.loads(say("Say hello", response_format=wanted) or ""), schema)


def test_side_jobs_of_agents_get_short_text() -> None:
    prompt = system("You generate concise, one-line Git commit messages based on the provided diffs.")
    text = choice({"messages": [prompt, user("# diff --git a/x b/x")]})["message"]["content"]
    assert 0 < len(text) < 60
    assert "\n" not in text
