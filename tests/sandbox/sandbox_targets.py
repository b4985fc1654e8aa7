"""What the attempts aim at: files, programs, sockets and kernel objects of the host, and whether they were hit."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import pty
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox_attempts_network import STAND_INS
from sandbox_attempts_processes import SIGNALS

import cab_check
from cab_check.sandbox import scratch

_VICTIM = """
import ctypes, signal, sys
held = ctypes.create_string_buffer(b"01234567")
also = ctypes.create_string_buffer(b"01234567")
def note(number, frame):
    with open(sys.argv[2], "a") as hits:
        hits.write(f"{number} ")
for number in range(signal.SIGRTMIN + 1, signal.SIGRTMIN + 10):
    signal.signal(number, note)
print(ctypes.addressof(held), ctypes.addressof(also), flush=True)
sys.stdin.read()
"""
_LIBC = ctypes.CDLL(None, use_errno=True)
_IPC_CREAT, _IPC_RMID, _ACCESS = 0o1000, 0, 0o600


@dataclass
class Outside:
    """`facts` are what the attempts are told; `traces` tell, by attempt, whether the host sees that it worked."""

    key: str
    facts: dict[str, Any]
    host_decides: set[str] = field(default_factory=set)
    traces: dict[str, Callable[[], bool]] = field(default_factory=dict)

    @property
    def seen(self) -> set[str]:
        """Attempts that left a trace on the host, whatever they said themselves."""
        if not hasattr(self, "_seen"):
            self._seen = {name for name, trace in self.traces.items() if trace()}
        return self._seen

    def decides(self, name: str, trace: Callable[[], bool]) -> None:
        """Only the host can tell whether attempt `name` worked."""
        self.traces[name] = trace
        self.host_decides.add(name)


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    """Everything the attempts are aimed at, for the length of the block."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch.directory("outside"))
        home = folder / "h"
        home.mkdir()
        token = secrets.token_hex(12)
        key = f"cabkey-{secrets.token_hex(12)}"
        world = Outside(
            key, {"token": token, "outside": str(folder), "scratch_of_home": str(folder), "home": str(home)}
        )
        world.facts |= {"key_digest": hashlib.sha256(key.encode()).hexdigest(), "key_file": str(home / "key")}
        (home / "key").write_text(key)
        _files(stack, world, home)
        _places(stack, world)
        _programs(stack, world, home)
        _terminal(stack, world)
        _kernel_objects(stack, world)
        _internet_sockets(stack, world)
        _unix_sockets(stack, world, home)
        _client(stack, world)
        yield world


def _files(stack: contextlib.ExitStack, world: Outside, home: Path) -> None:
    token, facts = world.facts["token"], world.facts
    names = ("appendable", "truncatable", "emptiable", "removable", "movable", "chmodable", "exchangeable", "marked")
    for name in (*names, "secret"):
        facts[name] = str(home / name)
        (home / name).write_text(token if name == "secret" else "full")
    with contextlib.suppress(OSError):  # not every file system has them
        os.setxattr(facts["marked"], "user.cab", b"x")
    for name in ("link", "tool", "elf", "pipe", "emptied"):
        facts[name] = str(home / name)
    (home / "link").symlink_to("private-target")
    (home / "tool").write_text(f"#!/bin/sh\necho {token}\n")
    (home / "tool").chmod(0o755)
    shutil.copyfile("/bin/true", home / "elf")
    (home / "emptied").mkdir()
    os.mkfifo(home / "pipe")
    stack.callback(os.close, os.open(home / "pipe", os.O_RDWR | os.O_NONBLOCK))  # somebody who reads it

    def full(name: str) -> bool:
        return Path(facts[name]).exists() and Path(facts[name]).read_text() == "full"

    world.traces |= {
        "write_outside": (home / "written").exists,
        "append_outside": lambda: not full("appendable"),
        "truncate_outside": lambda: not full("truncatable"),
        "open_truncating_outside": lambda: not full("emptiable"),
        "unlink_outside": lambda: not Path(facts["removable"]).exists(),
        "rename_out": (home / "moved-out").exists,
        "rename_in": lambda: not Path(facts["movable"]).exists(),
        "exchange_outside": lambda: not full("exchangeable"),
        "write_through_symlink": (home / "through").exists,
        "make_folder_outside": (home / "made").exists,
        "pipe_outside": (home / "made-pipe").exists,
        "link_outside": (home / "made-link").is_symlink,
        "remove_folder_outside": lambda: not (home / "emptied").exists(),
        "chmod_outside": lambda: Path(facts["chmodable"]).stat().st_mode & 0o777 == 0o777,
        "utime_outside": lambda: Path(facts["chmodable"]).stat().st_mtime == 1,
    }


