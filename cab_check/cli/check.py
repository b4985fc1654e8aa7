"""`cab-check check`, which is also what runs without a command, and `cab-check handshake`."""

from __future__ import annotations

import os

from cab_check.agent import dialects
from cab_check.base.errors import UsageError
from cab_check.cli.ceilings import read_price
from cab_check.cli.flow import work
from cab_check.cli.job import Wish
from cab_check.cli.options import Asking, Reach, Showing, TaskWishes
from cab_check.cli.show import check_showing
from cab_check.cli.target import read_compare
from cab_check.handshake.plan import GENERIC
from cab_check.run.ready import NO_SANDBOX
from cab_check.sandbox.choose import read
from cab_check.tasks.loader import DEFAULT, load
from cab_check.tuis.loader import profile
from cab_check.wire.budget import Ceilings


def check(reach: Reach, asking: Asking, wishes: TaskWishes, showing: Showing) -> int:
    """Will this endpoint, this model and a coding agent work together? Handshake, one task, provisional score."""
    check_showing(showing)
    return work(reach, read_wish(asking, wishes, showing), asking, showing, yes=wishes.yes)


def handshake(reach: Reach, asking: Asking, showing: Showing) -> int:
    """The handshake alone: nothing is run on this machine."""
    check_showing(showing)
    return work(reach, read_wish(asking, TaskWishes(no_task=True), showing), asking, showing)


def read_tuis(typed: str | None) -> str:
    """The names of the profiles asked about, with commas between; `generic` where none is. Raises UnknownName."""
    names = [profile(name).name for name in (typed or GENERIC).split(",") if name.strip() not in ("", GENERIC)]
    return ",".join(dict.fromkeys(names)) or GENERIC


def dialect_of(asked_about: str) -> str | None:
    """The dialect that the task is done in for these CLIs: that of the first one that has any; None if none has."""
    names = [name for name in asked_about.split(",") if name != GENERIC]
    spoken = [profile(name).dialect for name in names]
    return next((name for name in spoken if name is not None), None) if names else dialects.DEFAULT


def _walls(wishes: TaskWishes) -> str:
    """The sandbox that is wanted. Raises UsageError."""
    if wishes.unsafe_no_sandbox and wishes.sandbox != "auto":
        raise UsageError("--sandbox and --unsafe-no-sandbox exclude each other.", "Leave one of them out.")
    read(wishes.sandbox)
    return NO_SANDBOX if wishes.unsafe_no_sandbox else wishes.sandbox


def read_wish(asking: Asking, wishes: TaskWishes, showing: Showing) -> Wish:
    """What is to be done. Raises UsageError and UnknownName before anything is asked."""
    if wishes.no_task and wishes.task:
        raise UsageError("--task and --no-task exclude each other.", "Leave one of them out.")
    if wishes.no_task and wishes.dialect:
        raise UsageError("--dialect and --no-task exclude each other: only a task has a dialect.")
    asked_about = read_tuis(asking.tui)
    dialect = wishes.dialect or dialect_of(asked_about)
    return Wish(
        profile=asked_about,
        task=None if wishes.no_task or dialect is None else load(wishes.task or DEFAULT),
        no_task=None if dialect else f"the way of {asked_about} is not built; --dialect NAME runs it in another one",
        dialect=dialects.dialect(dialect or dialects.DEFAULT),
        trials=wishes.trials,
        sandbox=_walls(wishes),
        force=wishes.force,
        slow=asking.slow,
        concurrency=asking.concurrency,
        request_timeout_s=asking.request_timeout,
        ceilings=Ceilings(asking.max_requests, asking.max_tokens_total, asking.max_cost),
        price=read_price(asking.price),
        plan_only=asking.plan,
        compare=read_compare(asking, os.environ),
        fail_on=showing.fail_on,
    )
