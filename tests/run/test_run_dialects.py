"""A bundled task in every dialect: the demo endpoint over a real socket, real walls, real grading."""

from __future__ import annotations

import asyncio

import pytest

from cab_check.agent.dialects import DIALECTS
from cab_check.agent.result import AgentLimits
from cab_check.base.progress import Quiet
from cab_check.base.spans import Trace
from cab_check.demo.encode import MODEL
from cab_check.demo.server import serve
from cab_check.run.ready import Ready
from cab_check.run.result import TaskRun
from cab_check.run.trial import Runner
from cab_check.tasks.loader import load
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.client import Client
from cab_check.wire.facts import gather

TASK = load("polyglot/python-error-handling")


@pytest.mark.parametrize("name", DIALECTS)
def test_the_demo_model_does_the_task_in_each_dialect(name: str, python_machine: Ready) -> None:
    async def go(base_url: str) -> TaskRun:
        address, access = read_address(base_url), Access()
        facts = await gather(address, access, model=MODEL, profile="generic", nonce_seed="")
        async with Client(address, access, facts=facts) as client:
            runner = Runner(
                TASK, client, python_machine, model=MODEL, dialect=DIALECTS[name], limits=AgentLimits(turns=10),
                trace=Trace(), progress=Quiet(),
            )  # fmt: skip
            return await runner.run()

    with serve() as server:
        done = asyncio.run(go(server.base_url))
    (trial,) = done.trials
    assert (done.dialect, done.exit_code, trial.agent.end, trial.agent.malformed) == (name, 0, "finished", 0)
    assert trial.changes.modified == ("settings.py",) and trial.changes.unexpected == ()
    assert (len(trial.agent.calls) == 1) == (name != "tool-calling")
    assert trial.agent.prompt_hash == DIALECTS[name].prompt_hash
