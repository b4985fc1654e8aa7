"""Asks: everything that the checks still want to know, independent questions together, until nobody wants more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cab_check.base.progress import Progress, Quiet
from cab_check.handshake.check import Check
from cab_check.handshake.checks import CONTACT, checks_of
from cab_check.handshake.checks.model import models_listed
from cab_check.handshake.checks.network import SERVICE
from cab_check.handshake.plan import Plan
from cab_check.handshake.run import failed, run_check
from cab_check.handshake.seen import Seen, Turn
from cab_check.wire.exchange import Ask, Asker, Exchange, Recording

Until = Callable[[Recording], bool]
Key = tuple[str, str, bool, bytes]
NAMELESS = "unnamed"
"""The model of a request that only asks whether anybody is let in."""


class Moves(Protocol):
    """An asker that can go on under another base path."""

    def adopt(self, base_path: str) -> None:
        """Ask under `base_path` from now on."""


@dataclass(frozen=True, slots=True)
class Next:
    """A request to send, the check that wants it first, and the base path that it goes to."""

    check: Check
    ask: Ask
    base_path: str

    @property
    def key(self) -> Key:
        """What makes two asks the same question. It is sent once, whatever came of it."""
        return self.ask.method, self.base_path + self.ask.route, self.ask.with_key, self.ask.payload()


def what_next(plan: Plan, seen: Seen, checks: Sequence[Check] | None = None) -> list[Next]:
    """What to send now: the questions of all checks whose needs are settled and have not failed. Pure."""
    open_, closed, passed = set[str](), set[str](), set[str]()
    wanted: dict[Key, Next] = {}
    for check in checks_of(plan) if checks is None else checks:
        if check.unless and (open_.intersection(check.unless) or passed.issuperset(check.unless)):
            continue
        if open_.intersection(check.needs):
            open_.add(check.id)
            continue
        if closed.intersection(check.needs):
            closed.add(check.id)
            continue
        asks = check.ask(plan, seen)
        for ask in asks:
            item = Next(check, ask, seen.base_path if ask.base_path is None else ask.base_path)
            wanted.setdefault(item.key, item)
        if asks:
            open_.add(check.id)
            continue
        outcome = run_check(check, plan, seen)
        (closed if failed(outcome) else passed if outcome.status == "pass" else set()).add(check.id)
    return list(wanted.values())


async def ask_all(
    asker: Asker,
    plan: Plan,
    progress: Progress,
    *,
    concurrency: int = 4,
    until: Until | None = None,
    checks: Sequence[Check] | None = None,
) -> None:
    """Ask until no check wants anything more, or `until` says that it is enough. At most `concurrency` at once.

    Raises what `asker.send` raises (a ceiling was reached), after the requests that are out have come back.
    Cancelled, it cancels them.
    """
    memo: dict[int, Turn] = {}
    out: dict[Key, asyncio.Task[Exchange]] = {}
    sent: set[Key] = set()
    stopped: BaseException | None = None
    try:
        while True:
            seen = Seen(_still_true(asker.recording, plan), memo)
            _move(asker, seen)
            enough = stopped is not None or (until is not None and until(seen.recording))
            wanted = [] if enough else [item for item in what_next(plan, seen, checks) if item.key not in sent]
            for item in wanted[: concurrency - len(out)]:
                sent.add(item.key)
                out[item.key] = asyncio.create_task(_send(asker, item, progress))
            if not out:
                break
            done, _ = await asyncio.wait(out.values(), return_when=asyncio.FIRST_COMPLETED)
            out = {key: task for key, task in out.items() if task not in done}
            stopped = stopped or next((failure for task in done if (failure := task.exception())), None)
    finally:
        await _end(list(out.values()))
    if stopped is not None:
        raise stopped


async def first_contact(asker: Asker, plan: Plan, progress: Progress | None = None) -> tuple[str, ...] | None:
    """Find where the API is and what it serves, before a model is chosen: the listed ids, None without a list."""
    await ask_all(asker, plan, progress or Quiet(), checks=CONTACT)
    return models_listed(Seen(asker.recording))


async def knock(asker: Asker, plan: Plan, progress: Progress | None = None) -> None:
    """Where no list of models came and no model is named: one plain chat to no model in particular, so that a gateway
    which lets nobody in is told from one that keeps its list to itself.
    """
    await ask_all(asker, replace(plan, model=NAMELESS), progress or Quiet(), checks=(*CONTACT, SERVICE))


def _still_true(recording: Recording, plan: Plan) -> Recording:
    """Without the refusals of a key that has been replaced since."""
    kept = (e for e in recording.exchanges if e.number > plan.since or e.status not in (401, 403))
    return Recording(recording.facts, tuple(kept)) if plan.since else recording


def _move(asker: Asker, seen: Seen) -> None:
    """Go on under the base path that answers, if it is another one than was given."""
    if seen.base_path != seen.given_base_path:
        adopt = getattr(asker, "adopt", None)
        if adopt is not None:
            adopt(seen.base_path)


async def _send(asker: Asker, item: Next, progress: Progress) -> Exchange:
    key = f"{item.check.id}/{hash(item.key)}"
    progress.begin(key, item.check.label)
    try:
        return await asker.send(item.ask)
    finally:
        progress.end(key)


async def _end(tasks: Sequence[asyncio.Task[Exchange]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
