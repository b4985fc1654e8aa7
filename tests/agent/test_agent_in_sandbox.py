"""The loop and its hands behind real walls: the strongest that stand on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from scripted import call, says, scripted

from cab_check.agent.dialect import Action
from cab_check.agent.hands import perform, working_directory
from cab_check.agent.loop import AgentRun
from cab_check.agent.result import AgentLimits, AgentResult
from cab_check.agent.tool_calling import ToolCalling
from cab_check.base.errors import NoSandbox
from cab_check.base.progress import Quiet
from cab_check.base.spans import Trace
from cab_check.sandbox.box import Box, Mount, Plan
from cab_check.sandbox.choose import choose

AWKWARD = "quotes ' \" ` $HOME\r\n\ttab \\n \x1b[0m é 日本 👩‍👧 \u202e no newline at the end"


@asynccontextmanager
async def walled(workdir: Path) -> AsyncIterator[Box]:
    plan = Plan((Mount(workdir, "/work", writable=True),))
    try:
        engine, _ = await choose("auto")
    except NoSandbox as failure:
        pytest.skip(f"no walls stand here: {failure}")
    async with engine.open(plan) as box:
        yield box


def test_files_keep_every_byte_through_the_walls(tmp_path: Path) -> None:
    name = 'new dir/-it\'s "a" näme'

    async def go() -> list[str]:
        steps = [
            ("write_file", {"path": name, "content": AWKWARD}),
            ("read_file", {"path": name}),
            ("edit_file", {"path": name, "old": "\r\n\ttab", "new": "\n\n'new'\n"}),
        ]
        async with walled(tmp_path) as box:
            return [(await perform(Action(tool, given, "call_1"), box, 30)).text for tool, given in steps]

    told = asyncio.run(go())
    assert told[1] == AWKWARD
    assert (tmp_path / name).read_bytes() == AWKWARD.replace("\r\n\ttab", "\n\n'new'\n").encode()


def test_hands_reach_nothing_outside_the_work_directory(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir(mode=0o755)
    secret = tmp_path / "secret.txt"
    secret.write_text("not for you")
    (work / "link").symlink_to(secret)

    async def go() -> list[str]:
        steps = [
            ("read_file", {"path": str(secret)}),
            ("read_file", {"path": "link"}),
            ("read_file", {"path": "../secret.txt"}),
            ("edit_file", {"path": "link", "old": "not", "new": "all"}),
            # A private /tmp may take this one; the file of the host must not.
            ("write_file", {"path": str(secret), "content": "changed"}),
        ]
        async with walled(work) as box:
            outcomes = [await perform(Action(tool, given, "call_1"), box, 30) for tool, given in steps]
        assert not any(outcome.ok for outcome in outcomes[:-1])
        return [outcome.text for outcome in outcomes]

    assert not any("for you" in text for text in asyncio.run(go()))
    assert secret.read_text() == "not for you"


def test_a_task_is_done_behind_the_walls(tmp_path: Path) -> None:
    write = call("write_file", {"path": "add.sh", "content": "echo $((20 + 22))\n"}, "call_w")
    check = call("shell", {"command": "sh add.sh > answer.txt && cat answer.txt"}, "call_s")

    async def go() -> tuple[AgentResult, str]:
        async with walled(tmp_path) as box, scripted(says(None, write), says(None, check), says("42.")) as (client, _):
            agent = AgentRun(
                client, box, ToolCalling(), model="m", limits=AgentLimits(), trace=Trace(), progress=Quiet()
            )
            return await agent.work("Add 20 and 22."), await working_directory(box, 30)

    result, inside = asyncio.run(go())
    assert (result.end, result.turns) == ("finished", 3)
    assert result.messages[-2]["content"] == "exit code 0\n42\n"
    assert (tmp_path / "answer.txt").read_text() == "42\n"
    assert inside in result.messages[0]["content"]
