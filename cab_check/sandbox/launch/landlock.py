"""Level 2: Landlock rules and a system call filter around each command, for hosts that refuse user namespaces.

Numbers and layouts: include/uapi/linux/landlock.h; what each ABI adds: Documentation/userspace-api/landlock.rst.
"""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH110, PTH116, PTH208
from __future__ import annotations

import ctypes
import os
import stat
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cab_check.sandbox.launch import payload, seccomp, syscalls
from cab_check.sandbox.launch.limits import Ceilings, apply_rlimits
from cab_check.sandbox.launch.payload import Command, Stdio

OLDEST_ABI = 3  # kernel 6.2: the first that restricts truncate
_EXECUTE, _WRITE, _READ, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK, _TRUNCATE, _IOCTL_DEV = 1 << 6, 1 << 11, 1 << 14, 1 << 15
_RIGHTS_BY_ABI = ((9, (1 << 17) - 1), (5, (1 << 16) - 1), (3, (1 << 15) - 1))
_NET_TCP, _SCOPES = 0b11, 0b11
_OF_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE
_READ_ONLY = _EXECUTE | _READ | _READ_DIR
_PATH_BENEATH = 1
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# no process's folder: one cannot be told from another by a rule, and arguments of foreign ones may hold a key
_PROC = ("cpuinfo", "meminfo", "stat", "loadavg", "uptime", "version", "filesystems", "sys")
_RECOUNT_S = 5.0


def abi() -> int:
    """The version of Landlock that the kernel speaks. Raises OSError if it speaks none."""
    version = 1
    return syscalls.call("landlock_create_ruleset", None, 0, version)


@dataclass
class Landlock:
    """The walls of one box. `user` is the id that root becomes first; None for an ordinary user, who stays."""

    binds: Sequence[Mapping[str, Any]]
    limits: Ceilings
    filter: bytes
    user: int | None
    _rules: int = -1
    _counted: tuple[float, int] = field(default=(-_RECOUNT_S, 0))

    def enter(self) -> None:
        """Make the ruleset that every command will be put under. Raises OSError if the kernel has none."""
        version = abi()
        if version < OLDEST_ABI:
            raise OSError(0, f"Landlock ABI {version} does not restrict truncate; {OLDEST_ABI} (kernel 6.2) is needed")
        handled = next(rights for least, rights in _RIGHTS_BY_ABI if version >= least)
        attributes = struct.pack("=QQQ", handled, _NET_TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
        size = 24 if version >= 6 else 16 if version >= 4 else 8
        self._rules = syscalls.call("landlock_create_ruleset", ctypes.create_string_buffer(attributes, 24), size, 0)
        os.set_inheritable(self._rules, False)
        everything = handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
        for bind in self.binds:
            rights = everything if bind["writable"] else _READ_DIR if bind["names_only"] else _READ_ONLY
            self._allow(str(bind["source"]), rights)
        for name in _PROC:
            if os.path.exists(f"/proc/{name}"):
                self._allow(f"/proc/{name}", _READ | _READ_DIR)
        for device in _DEVICES:
            self._allow(device, _READ | _WRITE)

    def spawn(self, command: Command, stdio: Stdio) -> int:
        """Start `command`; its pid. Its orphans come back to this process, which ends them."""
        launcher = os.getpid()
        ceiling = self.limits["processes"] + (0 if self.user is not None else self._others())

        def become() -> None:
            os.setsid()
            payload.default_signals()
            apply_rlimits(self.limits, processes=ceiling)
            payload.first_to_go()
            if self.user is not None:
                payload.drop_bounding_set()
                payload.become_user(self.user)
            payload.clear_capabilities()
            payload.die_with(launcher)
            syscalls.prctl(payload.PR_SET_NO_NEW_PRIVS, 1)
            syscalls.call("landlock_restrict_self", payload.KEPT_FD, 0)
            seccomp.install(self.filter)
            payload.execute(command)

        return payload.fork(stdio, become, keep=(self._rules,))

    def _allow(self, path: str, rights: int) -> None:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(handle).st_mode):
                rights &= _OF_A_FILE
            rule = struct.pack("=Qi", rights, handle)
            syscalls.call(
                "landlock_add_rule", self._rules, _PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0
            )
        finally:
            os.close(handle)

    def _others(self) -> int:
        """Threads of this user on the whole machine: RLIMIT_NPROC counts them too where there is no namespace."""
        counted, threads = self._counted
        now = time.monotonic()
        if now - counted > _RECOUNT_S:
            threads = _threads_of(os.getuid())
            self._counted = (now, threads)
        return threads


def _threads_of(user: int) -> int:
    threads = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    threads += len(os.listdir(f"/proc/{name}/task"))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return threads
