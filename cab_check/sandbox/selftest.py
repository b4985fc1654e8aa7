"""The self-test: attempts to get out, made from inside, and judged from outside where there is an outside to look at.

An engine is what these attempts say, not what its set-up calls returned: a kernel can accept a rule and not keep it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Engine, Isolation, Mount, Plan
from cab_check.sandbox.toolchains import find

_TIMEOUT_S = 20.0
_SCRIPT = Path(__file__).with_name("attempts.py")

HELD, ESCAPED = "held", "escaped"


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


async def examine(engine: Engine, isolation: Isolation, known_gaps: tuple[str, ...] = ()) -> Isolation:
    """Run every attempt in a box of `engine`; `isolation` with the results.

    Raises NoSandbox if the walls do not stand, if an attempt that is not in `known_gaps` escaped, or if the attempts
    came back without a verdict.
    """
    async with _canaries() as canaries:
        results, walls = await _attempt(engine, canaries)
        if canaries.reached:
            results["reach a listener"] = ESCAPED
        if canaries.outside.exists():
            results["write outside"] = ESCAPED
    escaped = [name for name, verdict in results.items() if verdict == ESCAPED and name not in known_gaps]
    if escaped:
        raise NoSandbox(f"{engine.name}: the walls do not hold: {', '.join(escaped)}")
    return replace(isolation, walls=walls, selftest=results)


async def _attempt(engine: Engine, canaries: Canaries) -> tuple[dict[str, str], Mapping[str, str]]:
    """The verdicts, and the walls of the box in which they were found."""
    python = find("python")
    with scratch.directory("selftest") as work:
        plan = Plan((Mount(work, "/work", True),), (python,))
        async with engine.open(plan) as box:
            argv = ["python3", "-I", "-S", "-c", _SCRIPT.read_text(encoding="utf-8"), canaries.as_arguments()]
            done = await box.run(argv, timeout_s=_TIMEOUT_S)
            walls = box.isolation.walls
    try:
        results: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = one_line((done.stderr or done.stdout).decode("utf-8", "replace")[-300:])
        raise NoSandbox(f"{engine.name}: the self-test inside ended without a verdict: {said}") from None
    if canaries.token in json.dumps(results):
        results["read a private file"] = ESCAPED
    return results, walls


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
