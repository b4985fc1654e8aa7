"""The engines of this machine, and a whole round of attempts in one of them, or without walls."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox_targets import Outside, outside

from cab_check.sandbox import scratch
from cab_check.sandbox.box import Engine, Isolation
from cab_check.sandbox.choose import engines, survey

HERE = Path(__file__).parent
PAYLOAD = (*HERE.glob("sandbox_attempt*.py"), HERE / "sandbox_payload.py")
ENGINE_NAMES = tuple(engine.name for engine in engines())
NO_WALLS = "none"

# a program with a terminal as its standard input and as the one that it belongs to, as somebody's shell starts it
_ON_TERMINAL = (
    "import os, sys; os.dup2(os.open(sys.argv[1], os.O_RDWR), 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)

Verdict = tuple[str, str]


@functools.cache
def standing() -> dict[str, Isolation | str]:
    """Every engine: its walls, or the reason why it does not stand on this machine."""
    return dict(asyncio.run(survey()))


def engine(name: str) -> Engine:
    """The engine called `name`."""
    return next(found for found in engines() if found.name == name)


@functools.cache
def verdicts(name: str) -> dict[str, Verdict]:
    """Verdict and detail of all attempts in engine `name`, or without walls for "none", corrected by what was seen."""
    from sandbox_payload import PROBES

    with outside() as world, scratch.directory("probes") as work:
        facts = world.facts | {"probes": list(PROBES)}
        # without walls a walk over the whole machine would take minutes
        facts["walk_from"] = str(Path(facts["package"]).parent) if name == NO_WALLS else "/"
        for file in PAYLOAD:
            (work / file.name).write_text(file.read_text())
        (work / "facts.json").write_text(json.dumps(facts))
        said = _drive(world, [name, str(work), world.key, facts["key_file"]])
        return {attempt: _settled(attempt, verdict, world) for attempt, verdict in said.items()}


def _drive(world: Outside, arguments: Sequence[str]) -> dict[str, Verdict]:
    env = {**os.environ, "CAB_KEY": world.key, "SSH_AUTH_SOCK": world.facts["ssh_agent"]}
    command = [sys.executable, "-c", _ON_TERMINAL, world.facts["terminal"], str(HERE / "sandbox_drive.py"), *arguments]
    null = subprocess.DEVNULL
    done = subprocess.run(
        command, env=env, start_new_session=True, stdin=null, capture_output=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return {name: (said[0], said[1]) for name, said in json.loads(done.stdout).items()}


def _settled(attempt: str, said: Verdict, world: Outside) -> Verdict:
    """What the host saw counts; where only the host can see whether it worked, nothing else does."""
    if attempt in world.seen:
        return "escaped", "the host saw it"
    if attempt in world.host_decides and said[0] != "error":
        return "held", said[1] or "the host saw nothing"
    return said


def running_with(mark: str) -> list[int]:
    """Pids of processes of this machine with `mark` in their arguments, but this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
