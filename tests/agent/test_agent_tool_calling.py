"""The tool-calling dialect, from replies to actions: what is sound is done, what is not is named to the model."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.agent import tool_calling
from cab_check.agent.dialect import Action, Work
from cab_check.agent.tool_calling import ToolCalling
from cab_check.chat.reply import Reply, ToolCall

DIALECT = ToolCalling()
TALK = DIALECT.begin(Work("do", "/a"))


def reply(name: Any, arguments: Any, **more: Any) -> Reply:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Reply(streamed=False, tool_calls=(ToolCall("call_1", name, text),), finish_reason="tool_calls", **more)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("shell", {"command": "ls"}),
        ("read_file", {"path": "a"}),
        ("read_file", {"path": "a", "start": 3, "limit": 10}),
        ("write_file", {"path": "a", "content": ""}),
        ("edit_file", {"path": "a", "old": "x", "new": "y"}),
    ],
)
def test_a_sound_call_becomes_its_action(name: str, arguments: dict[str, Any]) -> None:
    step = TALK.read(reply(name, arguments))
    assert (step.actions, step.last, step.malformed) == ((Action(name, arguments, "call_1"),), False, None)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("bash", {"command": "ls"}, "There is no tool bash; there are shell, read_file, write_file, edit_file"),
        (None, {"command": "ls"}, "There is no tool None"),
        ("sh\x1b[2Jell", {}, "There is no tool sh\ufffd[2Jell"),
        ("shell", "", "are not JSON"),
        ("shell", '{"command": "a\nb"}', "are not JSON"),
        ("shell", '{"command": "ls"} and more', "are not JSON"),
        ("shell", "[" * 100_000, "are not JSON"),
        ("shell", '"ls"', "must be a JSON object"),
        ("shell", "null", "must be a JSON object"),
        ("shell", {}, "command is missing"),
        ("shell", {"command": "ls", "timeout": 5}, "there is no parameter timeout"),
        ("shell", {"command": ["ls", "-l"]}, "command must be of type string"),
        ("read_file", {"path": "a", "start": "3"}, "start must be of type integer"),
        ("read_file", {"path": "a", "start": True}, "start must be of type integer"),
        ("write_file", {"path": "a"}, "content is missing"),
        ("edit_file", {"path": "a", "old_string": "x", "new": "y"}, "old is missing; there is no parameter old_string"),
    ],
)
def test_an_unsound_call_is_malformed_and_the_model_is_told_why(name: Any, arguments: Any, words: str) -> None:
    found = TALK.read(reply(name, arguments))
    assert found.malformed is not None and found.actions == ()
    (message,) = found.messages
    assert (message["role"], message["tool_call_id"]) == ("tool", "call_1")
    assert words in message["content"]
    assert words in found.malformed


def test_a_reply_without_a_call_asks_for_nothing_and_is_the_last() -> None:
    step = TALK.read(Reply(streamed=False, content="Done.", finish_reason="stop"))
    assert (step.actions, step.messages, step.malformed, step.last) == ((), (), None, True)


@pytest.mark.parametrize("finish", ["stop", "tool_calls", None])
def test_a_finish_reason_that_contradicts_the_call_does_not_hide_it(finish: str | None) -> None:
    call = ToolCall("call_1", "shell", '{"command": "ls"}')
    step = TALK.read(Reply(streamed=True, tool_calls=(call,), finish_reason=finish))
    assert step.actions == (Action("shell", {"command": "ls"}, "call_1"),)


@pytest.mark.parametrize(("field", "kept"), [("reasoning_content", True), ("reasoning", False)])
def test_reasoning_goes_back_only_in_the_field_that_asks_for_it(field: str, kept: bool) -> None:
    echoed = TALK.echo(reply("shell", {"command": "ls"}, reasoning="Hm.", reasoning_field=field))
    assert (echoed.get("reasoning_content") == "Hm.") is kept
    answer = Reply(streamed=False, content="Done.", reasoning="Hm.", reasoning_field=field)
    assert TALK.echo(answer) == {"role": "assistant", "content": "Done."}


def test_the_tools_are_valid_json_schemas_and_match_the_check() -> None:
    for tool in TALK.tools():
        function = tool["function"]
        jsonschema.Draft202012Validator.check_schema(function["parameters"])
        full = {
            name: {"string": "x", "integer": 1}[kind["type"]]
            for name, kind in function["parameters"]["properties"].items()
        }
        required = {name: full[name] for name in function["parameters"]["required"]}
        for arguments in (full, required):
            step = TALK.read(reply(function["name"], arguments))
            assert step.actions == (Action(function["name"], arguments, "call_1"),)


def test_the_prompt_hash_covers_prompt_and_tools_and_not_the_work_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    before = DIALECT.prompt_hash
    assert len(before) == 64
    assert TALK.opening() != DIALECT.begin(Work("do", "/b")).opening()
    assert ToolCalling().prompt_hash == before
    monkeypatch.setattr(tool_calling, "SYSTEM_PROMPT", tool_calling.SYSTEM_PROMPT + " ")
    assert DIALECT.prompt_hash != before
    monkeypatch.undo()
    monkeypatch.setattr(tool_calling, "TOOLS", {"shell": tool_calling.TOOLS["shell"]})
    assert DIALECT.prompt_hash != before


@given(st.text(), st.text(), st.sampled_from([None, "stop", "length", "tool_calls"]))
def test_no_reply_is_too_strange_to_be_told_from(name: str, arguments: str, finish: str | None) -> None:
    call = ToolCall("call_1", name, arguments)
    found = TALK.read(Reply(streamed=False, tool_calls=(call,), finish_reason=finish))
    assert found.malformed and found.messages and not found.actions
