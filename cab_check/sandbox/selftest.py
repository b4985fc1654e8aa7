"""The self-test: attempts to get out, made from inside, and judged from outside where there is an outside to look at.

An engine is what these attempts say, not what its set-up calls returned: a kernel can accept a rule and not keep it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Engine, Isolation, Limits, Mount, Plan
from cab_check.sandbox.mountplan import WORK_INSIDE
from cab_check.sandbox.toolchains import find
from cab_check.sandbox.walls import NAMED_ESCAPES

_TIMEOUT_S = 20.0
_SCRIPT = Path(__file__).with_name("attempts.py")

HELD, ESCAPED = "held", "escaped"
NEEDED = Limits(
    cpu_s=10,
    memory_bytes=128 << 20,
    processes=16,
    open_files=64,
    file_bytes=1 << 20,
    disk_bytes=1 << 20,
    files=100,
    output_bytes=1 << 16,
)
"""The least that the attempts run on, several times over."""


@dataclass
class Canaries:
    """Things outside that the inside must not reach."""

    secret: Path
    token: str
    port: int
    unix: Path
    abstract: str
    outside: Path
    reached: int = 0

    def as_arguments(self) -> str:
        """What the script inside is told, as JSON."""
        facts: dict[str, Any] = {
            "secret": str(self.secret),
            "port": self.port,
            "unix": str(self.unix),
            "abstract": self.abstract,
            "outside": str(self.outside),
            "pid": os.getpid(),
            "package": str(Path(__file__).resolve()),
        }
        return json.dumps(facts)


async def probe(engine: Engine) -> Isolation:
    """What stands, tried in a box that is opened for it. Raises NoSandbox with the reason if nothing does."""
    await engine.describe()
    with scratch.directory("selftest") as work:
        async with engine.open(Plan((Mount(work, WORK_INSIDE, True),), (find("python"),))) as box:
            return await examine(box)


@asynccontextmanager
async def proven(engine: Engine, plan: Plan) -> AsyncIterator[tuple[Box, Isolation]]:
    """A box for `plan`, tried from inside before anything else runs there, and what stands. Raises NoSandbox.

    Where `plan` leaves the attempts too little to run on, they are made in a box of their own.
    """
    tight = any(getattr(plan.limits, name) < least for name, least in asdict(NEEDED).items())
    isolation = await probe(engine) if tight else await engine.describe()
    async with engine.open(plan) as box:
        yield box, isolation if tight else await examine(box)


async def examine(box: Box) -> Isolation:
    """Make every attempt in `box`, which has the toolchain python; its walls and gaps, with the verdicts.

    Raises NoSandbox if an attempt got out that no gap of the box names, or if they came back without a verdict.
    """
    isolation = box.isolation
    async with _canaries() as canaries:
        verdicts = await _attempt(box, canaries)
        if canaries.reached:
            verdicts["reach a listener"] = ESCAPED
        if canaries.outside.exists():
            verdicts["write outside"] = ESCAPED
    named = {NAMED_ESCAPES.get(gap) for gap in isolation.gaps}
    escaped = [name for name, verdict in verdicts.items() if verdict == ESCAPED and name not in named]
    if escaped:
        raise NoSandbox(f"the walls do not hold: {', '.join(escaped)}")
    return replace(isolation, selftest=verdicts)


async def _attempt(box: Box, canaries: Canaries) -> dict[str, str]:
    argv = ["python3", "-I", "-S", "-c", _SCRIPT.read_text(encoding="utf-8"), canaries.as_arguments()]
    done = await box.run(argv, timeout_s=_TIMEOUT_S)
    try:
        results: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = one_line((done.stderr or done.stdout).decode("utf-8", "replace")[-300:])
        raise NoSandbox(f"the self-test inside ended without a verdict: {said}") from None
    if canaries.token in json.dumps(results):
        results["read a private file"] = ESCAPED
    return results


@asynccontextmanager
async def _canaries() -> AsyncIterator[Canaries]:
    with scratch.directory("canary") as folder:
        secret, token = folder / "secret", secrets.token_hex(16)
        secret.write_text(token)
        abstract = f"cab-check-{secrets.token_hex(8)}"
        canaries = Canaries(secret, token, 0, folder / "s", abstract, folder / "written")

        async def reached(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            canaries.reached += 1
            writer.close()

        listener = await asyncio.start_server(reached, "127.0.0.1", 0)
        canaries.port = listener.sockets[0].getsockname()[1]
        servers = [listener]
        if sys.platform == "linux":  # no other system has abstract sockets
            servers.append(await asyncio.start_unix_server(reached, path="\0" + abstract))
        if len(os.fsencode(canaries.unix)) < 108:
            servers.append(await asyncio.start_unix_server(reached, path=canaries.unix))
        try:
            yield canaries
        finally:
            for server in servers:
                server.close()
                await server.wait_closed()
