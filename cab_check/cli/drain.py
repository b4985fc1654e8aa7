"""What is left in standard output, written or given up, before the process ends."""

from __future__ import annotations

import os
import sys


def drain_stdout() -> None:
    """Write out what is still buffered. Where that cannot be, drop it: Python's own attempt at exit would change the
    exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
