"""Prints the table of escape attempts on this machine, as the user who runs it.

`python tests/live/sandbox_table.py`: level 3 and level 2, each attempt with what it does without walls and in each
engine that stands here; then what uses up the machine or outlives its command, which takes minutes (`--quick` leaves
it out). Exit code 1 if one escaped or has no verdict.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

from sandbox_exhaustion import OUTLIVING, gets_through, outcome, outlives, outlives_without_walls
from sandbox_exhaustion_hidden import EVERY_EXHAUSTION
from sandbox_table import ERROR, ESCAPED, printed, rows, walls_here


def main() -> int:
    """Print the table."""
    table = list(rows())
    print("\n".join(printed(table)))
    bad = any(cell.startswith((ESCAPED, ERROR)) for row in table for cell in row.cells.values())
    if "--quick" not in sys.argv:
        bad |= _one_by_one()
    return 1 if bad else 0


def _one_by_one() -> bool:
    """The attempts that are commands of their own, printed as they are made; whether one was not held."""
    names = list(walls_here())
    print("\n" + _line("uses up or outlives", "without walls", names))
    bad = False
    for case in EVERY_EXHAUSTION:
        found = [outcome(case, name)[0] for name in names]
        print(_line(case.name, "gets through" if gets_through(case)[0] else "no control", found), flush=True)
        bad |= set(found) != {"held"}
    for attempt in OUTLIVING:
        found = [ESCAPED if outlives(attempt, name)[0] else "held" for name in names]
        print(_line(attempt, "gets through" if outlives_without_walls(attempt) else "no control", found), flush=True)
        bad |= set(found) != {"held"}
    return bad


def _line(attempt: str, control: str, cells: list[str]) -> str:
    return "  ".join([f"  {attempt:<32}", f"{control:<16}", *(f"{cell:<16}" for cell in cells)]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
