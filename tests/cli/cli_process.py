"""The command line as a user has it: a process of its own, an environment of its own, an empty home."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

KEY = "sk-test-not-a-key-0123456789"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*arguments: str) -> list[str]:
    """The argument vector of one cab-check process."""
    return [sys.executable, "-m", "cab_check", *arguments]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a cab-check process of a test sees: nothing of the machine's own keys, endpoints and settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONWARNINGS": "error::ResourceWarning", **more}
