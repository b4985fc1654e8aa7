"""The processes below this one, which must be a subreaper: who they are, and their end."""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import os
import signal
import time

_POLL_S = 0.002


def descendants(most: int) -> list[int]:
    """Processes below this one, parents first, at most `most`: a fork bomb grows faster than it can be walked.

    A process that ends meanwhile may or may not be listed.
    """
    found: list[int] = []
    pending = children(os.getpid())
    while pending and len(found) < most:
        pid = pending.pop()
        found.append(pid)
        pending += children(pid)
    return found


def children(pid: int) -> list[int]:
    """The children of `pid`, of whichever thread; none if it has ended."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []
    children: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listing:
                children += [int(word) for word in listing.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return children


def sweep(deadline_s: float = 10.0) -> float:
    """End and reap every process below this one, again and again until there is none; their CPU seconds.

    All are stopped before any is killed: a killed process makes room for the next fork under RLIMIT_NPROC, a stopped
    one does not, so a fork bomb loses. Raises TimeoutError after `deadline_s`.
    """
    cpu = 0.0
    end = time.monotonic() + deadline_s
    while True:
        done, seconds = _reap()
        cpu += seconds
        if done:
            return cpu
        for pid in _freeze(end):
            _signal(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise TimeoutError(f"processes {children(os.getpid())[:5]} do not end")
        time.sleep(_POLL_S)


def _freeze(end: float) -> set[int]:
    """Stop all that is below this process, parents before their children are listed, until a round finds nobody new.

    A fork does not go through while a signal is waiting (copy_process in kernel/fork.c), so what was listed after its
    parent was stopped is complete, but for orphans, who come to this process and are found in the next round.
    """
    stopped: set[int] = set()
    new = True
    while new and time.monotonic() < end:
        new = False
        pending = children(os.getpid())
        while pending:
            pid = pending.pop()
            if pid not in stopped:
                new = True
                stopped.add(pid)
                _signal(pid, signal.SIGSTOP)
            pending += children(pid)
    return stopped


def _signal(pid: int, which: signal.Signals) -> None:
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        return


def _reap() -> tuple[bool, float]:
    """Collect every child that has ended: whether none is left, and the CPU seconds of those collected."""
    cpu = 0.0
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return True, cpu
        if pid == 0:
            return False, cpu
        cpu += usage.ru_utime + usage.ru_stime
