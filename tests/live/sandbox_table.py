"""Prints the table of escape attempts on this machine, as the user who runs it.

`python tests/live/sandbox_table.py`: level 3 and level 2, each attempt with what it does without walls and in each
engine that stands here. Exit code 1 if one escaped or has no verdict.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

from sandbox_table import ERROR, ESCAPED, printed, rows


def main() -> int:
    """Print the table."""
    table = list(rows())
    print("\n".join(printed(table)))
    bad = [row for row in table if any(cell.startswith((ESCAPED, ERROR)) for cell in row.cells.values())]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
