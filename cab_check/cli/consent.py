"""Asked before the first task on this machine: who will run commands, where, and behind which walls.

The answer is remembered, but for a task without walls, which is asked about each time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cab_check.base.errors import Stopped
from cab_check.sandbox.box import Isolation

_NO_WALLS = "with your own rights: no walls stand between them and your files, your keys and the network."


def agreed(console: Console, model: str, isolation: Isolation, marker: Path | None) -> bool:
    """Whether the model may run commands here. Remembered in `marker`, so that it is asked once; None asks always.

    Without walls it is asked whatever `marker` holds, and not remembered.

    Raises Stopped on Ctrl-C at the prompt.
    """
    if isolation.level == 0:
        marker = None
    if marker is not None and marker.exists():
        return True
    where = _NO_WALLS if isolation.level == 0 else "in a scratch directory behind the walls above."
    console.print(Text(f"{model} will write commands, and cab-check will run them on this machine, {where}"))
    console.print(Text("Start? [y/N] "), end="")
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt as error:
        raise Stopped("Interrupted by Ctrl-C.") from error
    yes = answer.strip().casefold() in ("y", "yes")
    if yes and marker is not None:
        _remember(marker)
    return yes


def _remember(marker: Path) -> None:
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text("The question whether models may run commands here was answered with yes.\n")
    except OSError:
        return  # asked again next time: no reason to stop the job
