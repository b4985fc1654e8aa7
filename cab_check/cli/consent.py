"""Asked once, before the first task on this machine: who will run commands, where, and behind which walls."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cab_check.base.errors import Stopped
from cab_check.sandbox.box import Isolation


def wall_lines(isolation: Isolation) -> list[str]:
    """What stands and what does not, as it is printed before anything runs."""
    version = f" {isolation.engine_version}" if isolation.engine_version else ""
    walls = "; ".join(f"{name}: {wall}" for name, wall in isolation.walls.items())
    lines = [f"sandbox: level {isolation.level} ({isolation.engine}{version})  {walls}"]
    if isolation.gaps:
        lines.append("not walled off: " + "; ".join(isolation.gaps))
    return lines


def agreed(console: Console, model: str, isolation: Isolation, marker: Path | None) -> bool:
    """Whether the model may run commands here. Remembered in `marker`, so that it is asked once; None asks always.

    Raises Stopped on Ctrl-C at the prompt.
    """
    if marker is not None and marker.exists():
        return True
    console.print(
        Text(
            f"{model} will write commands, and cab-check will run them on this machine, in a scratch directory "
            "behind the walls above."
        )
    )
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
