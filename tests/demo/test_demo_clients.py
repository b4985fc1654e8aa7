"""What real agent CLIs do to a conversation, and the model goes on working: each was seen in a run of the CLI."""

from __future__ import annotations

import json
from typing import Any

import pytest
from demo_client import called, choice, result, system, tool, user

from cab_check.demo.encode import DELTA
from cab_check.demo.history import file_text

ASK = 'Replace "Helo" by "Hello" in greeting.txt'
FILE = "Helo, world\nGoodbye\n"
READ, EDIT = tool("read", "path"), tool("edit", "path old_string new_string", "replace_all")
SHELL = tool("exec_command", "cmd")


def next_call(*messages: dict[str, Any], tools: list[dict[str, Any]]) -> tuple[str, dict[str, Any]] | None:
    calls = choice({"messages": list(messages), "tools": tools})["message"].get("tool_calls")
    return (calls[0]["function"]["name"], json.loads(calls[0]["function"]["arguments"])) if calls else None


def text(*messages: dict[str, Any]) -> str:
    return str(choice({"messages": list(messages)})["message"]["content"])


def did(name: str, arguments: dict[str, Any], came: str) -> list[dict[str, Any]]:
    """A call that was made, and what came back."""
    return [called(f"call_{name}", name, arguments), result(f"call_{name}", came)]


def test_a_call_is_known_again_with_the_clients_own_defaults_in_it() -> None:
    done = [user(ASK), *did("read", {"path": "greeting.txt"}, FILE)]
    edit = {"replace_all": False, "path": "greeting.txt", "old_string": "Helo", "new_string": "Hello"}
    assert next_call(*done, tools=[READ, EDIT]) == ("edit", {k: edit[k] for k in edit if k != "replace_all"})
    assert next_call(*done, *did("edit", edit, "Edited."), tools=[READ, EDIT]) is None


def test_a_look_that_failed_is_followed_by_another() -> None:
    image = tool("view_image", "path")
    assert next_call(user(ASK), tools=[image, SHELL]) == ("exec_command", {"cmd": "cat greeting.txt"})
    failed = did("read", {"path": "greeting.txt"}, "Error: not found")
    assert next_call(user(ASK), *failed, tools=[READ, SHELL]) == ("exec_command", {"cmd": "cat greeting.txt"})


@pytest.mark.parametrize(
    "told", ["I'm currently working in the directory: /w/p", "The backend is operating in: `/w/p`", "cwd: /w/p"]
)
def test_an_absolute_path_is_made_where_one_is_asked_for(told: str) -> None:
    refused = did("read", {"path": "greeting.txt"}, "File path must be absolute, but was relative.")
    call = next_call(system(told), user(ASK), *refused, tools=[READ, EDIT])
    assert call == ("read", {"path": "/w/p/greeting.txt"})


@pytest.mark.parametrize("around", ["{}", "{}\n\n<environment_details>\nTime: 2026-11-28\n</environment_details>"])
def test_a_task_that_a_client_put_into_quotes_is_understood(around: str) -> None:
    assert next_call(user(around.format(json.dumps(ASK))), tools=[READ, EDIT]) == ("read", {"path": "greeting.txt"})


@pytest.mark.parametrize(
    "reported",
    [
        FILE,
        "     1\tHelo, world\n     2\tGoodbye\n",
        "1|Helo, world\n2|Goodbye\n3|",
        f"Chunk ID: 1ba3b3\nProcess exited with code 0\nOriginal token count: 5\nOutput:\n{FILE}",
        "Code output: \n\nHelo, world\nGoodbye\n\n\n\nWhat does this output mean / what's next?",
    ],
)
def test_the_file_is_read_out_of_what_a_client_reports(reported: str) -> None:
    assert file_text(reported) == FILE


def test_a_file_that_holds_such_words_itself_is_left_whole() -> None:
    own = "Notes\nOutput:\nnothing\n"
    assert file_text(own) == own


def test_one_edit_as_an_object_is_filled_in() -> None:
    inner = {"type": "object", "properties": {"old": {"type": "string"}, "new": {"type": "string"}}}
    one = tool("StrReplace", "path edit", edit=inner | {"required": ["old", "new"]})
    seen = did("read", {"path": "greeting.txt"}, FILE)
    call = next_call(user(ASK), *seen, tools=[READ, one])
    assert call == ("StrReplace", {"path": "greeting.txt", "edit": {"old": "Helo", "new": "Hello"}})


def test_a_unified_diff_is_written_where_it_is_asked_for() -> None:
    wants = "Return edits as unified diffs, as diff -U0 makes them. Start with --- and +++ lines."
    reply = text(system(wants), user(f"greeting.txt\n```\n{FILE}```"), user(ASK))
    assert "```diff\n--- greeting.txt\n+++ greeting.txt\n@@ " in reply
    assert " @@\n-Helo, world\n+Hello, world\n" in reply


def test_fenced_commands_end_with_the_fence_that_ends_the_session() -> None:
    tools = system("To run a command:\n```shell\nls\n```\nWhen you are done:\n```complete\n```")
    first = text(tools, user(ASK))
    assert first.endswith("```shell\ncat greeting.txt\n```")
    shown = {"role": "system", "content": f"Ran command: `cat greeting.txt`\n\n```stdout\n{FILE}```"}
    so_far = [tools, user(ASK), {"role": "assistant", "content": first}, shown]
    second = text(*so_far)
    assert second.endswith("```shell\nsed -i 's/Helo/Hello/g' greeting.txt\n```")
    ran = {"role": "system", "content": "Ran command. No output."}
    assert text(*so_far, {"role": "assistant", "content": second}, ran).endswith("```complete\n```")


def test_a_streamed_piece_never_crosses_a_fence_or_a_line() -> None:
    whole = "The next step:\n\n```shell\ncat greeting.txt\n```"
    pieces = DELTA.findall(whole)
    assert "".join(pieces) == whole
    assert pieces.count("```") == 2 and all("\n" not in piece.rstrip("\n") for piece in pieces)
