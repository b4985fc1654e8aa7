"""An open box: one warm launcher process, and the talk with it."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import os
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cab_check
from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox.box import Done, Isolation, Plan
from cab_check.sandbox.cgroups import Group, group_for
from cab_check.sandbox.mountplan import Layout
from cab_check.sandbox.talk import Collected, OutputWatcher, Sink, Talk
from cab_check.sandbox.walls import CGROUP_LIMITS

_START_S = 20.0
_END_S = 2.0
_SLACK_S = 15.0  # beyond a command's own deadline, for a machine that is under heavy load
# the path of the package comes over stdin and not as an argument: those of a pid 1 can be read inside
_CODE = (
    "import sys; sys.dont_write_bytecode = True; "
    "sys.path.insert(0, open(0, 'rb', buffering=0, closefd=False).readline().decode('utf-8', 'surrogateescape')[:-1]); "
    "from cab_check.sandbox.launch.main import main; main()"
)
_PACKAGE = os.fsencode(Path(cab_check.__file__).resolve().parent.parent)


class WarmBox:
    """A box that is served by a launcher process. Commands run one after the other."""

    def __init__(self, launcher: asyncio.subprocess.Process, plan: Plan, layout: Layout, isolation: Isolation) -> None:
        self._launcher = launcher
        self._talk = Talk(launcher)
        self._plan = plan
        self._layout = layout
        self._isolation = isolation
        self._turn = asyncio.Lock()

    @property
    def isolation(self) -> Isolation:
        """The walls around this box."""
        return self._isolation

    def inside(self, source: Path) -> str:
        """Where a mounted path of the host, or a path below one, is seen from inside. Raises KeyError if nowhere."""
        return self._layout.inside(source)

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        watch: OutputWatcher | None = None,
    ) -> Done:
        """Run one command to its end or to `timeout_s`, and leave nothing of it behind.

        `cwd` defaults to the work directory. `watch` is called with "stdout" or "stderr" and each piece as it comes.
        When cancelled, the command and all that it started are ended before CancelledError goes on.
        Raises NoSandbox if the walls failed or their launcher ended.
        """
        collected = Collected(watch)
        request = self._request(argv, cwd, env, timeout_s, stdin, more=False)
        return collected.into(await self._serve(request, timeout_s, collected.put))

    async def stream(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        sink: Sink,
        stdin: AsyncIterable[bytes],
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """As `run`, with standard input taken as it comes and output handed to `sink` and not kept.

        What `sink` has not taken yet holds the command up, as a full pipe does; its time counts for the command.
        """
        request = self._request(argv, cwd, env, timeout_s, b"", more=True)
        return await self._serve(request, timeout_s, sink, stdin)

    def _request(
        self,
        argv: Sequence[str],
        cwd: str | None,
        env: Mapping[str, str] | None,
        timeout_s: float,
        stdin: bytes,
        *,
        more: bool,
    ) -> dict[str, Any]:
        return {
            "argv": list(argv),
            "cwd": cwd or self._layout.work,
            "env": {**self._layout.env, **(env or {})},
            "timeout_s": timeout_s,
            "stdin": base64.b64encode(stdin).decode(),
            "more": more,
        }

    async def _serve(
        self, request: Mapping[str, Any], timeout_s: float, sink: Sink, stdin: AsyncIterable[bytes] | None = None
    ) -> Done:
        async with self._turn:
            began = time.monotonic()
            feeding = None
            try:
                await self._talk.send(request)
                if stdin is not None:
                    feeding = asyncio.create_task(self._talk.feed(stdin))
                outcome = await self._talk.outcome(sink, timeout_s + _SLACK_S)
            except TimeoutError:
                self.kill()
                raise NoSandbox("the sandbox's launcher did not answer in time and was ended") from None
            except BaseException as ended:
                if not isinstance(ended, NoSandbox):  # cancelled, or nobody takes the output
                    await self._cancel()
                raise
            finally:
                if feeding is not None:
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
            return _done(outcome, time.monotonic() - began)

    async def _cancel(self) -> None:
        try:
            await self._talk.send({"cancel": True})
            async with asyncio.timeout(_END_S):
                await self._talk.outcome(_drop, _END_S)
        except (TimeoutError, NoSandbox):
            self.kill()

    async def begin(self, config: Mapping[str, Any]) -> None:
        """Have the walls built and wait until they stand; what limits them is in `isolation` then.

        Raises NoSandbox with the reason if they do not stand.
        """
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(_PACKAGE + b"\n")
        await self._talk.send(config)
        try:
            async with asyncio.timeout(_START_S):
                kind, body = await self._talk.frame()
        except TimeoutError:
            raise NoSandbox(f"the walls did not stand within {_START_S:.0f} s") from None
        if kind != b"R":
            raise NoSandbox(one_line(body.decode("utf-8", "replace")))
        if json.loads(body)["cgroup"]:
            walls = {**self._isolation.walls, "limits": CGROUP_LIMITS}
            self._isolation = replace(self._isolation, walls=walls)

    def kill(self) -> None:
        """End the launcher at once; the kernel ends what is behind the walls."""
        with suppress(ProcessLookupError):
            self._launcher.kill()

    async def close(self) -> None:
        """End everything inside and the launcher, whatever it takes."""
        assert self._launcher.stdin is not None
        self._launcher.stdin.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._launcher.wait()
        except TimeoutError:
            self.kill()
            await self._launcher.wait()


@asynccontextmanager
async def open_box(
    plan: Plan, layout: Layout, isolation: Isolation, settings: Mapping[str, Any], *, inside: bool
) -> AsyncIterator[WarmBox]:
    """Start a launcher with `settings` (its walls, and what only they need) and wait until the walls stand.

    `inside` says whether the launcher itself sees the paths as the commands do.
    """
    hide_memory()
    config = {
        "parent": os.getpid(),
        "binds": [asdict(bind) for bind in layout.binds],
        "links": layout.links,
        "counted": layout.counted(inside=inside),
        "limits": asdict(plan.limits),
        **settings,
    }
    with group_for(plan.limits) as group:
        box = await _begun(config, group, plan, layout, isolation)
        try:
            yield box
        finally:
            await asyncio.shield(asyncio.ensure_future(box.close()))


async def _begun(
    config: Mapping[str, Any], group: Group | None, plan: Plan, layout: Layout, isolation: Isolation
) -> WarmBox:
    """A box whose walls stand, in `group` or, where the launcher cannot be had in it, without: its walls say which."""
    box = WarmBox(await _launch(group), plan, layout, isolation)
    try:
        await box.begin({**config, "cgroup": group and group.settings()})
    except BaseException as failure:
        await asyncio.shield(asyncio.ensure_future(box.close()))
        if group is None or not isinstance(failure, NoSandbox):
            raise
        return await _begun(config, None, plan, layout, isolation)
    return box


async def _launch(group: Group | None) -> asyncio.subprocess.Process:
    """The launcher, in `group` if it can be put there; whether it is there, it tells itself."""
    launcher = await asyncio.create_subprocess_exec(
        *(*(group.prefix if group else ()), sys.executable, "-I", "-S", "-c", _CODE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=(group and group.env) or {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )
    if group is not None:
        with suppress(OSError):
            group.take(launcher.pid)
    return launcher


def hide_memory() -> None:
    """Make this process, which may hold a key, unreadable for others of the same user, on Linux."""
    if sys.platform != "linux":
        return
    pr_set_dumpable = 4
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)


async def _drop(_: str, __: bytes) -> None:
    """Output of a command that is being ended."""


def _done(outcome: Mapping[str, Any], wall_s: float) -> Done:
    return Done(
        exit_code=outcome["exit_code"],
        signal=outcome["signal"],
        stdout=b"",
        stderr=b"",
        wall_s=outcome.get("wall_s", wall_s),
        cpu_s=outcome["cpu_s"],
        limit=outcome["limit"],
        output_cut=outcome["output_cut"],
    )
