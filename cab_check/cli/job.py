"""The main job in its steps: walls, contact, handshake, task. Each step leaves what it found on the job, so that a
job that was stopped in the middle still makes a Record.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cab_check.agent import dialects
from cab_check.agent.dialect import Dialect
from cab_check.agent.result import AgentLimits
from cab_check.base.errors import CannotRun, Stopped, worst
from cab_check.base.progress import Progress
from cab_check.base.spans import Trace
from cab_check.cli import ceilings
from cab_check.cli.ceilings import Most
from cab_check.cli.target import Target
from cab_check.cli.twin import ask_twin
from cab_check.handshake.compare import with_comparison
from cab_check.handshake.drive import ask_all, first_contact, knock
from cab_check.handshake.estimate import tokens_of_replays
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import GENERIC, Plan
from cab_check.handshake.prices import listed_price
from cab_check.handshake.result import Handshake
from cab_check.handshake.sdk_view import view as sdk_view
from cab_check.handshake.seen import Seen, speaks_api
from cab_check.record.compose import compose
from cab_check.record.versions import with_versions
from cab_check.run.ready import Ready, ready
from cab_check.run.result import TaskRun
from cab_check.run.trial import Runner
from cab_check.tasks.task import Task
from cab_check.wire.budget import Budget, Ceilings
from cab_check.wire.client import Client
from cab_check.wire.exchange import Exchange, Facts, Recording
from cab_check.wire.facts import gather
from cab_check.wire.limits import WireLimits
from cab_check.wire.patience import Patient
from cab_check.wire.price import Price
from cab_check.wire.secret import Secret


@dataclass(frozen=True)
class Wish:
    """What the job is to do. `task` None: the handshake alone."""

    task: Task | None
    no_task: str | None = None  # why none is to be run, where that was not the user's wish
    profile: str = GENERIC
    dialect: Dialect = field(default_factory=lambda: dialects.dialect(dialects.DEFAULT))
    trials: int = 1
    sandbox: str = "auto"
    force: bool = False
    concurrency: int = 4
    request_timeout_s: float | None = None
    slow: bool = False
    ceilings: Ceilings = field(default_factory=Ceilings)
    price: Price | None = None
    plan_only: bool = False
    compare: Target | None = None
    fail_on: str = "blocked"


class Job:
    """One job against one target. The steps are coroutines, run in order; the caller may prompt between them."""

    def __init__(self, target: Target, wish: Wish, progress: Progress) -> None:
        self.target, self.wish, self.progress = target, wish, progress
        self.trace = Trace()
        self.ready: Ready | None = None
        self.cannot_run: CannotRun | None = None
        self.stopped: Stopped | None = None
        self._started_at, self._seed = datetime.now(UTC), secrets.token_hex(8)
        self._since = 0  # exchanges before this one were asked with another key
        self._open = AsyncExitStack()
        self._client: Patient | None = None
        self._budget = Budget()
        self._judged: Handshake | None = None
        self._runner: Runner | None = None

    @property
    def plan(self) -> Plan:
        """The plan of the handshake for the model as it is known by now."""
        return Plan(
            model=self.target.model,
            nonce_seed=self._seed,
            profile=self.wish.profile,
            other_base_paths=self.target.address.other_base_paths,
            since=self._since,
            slow=self.wish.slow,
            price=self.wish.price,
        )

    @property
    def price(self) -> Price | None:
        """What tokens cost: as typed, else as the endpoint's model list has it; None where nobody says."""
        return self.wish.price or listed_price(Seen(self.recording).lists, self.target.model)

    def most(self) -> tuple[Most, Most | None]:
        """The ceilings of handshake and task."""
        wish, price = self.wish, self.price
        task = ceilings.of_task(AgentLimits(), wish.trials, wish.ceilings, price) if wish.task else None
        return ceilings.of_handshake(wish.ceilings, price, self._addresses, tokens_of_replays(self.plan)), task

    def settle_price(self) -> None:
        """From now on count money too. Raises UsageError if there is a ceiling on it and no price is known."""
        self._budget.price = self.price
        if self._budget.price is None and self.wish.ceilings.usd is not None:
            raise ceilings.NO_PRICE

    @property
    def recording(self) -> Recording:
        """All exchanges so far; empty before the first contact."""
        if self._client is None:
            return Recording(Facts(base_url=self.target.address.base_url, given=self.target.address.given))
        return self._client.recording

    @property
    def task_run(self) -> TaskRun | None:
        """What the task came to so far; None if it was not begun."""
        return self._runner.so_far if self._runner else None

    async def prepare(self) -> None:
        """Try the walls and the task's toolchain. A failing one does not cost the handshake: it is kept for later."""
        if self.wish.task is None:
            return
        self.progress.stage("Trying the sandbox")
        try:
            self.ready = await ready(self.wish.task, self.wish.sandbox)
        except CannotRun as missing:
            self.cannot_run = missing

    async def contact(self) -> Handshake:
        """Reach the endpoint, and ask which models it has; what that proves so far."""
        if self._client is None:
            self._budget.ceilings = ceilings.in_handshake(
                self.wish.ceilings, self._addresses, tokens_of_replays(self.plan)
            )
            client = await self._open.enter_async_context(await self._connect())
            self._client = Patient(client, self.progress, concurrency=self.wish.concurrency)
        self.progress.stage("Reaching the endpoint")
        await first_contact(self._client, self.plan, self.progress)
        return judge(self._client.recording, self.plan)

    @property
    def listless(self) -> Exchange | None:
        """The last request for a list of models that brought none and no word of the API, where no model is named."""
        seen = Seen(self.recording)
        told = any(speaks_api(exchange) for exchange in seen.lists)
        return seen.lists[-1] if seen.lists and not told and self.target.model is None else None

    async def knock(self) -> Handshake:
        """Ask for one word from no model in particular; what that proves."""
        assert self._client is not None
        await knock(self._client, self.plan, self.progress)
        return judge(self._client.recording, self.plan)

    def use_key(self, key: Secret) -> None:
        """Go on with a key that was typed after the endpoint had asked for one."""
        assert self._client is not None
        self._client.set_key(key, "the prompt")
        self._since = len(self._client.recording.exchanges)

    def use_model(self, model: str) -> None:
        """Go on with this model."""
        self.target = replace(self.target, model=model)

    async def handshake(self) -> Handshake:
        """Ask everything else, judge it, and let the openai SDK read the answers."""
        assert self._client is not None
        self.progress.stage("Handshake")
        with self.trace.span("handshake", f"handshake:{self.plan.profile}"):
            await ask_all(self._client, self.plan, self.progress, concurrency=self.wish.concurrency)
        judged = judge(self._client.recording, self.plan)
        self._judged = replace(judged, sdk_view=sdk_view(self._client.recording))
        return self._judged

    async def compare(self) -> None:
        """Ask the same of the second address, if one was named, and say of each finding where it shows."""
        if self.wish.compare is None:
            return
        assert self._judged is not None
        twin = self.wish.compare
        self.progress.stage(f"Comparing with {twin.address.base_url}")
        there = await ask_twin(
            twin, self.plan, self._budget, self._limits(), self.progress, concurrency=self.wish.concurrency
        )
        self._judged = with_comparison(self._judged, there, twin.address.base_url)

    @property
    def _addresses(self) -> int:
        return 1 if self.wish.compare is None else 2

    @property
    def task_waits(self) -> bool:
        """Whether a task is to be run, can be run here, and the handshake does not forbid it."""
        judged = self._judged
        open_way = judged is not None and (judged.exit_code == 0 or self.wish.force)
        return self.ready is not None and open_way

    async def task(self) -> None:
        """Let the model do the task, and grade it."""
        assert self.ready is not None and self.wish.task is not None and self._client is not None
        self.progress.stage(f"Task {self.wish.task.id}")
        limits, used = self._agent_limits(), self._budget
        used.ceilings = ceilings.in_task(
            self.wish.ceilings, limits, self.wish.trials, requests=used.requests, tokens=used.tokens
        )
        self._runner = Runner(
            self.wish.task,
            self._client,
            self.ready,
            model=self.target.model or "",
            dialect=self.wish.dialect,
            limits=limits,
            trials=self.wish.trials,
            trace=self.trace,
            progress=self.progress,
        )
        await self._runner.run()

    async def close(self) -> None:
        """Let go of the client."""
        await self._open.aclose()

    def record(self) -> dict[str, Any]:
        """The Record of what was done, whole or partial."""
        stopped_by = self.stopped.by if self.stopped else None
        handshake = self._judged or judge(self.recording, self.plan, stopped_by=stopped_by)
        task_run = self.task_run
        error = self.stopped or (self.cannot_run if handshake.exit_code == 0 else None)
        return compose(
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            recording=self.recording,
            handshake=with_versions(handshake),
            exit_code=self._exit_code(handshake, task_run),
            task_run=task_run,
            trace=self.trace.spans,
            stopped_by=stopped_by,
            error=error,
            no_task=self.wish.no_task,
        )

    def _agent_limits(self) -> AgentLimits:
        """The usual ones, for a context that is small enough to matter: half of it is left for the conversation."""
        assert self.wish.task is not None and self._judged is not None
        usual, context = AgentLimits(wall_s=self.wish.task.agent_timeout_s), self._judged.model.context_listed
        if self.wish.request_timeout_s is not None:
            usual = replace(usual, request_s=self.wish.request_timeout_s)
        if context is not None:
            usual = replace(usual, completion_tokens=min(usual.completion_tokens, context // 2))
        return usual

    def _exit_code(self, handshake: Handshake, task_run: TaskRun | None) -> int:
        codes = [handshake.exit_code]
        if self.wish.fail_on == "degraded" and handshake.verdict == "degraded":
            codes.append(3)
        if self.cannot_run is not None:
            codes.append(self.cannot_run.exit_code)
        if task_run is not None:
            codes.append(task_run.exit_code)
        if self.stopped is not None and not (self.stopped.exit_code == 4 and self._judged is not None):
            codes.append(self.stopped.exit_code)
        return worst(codes)

    def _limits(self) -> WireLimits:
        usual = WireLimits()
        return usual.scaled(self.wish.request_timeout_s) if self.wish.request_timeout_s else usual

    async def _connect(self) -> Client:
        target = self.target
        facts = await gather(
            target.address,
            target.access,
            model=target.model,
            profile=self.plan.profile,
            nonce_seed=self._seed,
        )
        return Client(
            target.address,
            target.access,
            facts=facts,
            limits=self._limits(),
            budget=self._budget,
        )
