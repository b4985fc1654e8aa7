"""The outside of the escape attempts: things that must not be reached, and a look at whether they were."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cab_check
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Engine, Isolation, Mount, Plan
from cab_check.sandbox.choose import engines, survey
from cab_check.sandbox.toolchains import find

PAYLOAD = (*Path(__file__).parent.glob("sandbox_attempt*.py"), Path(__file__).with_name("sandbox_payload.py"))
ENGINE_NAMES = tuple(engine.name for engine in engines())

_VICTIM = (
    "import ctypes, sys; held = ctypes.create_string_buffer(b'01234567'); "
    "print(ctypes.addressof(held), flush=True); sys.stdin.read()"
)
_IPC_CREAT, _IPC_RMID = 0o1000, 0


@functools.cache
def standing() -> dict[str, Isolation | str]:
    """Every engine: its walls, or the reason why it does not stand on this machine."""
    return dict(asyncio.run(survey()))


def engine(name: str) -> Engine:
    """The engine called `name`."""
    return next(found for found in engines() if found.name == name)


@dataclass
class Outside:
    """What is outside, and what of it was touched."""

    facts: dict[str, Any]
    udp: socket.socket
    home: Path

    def touched(self) -> set[str]:
        """Names of the attempts that left a trace on the host, whatever they said themselves."""
        traces = {
            "write_outside": (self.home / "written").exists(),
            "append_outside": Path(self.facts["appendable"]).read_text() != "full",
            "truncate_outside": Path(self.facts["truncatable"]).read_text() != "full",
            "open_truncating_outside": Path(self.facts["emptiable"]).read_text() != "full",
            "unlink_outside": not Path(self.facts["removable"]).exists(),
            "rename_out": (self.home / "moved-out").exists(),
            "rename_in": not Path(self.facts["movable"]).exists(),
            "write_through_symlink": (self.home / "through").exists(),
            "make_folder_outside": (self.home / "made").exists(),
            "chmod_outside": Path(self.facts["chmodable"]).stat().st_mode & 0o777 == 0o777,
            "utime_outside": Path(self.facts["chmodable"]).stat().st_mtime == 1,
            "write_shared_memory_folder": Path("/dev/shm", self.facts["token"]).exists(),
            "write_host_tmp": Path("/tmp", self.facts["token"]).exists(),
            "udp": self._arrived(),
        }
        return {name for name, done in traces.items() if done}

    def _arrived(self) -> bool:
        try:
            return bool(self.udp.recv(100))
        except BlockingIOError:
            return False


HOST_DECIDES = frozenset({"write_shared_memory_folder", "write_host_tmp", "udp"})


@contextlib.contextmanager
def outside(probes: list[str]) -> Iterator[Outside]:
    """Everything the attempts are aimed at, for the length of the block."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch.directory("outside"))
        home = folder / "h"
        home.mkdir()
        token = secrets.token_hex(12)
        facts: dict[str, Any] = {"token": token, "mark": f"victim-{token[:8]}", "home": str(home), "probes": probes}
        for name in ("appendable", "truncatable", "emptiable", "removable", "movable", "chmodable", "secret"):
            facts[name] = str(home / name)
            (home / name).write_text(token if name == "secret" else "full")
        facts |= _victim(stack, facts["mark"], token, home)
        facts["shm_key"] = _shared_segment(stack)
        facts["package"] = str(Path(cab_check.__file__).parent)
        udp = _sockets(stack, facts, home)
        stack.callback(lambda: [Path(place, token).unlink(missing_ok=True) for place in ("/tmp", "/dev/shm")])
        yield Outside(facts, udp, home)


def _victim(stack: contextlib.ExitStack, mark: str, token: str, home: Path) -> dict[str, int]:
    victim = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _VICTIM, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"SOME_API_KEY": token},
        cwd=home,
        start_new_session=True,
    )
    stack.callback(victim.communicate)
    assert victim.stdout is not None
    return {"victim": victim.pid, "address": int(victim.stdout.readline())}


def _shared_segment(stack: contextlib.ExitStack) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    key = secrets.randbelow(1 << 30) + 1
    segment = libc.shmget(key, 16, _IPC_CREAT | 0o600)
    assert segment >= 0
    stack.callback(lambda: libc.shmctl(segment, _IPC_RMID, None))
    return key


def _sockets(stack: contextlib.ExitStack, facts: dict[str, Any], home: Path) -> socket.socket:
    def listener(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> socket.socket:
        handle = stack.enter_context(socket.socket(family, kind))
        handle.bind(address)
        if kind == socket.SOCK_STREAM:
            handle.listen()
        return handle

    facts["tcp4"] = listener(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
    facts["tcp6"] = listener(socket.AF_INET6, ("::1", 0)).getsockname()[1]
    facts["unix"], facts["unix_datagram"] = str(home / "s"), str(home / "d")
    facts["abstract"] = f"cab-{facts['token']}"
    listener(socket.AF_UNIX, facts["unix"])
    listener(socket.AF_UNIX, facts["unix_datagram"], socket.SOCK_DGRAM)
    listener(socket.AF_UNIX, "\0" + facts["abstract"])
    udp = listener(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM)
    udp.setblocking(False)
    facts["udp"] = udp.getsockname()[1]
    return udp


async def attempt_all(chosen: Engine, probes: list[str]) -> dict[str, tuple[str, str]]:
    """Run the attempts in a box of `chosen`: verdict and detail of each, corrected by what the host saw."""
    with outside(probes) as world, scratch.directory("probes") as work:
        world.facts["same_pids"] = chosen.level < 3
        package = Path(world.facts["package"])
        world.facts["walk_from"] = "/" if chosen.level else str(package.parent)  # without walls that would take minutes
        for file in PAYLOAD:
            (work / file.name).write_text(file.read_text())
        (work / "facts.json").write_text(json.dumps(world.facts))
        async with chosen.open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
            done = await box.run(["python3", "-I", "-S", "sandbox_payload.py", "facts.json"], timeout_s=60)
        assert done.exit_code == 0, done
        verdicts = {name: (said[0], said[1]) for name, said in json.loads(done.stdout.splitlines()[-1]).items()}
        touched = world.touched()
        for name in HOST_DECIDES & set(verdicts):
            if verdicts[name][0] != "error":
                verdicts[name] = ("escaped" if name in touched else "held", verdicts[name][1])
        for name in touched & set(verdicts):
            verdicts[name] = ("escaped", "the host saw it")
        return verdicts


@functools.cache
def verdicts(name: str) -> dict[str, tuple[str, str]]:
    """Verdicts of all attempts in engine `name`, or without walls for "none"."""
    from sandbox_payload import PROBES

    from cab_check.sandbox.unsafe import UnsafeEngine

    chosen: Engine = UnsafeEngine() if name == "none" else engine(name)
    return asyncio.run(attempt_all(chosen, list(PROBES)))


def running_with(mark: str) -> list[int]:
    """Pids of processes of this machine with `mark` in their arguments, but this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
