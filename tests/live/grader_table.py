"""Prints what the attacks on the grader come to on this machine: in a naive harness, and in the real one.

`python tests/live/grader_table.py [NAME ...]`. Exit code 1 if a failing solution passed that must not.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "run"))

from run_attacks import Attack, naive
from run_attacks_again import EVERY_ATTACK
from test_run_attacks import tried

from cab_check.base.errors import CannotRun
from cab_check.run.ready import Ready, ready


def machine(attack: Attack) -> Ready | None:
    """What the task of the attack needs, or None where this machine has it not."""
    try:
        return asyncio.run(ready(attack.task))
    except CannotRun:
        return None


def main(wanted: list[str]) -> int:
    """Print the table."""
    machines: dict[str, Ready | None] = {}
    bad = False
    print(f"{'task':<8}{'attack':<32}{'naive harness':<16}cab-check")
    for attack in EVERY_ATTACK:
        if wanted and attack.name not in wanted:
            continue
        kind = attack.task.id.rpartition("/")[2].partition("-")[0]
        if attack.task.id not in machines:
            machines[attack.task.id] = machine(attack)
        here = machines[attack.task.id]
        if here is None:
            print(f"{kind:<8}{attack.name:<32}{naive(attack):<16}not run: no sandbox or toolchain here", flush=True)
            continue
        grade = tried(attack, here).grade
        outcome = "PASSED" if grade.passed else "void" if grade.integrity_broken else "failed"
        if grade.passed and attack.open is not None:
            outcome = f"passed by design: {attack.open}"
        bad |= grade.passed and attack.open is None
        print(f"{kind:<8}{attack.name:<32}{naive(attack).partition(':')[0]:<16}{outcome}; {grade.reason}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
