"""The launcher: `python -I -S` with a clean environment, one for each open box.

It never holds a key, an environment or a descriptor of cab-check: it is executed, not forked from it. It ends,
with everything that it started, when its standard input ends or cab-check dies.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import warnings
from typing import Any

from cab_check.sandbox.launch import cgroup, payload, reap, seccomp, syscalls
from cab_check.sandbox.launch.bwrap import Bubblewrap
from cab_check.sandbox.launch.channel import Channel, Closed
from cab_check.sandbox.launch.feed import Feed
from cab_check.sandbox.launch.landlock import Landlock
from cab_check.sandbox.launch.limits import Watchdog
from cab_check.sandbox.launch.namespaces import Namespaces
from cab_check.sandbox.launch.open_walls import OpenWalls
from cab_check.sandbox.launch.supervise import Running, Walls, WallsFell

PRELOADED = (warnings,)  # os.execvpe imports it in its body

# where the kernel ends everything with the launcher, it may end the launcher; elsewhere it must live to clean up
_KERNEL_ENDS = ("namespaces", "bwrap")
# generations of our own processes above a command: a waiter and a pid 1; bubblewrap's pid 1 is dumpable, so not counted
_ABOVE = {"namespaces": 2, "bwrap": 1}


def main() -> None:
    """Serve one box until cab-check closes it."""
    _no_more_imports()
    channel = Channel(_keep(0), _keep(1))
    _streams_to_null()
    try:
        config = channel.wait()
        _settle(int(config["parent"]))
        walls = _build(config)
        group = cgroup.find(config["cgroup"])
        try:
            walls.enter()
            if config["walls"] in _KERNEL_ENDS:
                payload.die_with(int(config["parent"]))
        except OSError as failure:
            channel.send(b"X", str(failure.strerror or failure).encode())
            return
        channel.send(b"R", json.dumps({"cgroup": group is not None}).encode())
        watchdog = Watchdog(config["limits"], config["counted"], group, above=_ABOVE.get(config["walls"], 0))
        while True:
            _serve(channel.wait(), channel, walls, config, watchdog)
    except Closed:
        return
    finally:
        reap.sweep()


def _serve(message: dict[str, Any], channel: Channel, walls: Walls, config: dict[str, Any], watchdog: Watchdog) -> None:
    if "argv" not in message:  # a cancel or input that came after the command had ended
        return
    running = Running(
        walls,
        channel,
        config["limits"],
        watchdog,
        timeout_s=message["timeout_s"],
        feed=Feed(base64.b64decode(message["stdin"]), more=message["more"]),
    )
    try:
        outcome = running.run(payload.Command(message["argv"], message["cwd"], message["env"]))
    except WallsFell as failure:
        channel.send(b"X", str(failure).encode())
        return
    channel.send(b"D", json.dumps(outcome).encode())


def _build(config: dict[str, Any]) -> Walls:
    machine = os.uname().machine
    limits, binds = config["limits"], config["binds"]
    kind = config["walls"]
    if kind == "namespaces":
        program = seccomp.assemble(seccomp.NAMESPACES, machine)
        return Namespaces(config["root"], binds, config["links"], limits, program, config["user"])
    if kind == "bwrap":
        program = seccomp.assemble(seccomp.NAMESPACES, machine)
        return Bubblewrap(config["program"], binds, config["links"], limits, program)
    if kind == "landlock":
        program = seccomp.assemble(seccomp.LANDLOCK, machine)
        return Landlock(binds, limits, program, config["user"])
    return OpenWalls(limits)


def _settle(parent: int) -> None:
    """Become the one to whom orphans come back, and undo what Python does to signals."""
    payload.default_signals()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    syscalls.prctl(payload.PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != parent:
        raise Closed


def _no_more_imports() -> None:
    """Whatever is imported later would come from paths that, seen from behind the walls, a command may have written."""
    sys.path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def _keep(stream: int) -> int:
    """A copy of a standard stream, closed in every program that is executed."""
    return os.dup(stream)


def _streams_to_null() -> None:
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for stream in (0, 1):
        os.dup2(null, stream)
    os.close(null)


if __name__ == "__main__":
    main()
