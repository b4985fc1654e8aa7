"""Runs the steps of one job on one event loop, and ends them: Ctrl-C, SIGTERM, a closed terminal (SIGHUP), and the
job's own time limit.

Between steps the terminal belongs to prompts, where Ctrl-C is Python's own KeyboardInterrupt; both become `Stopped`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from cab_check.base.errors import Stopped
from cab_check.cli.drain import drain_stdout

Value = TypeVar("Value")


class Session:
    """A loop for the steps of one job. `limit_s` counts from the first step and covers all of them."""

    def __init__(self, limit_s: float | None = None) -> None:
        self._runner = asyncio.Runner()
        self._ends = None if limit_s is None else time.monotonic() + limit_s
        self._ended_by = "SIGTERM"
        self.stopped: Stopped | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing joins the threads of the loop, and a stalled name look-up may hold one for minutes: then `leave`
        # ends the process instead.
        if self.stopped is None:
            self._runner.close()

    def run(self, step: Coroutine[Any, Any, Value]) -> Value:
        """One step to its end. Raises Stopped when it was ended from outside; the step has unwound by then."""
        try:
            return self._runner.run(self._guarded(step))
        except KeyboardInterrupt:
            self.stopped = Stopped("Interrupted by Ctrl-C.")
        except asyncio.CancelledError:
            self.stopped = Stopped(f"Ended by {self._ended_by}.", exit_code=143, by="terminate")
        except TimeoutError:
            self.stopped = Stopped("The job took longer than it may.", "Raise --timeout.", exit_code=4, by="timeout")
        raise self.stopped

    def finish(self, step: Coroutine[Any, Any, None]) -> None:
        """A last, short step: also after a stop, and whatever the limit."""
        self._runner.run(step)

    async def _guarded(self, step: Coroutine[Any, Any, Value]) -> Value:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def end(name: str) -> None:
            self._ended_by = name
            task.cancel()

        enders = _enders()
        for ender in enders:
            loop.add_signal_handler(ender, end, ender.name)
        try:
            async with asyncio.timeout(None if self._ends is None else max(0.0, self._ends - time.monotonic())):
                return await step
        finally:
            for ender in enders:
                loop.remove_signal_handler(ender)


def _enders() -> list[signal.Signals]:
    """The signals that end a job, besides Ctrl-C. Under `nohup` SIGHUP is ignored, and stays so."""
    if sys.platform == "win32":
        return []
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGTERM] if ignored else [signal.SIGTERM, signal.SIGHUP]


def leave(code: int) -> NoReturn:
    """End the process now, without waiting for threads that a stopped step may have left."""
    drain_stdout()
    os._exit(code)