def _places(stack: contextlib.ExitStack, world: Outside) -> None:
    token = world.facts["token"]
    world.facts["package"] = str(Path(cab_check.__file__).parent)
    written = {
        "write_shared_memory_folder": Path("/dev/shm", token),
        "write_host_tmp": Path("/tmp", token),
        "write_package": Path(world.facts["package"], token),
    }
    for name, path in written.items():
        world.decides(name, path.exists)
        stack.callback(path.unlink, missing_ok=True)
    stack.callback((scratch.base() / token).unlink, missing_ok=True)  # of write_beside_work
    shared = Path("/dev/shm", f"cab-{token[:8]}")
    shared.write_text(token)
    stack.callback(shared.unlink)
    world.facts["posix_shm"] = str(shared)


def _programs(stack: contextlib.ExitStack, world: Outside, home: Path) -> None:
    token, facts = world.facts["token"], world.facts
    facts["mark"] = f"victim-{token[:8]}"
    hits = home.parent / "hits"
    hits.touch()

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"SOME_API_KEY": token},
            cwd=home,
            start_new_session=True,
        )
        stack.callback(program.communicate)
        stack.callback(program.kill)
        return program

    victim = start(sys.executable, "-I", "-S", "-c", _VICTIM, facts["mark"], str(hits))
    assert victim.stdout is not None
    facts["address"], facts["address_2"] = map(int, victim.stdout.readline().split())
    facts["victim"] = victim.pid
    mortal, stoppable, attachable = (start("/bin/cat") for _ in range(3))
    facts |= {"mortal": mortal.pid, "stoppable": stoppable.pid, "attachable": attachable.pid}
    for name, number in SIGNALS.items():
        world.decides(name, lambda number=number: str(int(number)) in hits.read_text().split())  # type: ignore[misc]
    world.decides("kill_process", lambda: mortal.poll() is not None)
    world.decides("stop_process", lambda: ") T " in Path(f"/proc/{stoppable.pid}/stat").read_text())


def _terminal(stack: contextlib.ExitStack, world: Outside) -> None:
    master, slave = pty.openpty()
    stack.callback(os.close, master)
    stack.callback(os.close, slave)
    world.facts["terminal"] = os.ttyname(slave)
    os.set_blocking(master, False)

    def shown() -> bool:
        with contextlib.suppress(BlockingIOError):
            return world.facts["token"].encode() in os.read(master, 1 << 16)
        return False

    world.decides("write_to_terminal", shown)


def _kernel_objects(stack: contextlib.ExitStack, world: Outside) -> None:
    """System V and POSIX objects, and a key in the user's keyring."""
    facts, token = world.facts, world.facts["token"]
    facts["shm_key"] = secrets.randbelow(1 << 30) + 1
    for name, key in (("shm_id", facts["shm_key"]), ("shm_id_2", 0)):
        facts[name] = _LIBC.shmget(key, 16, _IPC_CREAT | _ACCESS)
        stack.callback(_LIBC.shmctl, facts[name], _IPC_RMID, None)
    for name in ("queue_id", "queue_id_2"):
        facts[name] = _LIBC.msgget(0, _IPC_CREAT | _ACCESS)
        stack.callback(_LIBC.msgctl, facts[name], _IPC_RMID, None)
    _LIBC.msgsnd(facts["queue_id"], ctypes.create_string_buffer(b"\1" + bytes(7) + b"private", 15), 7, 0)
    facts["semaphore_id"] = _LIBC.semget(0, 1, _IPC_CREAT | _ACCESS)
    stack.callback(_LIBC.semctl, facts["semaphore_id"], 0, _IPC_RMID)
    realtime = ctypes.CDLL("librt.so.1")
    for name in ("posix_queue", "posix_queue_2"):
        facts[name] = f"cab-{name}-{token[:8]}"
        path = f"/{facts[name]}".encode()
        small = ctypes.create_string_buffer(struct.pack("4l", 0, 1, 16, 0), 64)  # they count against a user's limit
        assert realtime.mq_open(path, os.O_CREAT | os.O_RDWR, _ACCESS, small) >= 0, "no message queue can be made"
        stack.callback(realtime.mq_unlink, path)
    if os.uname().machine == "x86_64":
        add, control = 248, 250
    else:
        add, control = 217, 219
    user_keyring, everything_for_user, set_permissions, unlink = -4, 0x3F3F0000, 5, 9
    key = _LIBC.syscall(add, b"user", token.encode(), token.encode(), len(token), user_keyring)
    _LIBC.syscall(control, set_permissions, key, everything_for_user)
    stack.callback(_LIBC.syscall, control, unlink, key, user_keyring)


