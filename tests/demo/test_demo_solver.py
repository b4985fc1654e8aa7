"""Work on files through the tools and protocols of real agents, played by small agents in a temporary directory."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo_client import called, choice, result, say, system, tool, user

from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpRequest
from cab_check.tasks.loader import bundled
from cab_check.tasks.task import Task

TASKS = {task.id: task for task in bundled()}
PATH = {"type": "string"}
ABSOLUTE = {"type": "string", "description": "The absolute path of the file."}
EDITS = {
    "type": "array",
    "items": {"type": "object", "properties": {"oldText": PATH, "newText": PATH}, "required": ["oldText", "newText"]},
}
FILES = {"type": "array", "items": {"type": "object", "properties": {"path": PATH}, "required": ["path"]}}
COMMANDS = {"enum": ["view", "create", "str_replace", "insert"]}
ARGV = {"type": "array", "items": {"type": "string"}}

TOOLKITS: dict[str, list[dict[str, Any]]] = {
    "read and write": [tool("read_file", "path"), tool("write_file", "path content"), tool("list_dir", "path")],
    "camel case, absolute": [
        tool("read", "filePath", filePath=ABSOLUTE),
        tool("write", "content filePath", filePath=ABSOLUTE),
        tool("task", "description prompt"),
    ],
    "edit only": [tool("Read", "file_path"), tool("Edit", "file_path old_string new_string", "replace_all")],
    "edit with a list": [tool("read", "path"), tool("edit", "path edits", edits=EDITS), tool("write", "path content")],
    "an editor of many commands": [
        tool("str_replace_editor", "command path", "file_text old_str new_str", command=COMMANDS),
        tool("finish", "message"),
    ],
    "a shell only": [tool("execute_bash", "command")],
    "an argument vector": [tool("shell", "command", command=ARGV), tool("update_plan", "plan")],
    "lists of files and commands": [
        tool("read_files", "files", files=FILES),
        tool("run_commands", "commands", commands=ARGV),
        tool("attempt_completion", "result"),
    ],
    "a write tool that refuses": [
        tool("create_file", "path content"),
        tool("read_file", "path"),
        tool("bash", "command"),
    ],
}


class Agent:
    """Runs what the model calls, in `work`, as an agent would. It shows files with line numbers, as many do."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.finished = False
        self.ran: list[str] = []

    def run(self, name: str, arguments: dict[str, Any]) -> str:
        self.ran.append(name)
        if name in ("finish", "attempt_completion"):
            assert all(arguments.values())
            self.finished = True
            return "ok"
        given = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower(): value for key, value in arguments.items()}
        command = given.get("command") or given.get("commands")
        if command is not None and "path" not in given:
            return self._shell(command)
        path = self.work / str(given.get("path") or given.get("file_path") or given["files"][0]["path"])
        if name == "create_file":
            return "Error: create_file is disabled here"
        if "content" in given or command == "create":
            path.write_text(given.get("content", given.get("file_text")))
            return "written"
        swaps = given.get("edits") or [given]
        swaps = [(item.get("old_string", item.get("old_str", item.get("oldText"))), item) for item in swaps]
        if swaps[0][0] is not None:
            for old, item in swaps:
                text = path.read_text()
                assert text.count(old) == 1
                path.write_text(text.replace(old, item.get("new_string", item.get("new_str", item.get("newText")))))
            return "edited"
        if not path.exists():
            return f"Error: {path} does not exist"
        return "\n".join(f"{number:6}\t{line}" for number, line in enumerate(path.read_text().splitlines(), 1))

    def _shell(self, command: Any) -> str:
        argv = ["bash", "-c", command] if isinstance(command, str) else command
        argv = ["bash", "-c", argv[0]] if len(argv) == 1 else argv
        done = subprocess.run(argv, cwd=self.work, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr


def fill(work: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)


def loop(ask: str, tools: list[dict[str, Any]], work: Path) -> tuple[str | None, Agent]:
    """The final text and the agent, after at most 12 turns."""
    agent = Agent(work)
    messages = [system(f"You are an agent.\nWorking directory: {work}\nUse the tools."), user(ask)]
    for _ in range(12):
        message = choice({"messages": messages, "tools": tools})["message"]
        if "tool_calls" not in message:
            return message["content"], agent
        messages.append(message)
        for item in message["tool_calls"]:
            name, arguments = item["function"]["name"], json.loads(item["function"]["arguments"])
            messages.append(result(item["id"], agent.run(name, arguments)))
    raise AssertionError(f"no end: {agent.ran}")


def solved(task: Task, work: Path) -> bool:
    return all((work / name).read_bytes() == content for name, content in task.solution().items())


@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.parametrize("kit", TOOLKITS)
def test_bundled_tasks_are_solved_through_any_toolkit(task_id: str, kit: str, tmp_path: Path) -> None:
    task = TASKS[task_id]
    fill(tmp_path, task.start_files())
    wrapped = f"<task>\n{task.instruction}\n</task>\n\nEnvironment: Linux. Be brief."
    text, agent = loop(wrapped, TOOLKITS[kit], tmp_path)
    assert solved(task, tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {Path(n).name for n in task.start_files()}
    assert text is not None
    assert "Done" in text
    assert agent.finished == any(name in kit for name in ("editor", "lists"))
    assert agent.ran[0] not in ("write_file", "Edit", "edit", "write")


EDITS_ASKED = {
    'Create a file hello.txt with the content "hi"': ({}, {"hello.txt": "hi\n"}),
    "Please create notes/new.md containing exactly `# One`": ({"notes/x": ""}, {"notes/new.md": "# One"}),
    "Write the text 'a b' to out.txt.": ({}, {"out.txt": "a b\n"}),
    "Create the file a.py with this content:\n```python\nprint('x')\n```": ({}, {"a.py": "print('x')\n"}),
    'Replace "one" by "two" in n.txt': ({"n.txt": "zero\none\none\n"}, {"n.txt": "zero\ntwo\ntwo\n"}),
    "In n.txt, change `a = 1` to `a = 2`.": ({"n.txt": "x\na = 1\n"}, {"n.txt": "x\na = 2\n"}),
    'Append the line "last" to n.txt': ({"n.txt": "first\n"}, {"n.txt": "first\nlast\n"}),
}


@pytest.mark.parametrize("ask", EDITS_ASKED)
@pytest.mark.parametrize("kit", ["read and write", "an editor of many commands", "a shell only"])
def test_edits_that_the_words_describe(ask: str, kit: str, tmp_path: Path) -> None:
    start, end = EDITS_ASKED[ask]
    fill(tmp_path, {name: text.encode() for name, text in start.items()})
    (tmp_path / "notes").mkdir(exist_ok=True)
    loop(ask, TOOLKITS[kit], tmp_path)
    for name, text in end.items():
        assert (tmp_path / name).read_text().rstrip("\n") == text.rstrip("\n")


def test_an_edit_that_cannot_be_made_is_admitted(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("nothing of the kind\n")
    text, _ = loop('Replace "one" by "two" in n.txt', TOOLKITS["read and write"], tmp_path)
    assert "could not" in (text or "")
    assert (tmp_path / "n.txt").read_text() == "nothing of the kind\n"


def test_tools_that_write_nothing_do_not_make_it_pretend() -> None:
    text = say('Replace "one" by "two" in n.txt', tool("get_weather", "city"))
    assert "Done" not in (text or "")


BLOCK = re.compile(
    r"^(?P<path>\S+)\n(?P<fence>`{3,})\n<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE\n(?P=fence)$", re.M | re.S
)
LISTING = re.compile(r"^(?P<path>\S+)\n(?P<fence>`{3,})\n(.*?)(?P=fence)$", re.M | re.S)


def apply_blocks(reply: str, work: Path) -> None:
    """SEARCH/REPLACE as aider applies it to a file it has shown: an exact match, once."""
    found = list(BLOCK.finditer(reply))
    assert found
    for path, _, old, new in (match.groups() for match in found):
        file = work / path
        text = file.read_text() if file.exists() else ""
        assert text.count(old) == 1 if text else not old
        file.write_text(text.replace(old, new) if text else new)


def apply_listings(reply: str, work: Path) -> None:
    found = list(LISTING.finditer(reply))
    assert found
    for path, _, content in (match.groups() for match in found):
        (work / path).write_text(content)


PROTOCOLS: dict[str, tuple[str, Callable[[str, Path], None]]] = {
    "blocks": ("Describe each change with a *SEARCH/REPLACE block*.", apply_blocks),
    "listings": (
        "To suggest changes, return the entire content of the updated file in a *file listing*.",
        apply_listings,
    ),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("task_id", TASKS)
def test_bundled_tasks_are_solved_in_text(task_id: str, protocol: str, tmp_path: Path) -> None:
    prompt, apply = PROTOCOLS[protocol]
    task = TASKS[task_id]
    fill(tmp_path, task.start_files())
    shown = "\n\n".join(f"{name}\n```\n{content.decode()}```" for name, content in task.start_files().items())
    messages = [
        system(prompt),
        user(f"I have *added these files to the chat*:\n\n{shown}"),
        {"role": "assistant", "content": "Ok."},
        user(task.instruction),
    ]
    reply = choice({"messages": messages})["message"]["content"]
    apply(reply, tmp_path)
    assert solved(task, tmp_path)
    messages += [{"role": "assistant", "content": reply}, user("I applied it.")]
    assert choice({"messages": messages})["message"]["content"].startswith("Done")
    messages[-1] = user("The SEARCH block failed to match.")
    assert choice({"messages": messages})["message"]["content"] == reply


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("ask", [ask for ask in EDITS_ASKED if "eplace" in ask or "reate" in ask or "change" in ask])
def test_described_edits_in_text(ask: str, protocol: str, tmp_path: Path) -> None:
    prompt, apply = PROTOCOLS[protocol]
    start, end = EDITS_ASKED[ask]
    (tmp_path / "notes").mkdir()
    fill(tmp_path, {name: text.encode() for name, text in start.items()})
    shown = "".join(f"{name}\n````\n{text}````\n" for name, text in start.items() if text)
    messages = [system(prompt), *([user(shown)] if shown else []), user(ask)]
    apply(choice({"messages": messages})["message"]["content"], tmp_path)
    for name, text in end.items():
        assert (tmp_path / name).read_text() == (text if text.endswith("\n") else text + "\n")


def test_a_file_that_was_not_shown_is_asked_for() -> None:
    messages = [system(PROTOCOLS["blocks"][0]), user('Replace "one" by "two" in n.txt')]
    reply = choice({"messages": messages})["message"]["content"]
    assert "n.txt" in reply
    assert "<<<<" not in reply


@pytest.mark.parametrize("task_id", TASKS)
def test_bundled_tasks_are_solved_by_fenced_commands(task_id: str, tmp_path: Path) -> None:
    task = TASKS[task_id]
    fill(tmp_path, task.start_files())
    final = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
    prompt = f"Reply with one command:\n```mswea_bash_command\nls\n```\nTo end, run `echo {final}`."
    messages = [system(prompt), user(f"Please solve this: {task.instruction}")]
    for _ in range(8):
        reply = choice({"messages": messages})["message"]["content"]
        [command] = re.findall(r"```mswea_bash_command\n(.*?)\n```", reply, re.S)
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
        )
        if done.stdout.startswith(final):
            break
        messages += [{"role": "assistant", "content": reply}, user(f"<output>\n{done.stdout}</output>")]
    assert done.stdout.startswith(final)
    assert solved(task, tmp_path)


def test_no_tools_and_no_protocol_gets_an_explanation() -> None:
    task = next(iter(TASKS.values()))
    reply = say(task.instruction) or ""
    assert "No tool" in reply
    assert all(name in reply for name in task.solution())


def test_a_call_that_the_user_spells_out_goes_before_the_plan() -> None:
    ask = 'Use the write_file tool to create a file a.txt with the content "x"'
    kit = TOOLKITS["read and write"]
    [item] = choice({"messages": [user(ask)], "tools": kit})["message"]["tool_calls"]
    assert (item["function"]["name"], json.loads(item["function"]["arguments"])) == (
        "write_file",
        {"path": "a.txt", "content": "x"},
    )


def test_a_new_request_after_the_job_is_heard() -> None:
    kit = TOOLKITS["read and write"]
    messages = [
        user('Create a file a.txt with the content "x"'),
        called("c", "read_file", {"path": "a.txt"}),
        result("c", "Error: none"),
        called("d", "write_file", {"path": "a.txt", "content": "x\n"}),
        result("d", "ok"),
        {"role": "assistant", "content": "Done."},
        user("Reply with exactly: pong"),
    ]
    assert choice({"messages": messages, "tools": kit})["message"]["content"] == "pong"


def test_the_text_of_a_user_cannot_break_it() -> None:
    for text in (
        "replace ⟦9⟧ by ⟦8⟧ in a.txt",
        'Create a file ../⟦0⟧ with the content "x"',
        "{" * 5000,
        '"' * 5000,
        "`" * 999,
    ):
        body = json.dumps({"model": "cab-check-demo", "messages": [user(text)], "tools": TOOLKITS["read and write"]})
        assert Endpoint()(HttpRequest("POST", "/v1/chat/completions", {}, body.encode())).status == 200
