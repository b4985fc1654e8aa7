"""A box without walls, for tests of what goes through a box and not of the box: real commands in a directory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cab_check.sandbox.box import Done, Isolation

KEPT_BYTES = 1 << 20


class UnwalledBox:
    """Runs commands as they are, in `workdir`, with nothing but a PATH in the environment."""

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir
        self.commands: list[tuple[str, ...]] = []

    @property
    def isolation(self) -> Isolation:
        return Isolation(level=0, engine="none")

    def inside(self, source: Path) -> str:
        return str(source)

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Done:
        self.commands.append(tuple(argv))
        start, pipe = time.monotonic(), asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd or self.workdir,
            env={"PATH": "/usr/bin:/bin", **(env or {})},
        )  # fmt: skip
        try:
            out, err = await asyncio.wait_for(child.communicate(stdin), timeout_s)
        except TimeoutError:
            return Done(None, 9, b"", b"", time.monotonic() - start, limit="wall")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        code = child.returncode or 0
        kept = (out[:KEPT_BYTES], err[:KEPT_BYTES])
        cut = max(len(out), len(err)) > KEPT_BYTES
        ended = (None, -code) if code < 0 else (code, None)
        return Done(*ended, *kept, time.monotonic() - start, output_cut=cut)
