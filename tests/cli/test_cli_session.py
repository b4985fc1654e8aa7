"""The loop of a job: its limit and its end."""

from __future__ import annotations

import asyncio

import pytest

from cab_check.base.errors import Stopped
from cab_check.cli.session import Session
from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.facts import gather


def test_a_limit_that_is_over_when_a_step_begins_ends_it_at_once() -> None:
    """As on a machine that is slow to start. The look-up of a literal address has its answer in the same moment in
    which the limit strikes, and must not make up for it."""
    went_on = False

    async def step() -> None:
        nonlocal went_on
        await gather(read_address("http://127.0.0.1:9/v1"), Access(), model="m", profile="generic", nonce_seed="0")
        await asyncio.sleep(0)
        went_on = True

    with Session(limit_s=0) as session, pytest.raises(Stopped) as stopped:
        session.run(step())
    session._runner.close()  # a stopped session leaves it to the end of the process
    assert (stopped.value.exit_code, went_on) == (4, False)