def _listener(stack: contextlib.ExitStack, family: int, address: Any, kind: int, protocol: int = 0) -> socket.socket:
    handle = stack.enter_context(socket.socket(family, kind, protocol))
    handle.bind(address)
    if kind != socket.SOCK_DGRAM:
        handle.listen()
    return handle


def _internet_sockets(stack: contextlib.ExitStack, world: Outside) -> None:
    facts, stream, datagrams = world.facts, socket.SOCK_STREAM, socket.SOCK_DGRAM
    facts["tcp4"] = _listener(stack, socket.AF_INET, ("127.0.0.1", 0), stream).getsockname()[1]
    facts["tcp6"] = _listener(stack, socket.AF_INET6, ("::1", 0), stream).getsockname()[1]
    facts["tcp_any"] = _listener(stack, socket.AF_INET, ("0.0.0.0", 0), stream).getsockname()[1]
    facts["host_address"] = _address_of_host()

    def arrives(name: str, family: int, address: Any, protocol: int = 0) -> None:
        try:
            handle = _listener(stack, family, address, datagrams, protocol)
        except OSError:  # a kernel without it: nothing can arrive either
            facts[name] = 1
            return
        handle.setblocking(False)
        facts[name] = handle.getsockname()[1]
        world.decides(name, lambda: _received(handle))

    arrives("udp", socket.AF_INET, ("127.0.0.1", 0))
    arrives("udp_v6", socket.AF_INET6, ("::1", 0))
    arrives("udp_broadcast", socket.AF_INET, ("0.0.0.0", 0))
    arrives("udp_lite", socket.AF_INET, ("127.0.0.1", 0), 136)


def _received(handle: socket.socket) -> bool:
    try:
        return bool(handle.recv(100))
    except BlockingIOError:
        return False


def _address_of_host() -> str:
    """An address of this machine that is not loopback, or "" if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, contextlib.suppress(OSError):
        client.connect(("198.51.100.1", 9))  # sends nothing: it only chooses where it would send from
        return str(client.getsockname()[0])
    return ""


def _unix_sockets(stack: contextlib.ExitStack, world: Outside, home: Path) -> None:
    facts, token = world.facts, world.facts["token"]
    names = {"abstract": f"cab-{token}", "abstract_datagram": f"cab-d-{token}", "x11_abstract": f"cab-x11-{token}"}
    facts |= {**names, "unix": str(home / "s"), "unix_datagram": str(home / "d"), "unix_packets": str(home / "p")}
    with contextlib.chdir(home):  # a path of a socket has at most 107 bytes
        _listener(stack, socket.AF_UNIX, "s", socket.SOCK_STREAM)
        _listener(stack, socket.AF_UNIX, "d", socket.SOCK_DGRAM)
        _listener(stack, socket.AF_UNIX, "p", socket.SOCK_SEQPACKET)
        for name in ("abstract", "x11_abstract"):
            _listener(stack, socket.AF_UNIX, "\0" + facts[name], socket.SOCK_STREAM)
        _listener(stack, socket.AF_UNIX, "\0" + facts["abstract_datagram"], socket.SOCK_DGRAM)
        for name in STAND_INS:
            facts[name] = str(home / f"i-{name[:4]}")
            _serve(stack, f"i-{name[:4]}", lambda client: client.sendall(token.encode()))
        facts["hander"] = str(home / "i-hand")
        secret = os.open("secret", os.O_RDONLY)
        stack.callback(os.close, secret)
        _serve(stack, "i-hand", lambda client: socket.send_fds(client, [b"x"], [secret]))


def _serve(stack: contextlib.ExitStack, path: str, answer: Callable[[socket.socket], object]) -> None:
    """A program of the user that answers whoever connects."""
    listener = _listener(stack, socket.AF_UNIX, path, socket.SOCK_STREAM)

    def loop() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                answer(client)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    stack.callback(thread.join, 5)
    stack.callback(listener.shutdown, socket.SHUT_RDWR)


def _client(stack: contextlib.ExitStack, world: Outside) -> None:
    """Something on the host that tries to reach a port on which only an attempt listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world.facts["served"] = port
    reached, over = threading.Event(), threading.Event()

    def loop() -> None:
        while not over.wait(0.05) and not reached.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                reached.set()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    stack.callback(thread.join, 5)
    stack.callback(over.set)
    world.decides("serve_the_host", reached.is_set)
