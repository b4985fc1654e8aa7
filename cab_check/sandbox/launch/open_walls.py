"""Level 0: no walls at all, limits and clean-up only. Reached by nothing but `--unsafe-no-sandbox`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cab_check.sandbox.launch import payload
from cab_check.sandbox.launch.limits import Ceilings, apply_rlimits
from cab_check.sandbox.launch.payload import Command, Stdio


@dataclass
class OpenWalls:
    """What a command gets when there are no walls."""

    limits: Ceilings

    def enter(self) -> None:
        """There is nothing to build."""

    def spawn(self, command: Command, stdio: Stdio) -> int:
        """Start `command` as the user, in a session of its own; its pid."""
        launcher = os.getpid()

        def become() -> None:
            payload.die_with(launcher)
            os.setsid()
            payload.default_signals()
            apply_rlimits(self.limits, processes=None)
            payload.first_to_go()
            payload.execute(command)

        return payload.fork(stdio, become)
