"""The launcher's look at its own cgroup: whether the limits are in force there, and whether one was broken."""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH123
from __future__ import annotations

import os
from collections.abc import Mapping


class Cgroup:
    """Limits of the kernel on the launcher and all below it. Opened before the walls, behind which it is not seen."""

    def __init__(self, folder: str) -> None:
        self._events = os.open(f"{folder}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
        self._at_begin = self._kills()

    def begin(self) -> None:
        """A new command starts."""
        self._at_begin = self._kills()

    def killed(self) -> bool:
        """Whether the kernel has ended a process of this command for its memory."""
        return self._kills() > self._at_begin

    def _kills(self) -> int:
        words = os.pread(self._events, 4096, 0).split()
        return dict(zip(words[::2], map(int, words[1::2]), strict=False)).get(b"oom_kill", 0)


def find(settings: Mapping[str, str] | None) -> Cgroup | None:
    """The cgroup that cab-check meant this process to be in, if it is in it and both limits are set; else None."""
    if settings is None:
        return None
    try:
        folder = settings["folder"] or settings["mount"] + _own_path()
        with open(f"{folder}/cgroup.procs", "rb") as members:
            if os.getpid() not in map(int, members.read().split()):
                return None
        for name in ("memory.max", "pids.max"):
            with open(f"{folder}/{name}", "rb") as limit:
                if not limit.read().strip().isdigit():  # "max": none
                    return None
        return Cgroup(folder)
    except OSError:
        return None


def _own_path() -> str:
    with open("/proc/self/cgroup", "rb") as lines:
        for line in lines:
            if line.startswith(b"0::"):
                return os.fsdecode(line[3:].strip())
    return "/"
