"""`--compare`: the same questions once more, to an address nearer the model, by a client of its own."""

from __future__ import annotations

from dataclasses import replace

from cab_check.base.progress import Progress
from cab_check.cli.target import Target
from cab_check.handshake.drive import ask_all, first_contact
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake
from cab_check.wire.budget import Budget
from cab_check.wire.client import Client
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.patience import Patient


async def ask_twin(
    target: Target, plan: Plan, budget: Budget, limits: WireLimits, progress: Progress, *, concurrency: int
) -> Handshake:
    """What the questions of `plan` prove at `target`. They count against the ceilings of the job.

    A gateway may have a name of its own for the model: where `target` serves one model alone, that one is asked.
    """
    facts = await gather(target.address, target.access, model=None, profile=plan.profile, nonce_seed=plan.nonce_seed)
    there = replace(plan, other_base_paths=target.address.other_base_paths, since=0, price=None)
    async with Client(target.address, target.access, facts=facts, limits=limits, budget=budget) as client:
        asker = Patient(client, progress, concurrency=concurrency)
        listed = await first_contact(asker, there, progress)
        if listed and len(listed) == 1 and there.model not in listed:
            there = replace(there, model=listed[0])
        await ask_all(asker, there, progress, concurrency=concurrency)
        return judge(asker.recording, there)
