"""Level 3: own user, mount, network, ipc, uts and cgroup namespaces for the box; own pid and ipc ones for each command.

The launcher itself moves into the box's namespaces and keeps all rights in them; each command is the child of a
pid 1 of its own, which the kernel takes down with everything in it. Order of steps: user_namespaces(7),
pid_namespaces(7), pivot_root(2), mount_setattr(2).
"""

# no pathlib here: the launcher starts with every box
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH120, PTH211
from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cab_check.sandbox.launch import payload, seccomp, syscalls
from cab_check.sandbox.launch.limits import Ceilings, apply_rlimits
from cab_check.sandbox.launch.payload import Command, Stdio

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_NOEXEC = 1, 2, 4, 8
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41

_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEV_LINKS = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"))
PROC_CLOSED = ("/proc/keys",)  # names what the user keeps in the kernel, whoever asks
_PROC_READ_ONLY = ("sys", "irq", "bus", "fs", "sysrq-trigger", "acpi", "scsi", "driver")


@dataclass
class Namespaces:
    """The walls of one box. `root` is an empty folder that the new root is mounted on."""

    root: str
    binds: Sequence[Mapping[str, Any]]
    links: Sequence[Sequence[str]]
    limits: Ceilings
    filter: bytes
    user: int | None

    def enter(self) -> None:
        """Build the walls around this process. Raises OSError naming the step that was refused."""
        namespaces = _NEWUSER | _NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWCGROUP
        if self.user is None:
            user, group = os.geteuid(), os.getegid()
            syscalls.call("unshare", namespaces)
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{user} {user} 1")
            _write("/proc/self/gid_map", f"{group} {group} 1")
        else:
            _unshare_with_two_users(namespaces, self.user)
        self._build_root()
        _loopback_up()
        syscalls.call("sethostname", b"sandbox", len(b"sandbox"))

    def spawn(self, command: Command, stdio: Stdio) -> int:
        """Start `command` under a new pid 1; the pid of a child that ends when it does."""
        launcher = os.getpid()

        def outer() -> None:
            payload.die_with(launcher)
            syscalls.call("unshare", _NEWPID | _NEWNS | _NEWIPC)
            here = os.getpid()
            inner = os.fork()
            if inner == 0:
                self._pid_one(command, here)
            os.waitpid(inner, 0)
            os._exit(0)

        return payload.fork(stdio, outer)

    def _pid_one(self, command: Command, outer: int) -> None:
        try:
            syscalls.prctl(payload.PR_SET_PDEATHSIG, signal.SIGKILL)
            if not os.path.exists(f"/proc/{outer}"):  # it ended before the line above
                os._exit(0)
            _own_proc()
            first = os.fork()
            if first == 0:
                self._become(command)
            for stream in range(payload.REPORT_FD):
                os.close(stream)
            syscalls.prctl(payload.PR_SET_DUMPABLE, 0)
            payload.say(_wait_for(first))
            os._exit(0)
        finally:
            payload.last_words()

    def _become(self, command: Command) -> None:
        try:
            os.setsid()
            payload.default_signals()
            apply_rlimits(self.limits, processes=self.limits["processes"])
            _write("/proc/self/oom_score_adj", "1000")
            payload.drop_bounding_set()
            if self.user is not None:
                payload.become_user(self.user)
            payload.clear_capabilities()
            syscalls.prctl(payload.PR_SET_NO_NEW_PRIVS, 1)
            seccomp.install(self.filter)
            payload.execute(command)
        finally:
            payload.last_words()

    def _build_root(self) -> None:
        _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
        _mount("tmpfs", self.root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=16m,nr_inodes=10k")
        for bind in self.binds:
            target = self.root + str(bind["target"])
            _mount_point(target, folder=os.path.isdir(str(bind["source"])))
            _mount(str(bind["source"]), target, None, _MS_BIND | _MS_REC)
            read_only = 0 if bind["writable"] else _ATTR_RDONLY
            _restrict(target, read_only | _ATTR_NOSUID | _ATTR_NODEV)
        for name, target in self.links:
            os.symlink(target, self.root + name)
        self._devices()
        os.mkdir(self.root + "/proc")
        # the host's, for the kernel lets a process namespace mount its own /proc only where one is in full view;
        # each command takes it away before it starts
        _mount("/proc", self.root + "/proc", None, _MS_BIND | _MS_REC)
        os.chdir(self.root)
        syscalls.call("pivot_root", b".", b".")
        syscalls.call("umount2", b".", _MNT_DETACH)
        os.chdir("/")
        _restrict("/", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, recursive=False)

    def _devices(self) -> None:
        folder = self.root + "/dev"
        os.mkdir(folder)
        for name in _DEVICES:
            _mount_point(f"{folder}/{name}", folder=False)
            _mount(f"/dev/{name}", f"{folder}/{name}", None, _MS_BIND)
            _restrict(f"{folder}/{name}", _ATTR_NOSUID | _ATTR_NOEXEC)
        for name, target in _DEV_LINKS:
            os.symlink(target, f"{folder}/{name}")
        os.mkdir(f"{folder}/shm")
        size = min(256 << 20, self.limits["memory_bytes"] // 4)
        options = f"mode=1777,size={size},nr_inodes=10k"
        _mount("tmpfs", f"{folder}/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, options)


def _unshare_with_two_users(namespaces: int, user: int) -> None:
    """As root: new namespaces that know root and `user`. Two ids take a right outside, so a child maps them."""
    launcher = os.getpid()
    ready, go = os.pipe()
    writer = os.fork()
    if writer == 0:
        try:
            os.close(go)
            if os.read(ready, 1):
                for name in ("gid_map", "uid_map"):
                    _write(f"/proc/{launcher}/{name}", f"0 0 1\n{user} {user} 1")
                os._exit(0)
        finally:
            os._exit(1)
    try:
        syscalls.call("unshare", namespaces)
        os.write(go, b"1")
    finally:
        os.close(go)
        os.close(ready)
        _, status = os.waitpid(writer, 0)
    if status != 0:
        raise OSError(errno.EPERM, "writing the map of user ids: not permitted")


def _own_proc() -> None:
    """Replace the launcher's /proc by one of this pid namespace, with the kernel's switches read-only."""
    context = syscalls.call("fsopen", b"proc", 0)
    create = 6
    syscalls.call("fsconfig", context, create, None, None, 0)
    mounted = syscalls.call("fsmount", context, 0, _ATTR_NOSUID | _ATTR_NODEV | _ATTR_NOEXEC)
    syscalls.call("umount2", b"/proc", _MNT_DETACH)
    from_empty_path = 4
    syscalls.call("move_mount", mounted, b"", _AT_FDCWD, b"/proc", from_empty_path)
    os.close(mounted)
    os.close(context)
    for name in _PROC_READ_ONLY:
        path = f"/proc/{name}"
        if os.path.exists(path):
            _mount(path, path, None, _MS_BIND | _MS_REC)
            _restrict(path, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV | _ATTR_NOEXEC)
    for path in PROC_CLOSED:
        if os.path.exists(path):
            _mount("/dev/null", path, None, _MS_BIND)


def _wait_for(first: int) -> str:
    """Reap everything until the command itself ends; how it did."""
    while True:
        pid, status = os.wait()
        if pid == first:
            code = os.waitstatus_to_exitcode(status)
            return f"exit {code}" if code >= 0 else f"signal {-code}"


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    plain = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    try:
        syscalls.call("mount", plain[0], plain[1], plain[2], flags, plain[3])
    except OSError as failure:
        raise OSError(failure.errno, f"mount {target}: {os.strerror(failure.errno or 0)}") from failure


def _restrict(path: str, attributes: int, *, recursive: bool = True) -> None:
    request = struct.pack("=QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    buffer = ctypes.create_string_buffer(request, len(request))
    syscalls.call("mount_setattr", _AT_FDCWD, os.fsencode(path), flags, buffer, len(request))


def _mount_point(path: str, *, folder: bool) -> None:
    """Make `path` to mount on. Inside something that is mounted read-only this fails with EROFS, as it should."""
    os.makedirs(path if folder else os.path.dirname(path), mode=0o755, exist_ok=True)
    if not folder and not os.path.lexists(path):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def _loopback_up() -> None:
    af_inet, sock_dgram = 2, 2
    handle = syscalls.call("socket", af_inet, sock_dgram, 0)
    try:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))
    finally:
        os.close(handle)


def _write(path: str, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        os.write(handle, text.encode())
        os.close(handle)
    except OSError as failure:
        raise OSError(failure.errno or errno.EIO, f"write {path}: {failure.strerror}") from failure
