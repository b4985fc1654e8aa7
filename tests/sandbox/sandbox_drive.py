"""A process that holds a key and has the attempts made: in a box, or without walls for the control.

Arguments: the engine or "none", a folder with facts.json and the payload, the key, a file that holds it. The key is in
its arguments, environment, memory and an open descriptor, and a terminal is its standard input: what a user's
cab-check may have. Prints the verdicts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from cab_check.sandbox.box import Mount, Plan
from cab_check.sandbox.choose import engines
from cab_check.sandbox.toolchains import find

TIMEOUT_S = 150
ARGUMENTS = ("-I", "-S", "sandbox_payload.py", "facts.json")


def main(name: str, work: Path, key: str, key_file: str) -> None:
    descriptor = os.open(key_file, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    kept = f"held in memory: {key}"
    facts = json.loads((work / "facts.json").read_text()) | {"holder": os.getpid()}
    (work / "facts.json").write_text(json.dumps(facts))
    output = _bare(work) if name == "none" else asyncio.run(_behind_walls(name, work))
    assert kept.endswith(key)
    sys.stdout.buffer.write(output)


def _bare(work: Path) -> bytes:
    """As a harness without a sandbox starts a model's command: everything is handed on."""
    command = [sys.executable, *ARGUMENTS]
    return subprocess.run(
        command, cwd=work, stdout=subprocess.PIPE, close_fds=False, timeout=TIMEOUT_S, check=True
    ).stdout


async def _behind_walls(name: str, work: Path) -> bytes:
    engine = next(engine for engine in engines() if engine.name == name)
    async with engine.open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
        done = await box.run(["python3", *ARGUMENTS], timeout_s=TIMEOUT_S)
    assert done.exit_code == 0, done
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])
