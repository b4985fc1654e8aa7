"""A cgroup for each box where version 2 is delegated to this user: hard limits for the whole tree.

Two ways to one: a transient scope of the systemd user manager, which delegates memory and pids to it by default, or a
folder made in a cgroup that this user may write to (Documentation/admin-guide/cgroup-v2.rst, "Delegation"). Whether
the limits are in force is asked of the kernel by the launcher, from inside the cgroup; see launch/cgroup.py.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cab_check.sandbox.box import Limits

_NEEDED = {"memory", "pids"}
_NAME = "cab-check-"
_OWN_MEMORY = 32 << 20  # the launcher is in the cgroup too
_OWN_PROCESSES = 8
_REMOVE_S = 1.0
_SYSTEMD_RUN = (Path("/usr/bin/systemd-run"), Path("/bin/systemd-run"))


@dataclass(frozen=True, slots=True)
class Host:
    """What of the machine decides whether there is a cgroup to be had."""

    proc: Path = Path("/proc/self")
    runtime: Path | None = None  # XDG_RUNTIME_DIR, where the user manager listens
    systemd_run: Path | None = None

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> Host:
        """This machine, for this user."""
        runtime = environ.get("XDG_RUNTIME_DIR")
        program = next((path for path in _SYSTEMD_RUN if path.exists()), None)
        return cls(runtime=Path(runtime) if runtime else None, systemd_run=program)


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup for one launcher: how it is started in it, or where it is put. `mount` is where version 2 is mounted."""

    mount: Path
    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None  # for the prefix alone
    folder: Path | None = None

    def take(self, pid: int) -> None:
        """Put the launcher in, before it has been told anything. Raises OSError."""
        if self.folder is not None:
            (self.folder / "cgroup.procs").write_text(str(pid))

    def settings(self) -> dict[str, str]:
        """What the launcher needs in order to find itself in the cgroup."""
        return {"mount": str(self.mount), "folder": str(self.folder or "")}


def place(host: Host) -> Path | str:
    """The folder in which this user can make a cgroup with both limits, or the reason why there is none."""
    mount = mounted(host.proc)
    if mount is None:
        return "cgroup version 2 is not mounted"
    if not _words(mount / "cgroup.controllers") >= _NEEDED:
        return "the memory and pids controllers are not on cgroup version 2 here"
    own = mount / own_path(host.proc)
    for folder in own.parents:
        if folder != mount and mount not in folder.parents:
            break
        if _writable(folder) and _words(folder / "cgroup.subtree_control") >= _NEEDED:
            return folder
    return "no cgroup above this process is delegated to this user with memory and pids"


@contextmanager
def group_for(limits: Limits, host: Host | None = None) -> Iterator[Group | None]:
    """A cgroup with the ceilings of `limits` for the length of the block, or None where there is none to be had."""
    host = host or Host.here()
    memory, processes = limits.memory_bytes + _OWN_MEMORY, limits.processes + _OWN_PROCESSES
    scope = _scope(host, memory, processes)
    if scope is not None:
        yield scope
        return
    parent = place(host)
    mount = mounted(host.proc)
    if isinstance(parent, str) or mount is None:
        yield None
        return
    clean_stale(parent)
    folder = parent / f"{_NAME}{os.getpid()}-{secrets.token_hex(6)}"
    try:
        make(folder)
        ceilings = {"memory.max": memory, "memory.swap.max": 0, "pids.max": processes}
        for name, value in ceilings.items():
            if (folder / name).exists():  # there is no swap accounting without swap
                (folder / name).write_text(str(value))
    except OSError:
        remove(folder)
        yield None
        return
    try:
        yield Group(mount, folder=folder)
    finally:
        remove(folder)


def make(folder: Path) -> None:
    """Make a cgroup. The kernel puts its files there."""
    folder.mkdir()


def remove(folder: Path) -> None:
    """End whatever is left in a cgroup, and take it away. One that cannot be taken away stays, empty."""
    end = time.monotonic() + _REMOVE_S
    while folder.exists():
        with suppress(OSError):
            (folder / "cgroup.kill").write_text("1")
        with suppress(OSError):
            folder.rmdir()
        if time.monotonic() > end:
            return


def clean_stale(parent: Path) -> None:
    """Take away the cgroups of cab-check processes that are dead, with what lives on in them."""
    for folder in parent.glob(f"{_NAME}*-*"):
        owner = folder.name.removeprefix(_NAME).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            remove(folder)


def why_not(host: Host | None = None) -> str | None:
    """Why no cgroup can be had here, for `doctor`; None if one might."""
    host = host or Host.here()
    if _scope(host, 1, 1) is not None:
        return None
    found = place(host)
    if not isinstance(found, str):
        return None
    return f"{found}, and there is no systemd user manager to ask"


def mounted(proc: Path) -> Path | None:
    """Where cgroup version 2 is mounted (proc(5), mountinfo)."""
    for line in _lines(proc / "mountinfo"):
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup2 "):
            return Path(left.split()[4])
    return None


def own_path(proc: Path) -> str:
    """The cgroup that the process of `proc` is in, relative to the mount (cgroups(7))."""
    return next((line[3:].lstrip("/") for line in _lines(proc / "cgroup") if line.startswith("0::")), "")


def _scope(host: Host, memory: int, processes: int) -> Group | None:
    """A transient scope of the user manager. `env -i` behind it: what systemd-run needs to know is not passed on."""
    mount = mounted(host.proc)
    if host.systemd_run is None or host.runtime is None or mount is None:
        return None
    if not (host.runtime / "systemd/private").exists() or not _words(mount / "cgroup.controllers") >= _NEEDED:
        return None
    limits = (f"MemoryMax={memory}", "MemorySwapMax=0", f"TasksMax={processes}", "OOMPolicy=continue")
    prefix = [str(host.systemd_run), "--user", "--scope", "--quiet", "--collect"]
    prefix += [word for limit in limits for word in ("--property", limit)]
    prefix += ["--", "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"]
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": str(host.runtime)}
    return Group(mount, prefix=tuple(prefix), env=env)


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)


def _words(path: Path) -> set[str]:
    return {word for line in _lines(path) for word in line.split()}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
