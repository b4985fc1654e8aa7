"""A client that lets itself be slowed down: on a rate limit it waits as long as it is told and asks the same again."""

from __future__ import annotations

import asyncio
import time
from math import ceil

from cab_check.base.progress import Progress
from cab_check.wire.again import TOO_MANY, wait_s
from cab_check.wire.client import Client
from cab_check.wire.exchange import Ask, Exchange, Recording
from cab_check.wire.secret import Secret

LONGEST_S = 60.0
TOTAL_S = 180.0
TRIES = 3  # of one question, the first included


class Patient:
    """Answers asks like the client in it. One job; any number of asks at once.

    A reply 429 that says how long to wait is waited for: at most `LONGEST_S` seconds at once, `TOTAL_S` in the job.
    Nothing new goes out meanwhile, afterwards at most half as many at once as before, and the question is asked again
    as an exchange of its own, counted like every other. A limit that does not say, or that lasts longer, is the answer.
    """

    def __init__(self, client: Client, progress: Progress, *, concurrency: int) -> None:
        self._client, self._progress = client, progress
        self._at_once = concurrency
        self._out = 0
        self._free = asyncio.Condition()
        self._resume_at = 0.0
        self._waited_s = 0.0

    @property
    def recording(self) -> Recording:
        """Everything asked so far, refusals included."""
        return self._client.recording

    def adopt(self, base_path: str) -> None:
        """Ask under `base_path` from now on."""
        self._client.adopt(base_path)

    def set_key(self, key: Secret, source: str) -> None:
        """Use this key from now on."""
        self._client.set_key(key, source)

    async def send(self, ask: Ask, *, total_s: float | None = None) -> Exchange:
        """Send one ask, again where a rate limit says when; `total_s` is the deadline of everything, in seconds."""
        ends = None if total_s is None else time.monotonic() + total_s
        for _ in range(TRIES - 1):
            exchange = await self._in_turn(ask, ends)
            if not self._gives_way(exchange, ends):
                return exchange
        return await self._in_turn(ask, ends)

    async def _in_turn(self, ask: Ask, ends: float | None) -> Exchange:
        """One exchange, when the wait is over and a place is free."""
        await self._pause()
        async with self._free:
            await self._free.wait_for(lambda: self._out < self._at_once)
            self._out += 1
        try:
            await self._pause()
            left = None if ends is None else max(0.001, ends - time.monotonic())
            return await self._client.send(ask, total_s=left)
        finally:
            self._out -= 1
            async with self._free:
                self._free.notify_all()

    def _gives_way(self, exchange: Exchange, ends: float | None) -> bool:
        """Whether the same is to be asked again; sets the time from which on, for everything that waits."""
        if exchange.status != TOO_MANY or exchange.got is None:
            return False
        wait, now = wait_s(exchange.got), time.monotonic()
        if wait is None or wait > LONGEST_S or (ends is not None and now + wait >= ends):
            return False
        longer = max(0.0, now + wait - max(now, self._resume_at))
        if self._waited_s + longer > TOTAL_S:
            return False
        if now >= self._resume_at:  # refusals of requests that were out together are one refusal
            self._at_once = max(1, self._at_once // 2)
            self._progress.note(
                f"rate limit: waiting {ceil(wait)} s as the endpoint says, then asking again, {self._at_once} at once"
            )
        self._resume_at = max(self._resume_at, now + wait)
        self._waited_s += longer
        return True

    async def _pause(self) -> None:
        """Let the wait pass; one that has become longer meanwhile shows as the next refusal."""
        left = self._resume_at - time.monotonic()
        if left <= 0:
            return
        self._progress.begin("rate-limit", f"waiting {ceil(left)} s for the rate limit")
        try:
            await asyncio.sleep(left)
        finally:
            self._progress.end("rate-limit")
