"""Attempts to use up the machine, or to go on after the end: each a command of its own, with its control.

A command says OVER once it has more than the limit allows, REFUSED where the kernel said no. Behind walls it then
waits, so that whoever watches has the time to see it; without them it ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox_outside import engine, running_with

from cab_check.sandbox import scratch
from cab_check.sandbox.box import Done, Limits, Mount, Plan
from cab_check.sandbox.toolchains import find

MIB = 1 << 20
LIMITS = Limits(memory_bytes=150 * MIB, processes=40, open_files=4096, file_bytes=64 * MIB, disk_bytes=30 * MIB)
WATCHED_S = 6  # long enough for whoever watches ten times a second, also on a busy machine

_HEAD = """
import mmap, os, resource, socket, sys, threading, time
MIB = 1 << 20
def over():
    time.sleep(float(os.environ["WATCHED_S"]))
    print("OVER", flush=True)
def attempt():
    BODY
try:
    attempt()
except (OSError, RuntimeError, MemoryError) as failure:
    print("REFUSED", failure, flush=True)
"""


@dataclass(frozen=True)
class Exhaustion:
    """`body` is Python that does it and then calls over(); `ends` are the limits that may end it."""

    name: str
    body: str
    ends: tuple[str, ...] = ()
    limits: Limits = LIMITS
    timeout_s: float = 30
    may_lack_control: str = ""

    def script(self) -> str:
        """The whole program."""
        return _HEAD.replace("BODY", self.body.strip().replace("\n", "\n    "))


_SOCKETS = """
kept = []
for _ in range(1000):
    kept.append(socket.socketpair(KIND))
    for end in kept[-1]:
        end.setblocking(False)
        try:
            while True: end.send(b"x" * 4096)
        except BlockingIOError: pass
over()
"""
_TABLES = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
size = ctypes.c_size_t(24 << 30)
place = ctypes.c_void_p(libc.mmap(None, size, 1, 0x4022, -1, ctypes.c_long(0)))  # to be read alone, not set aside
small_pages, touch_all = 15, 22
if libc.madvise(place, size, small_pages) or libc.madvise(place, size, touch_all):
    raise OSError(ctypes.get_errno(), "madvise")
over()
"""
_PIPES = """
for _ in range(20):
    if os.fork() == 0:
        for _ in range(1900):
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            try:
                while True: os.write(writer, b"x" * 4096)
            except BlockingIOError: pass
        time.sleep(20)
time.sleep(1.5)
over()
"""
_WRITE = "for n in range(9):\n    with open(f'f{n}', 'wb') as f: f.write(b'x' * (8 * MIB))\nover()"
_MANY = "for number in range(1200): {}\nover()"
_FILES = Limits(files=400)
_LARGE = Limits(file_bytes=1 * MIB)

EXHAUSTIONS = (
    Exhaustion("memory_of_one", "held = bytearray(b'x') * (400 * MIB)\nover()", ("memory",)),
    Exhaustion(
        "memory_of_many",
        "for _ in range(7):\n    if os.fork() == 0:\n        held = bytearray(b'x') * (40 * MIB)\n"
        "        time.sleep(20)\n"
        "time.sleep(1)\nover()",
        ("memory",),
    ),
    Exhaustion("memory_mapped", "m = mmap.mmap(-1, 400 * MIB)\nm[:] = b'x' * (400 * MIB)\nover()", ("memory",)),
    Exhaustion(
        "memory_in_shared_folder",
        "with open(f'/dev/shm/{os.path.basename(os.getcwd())}', 'wb') as file:\n    os.unlink(file.name)\n"
        "    for _ in range(100): file.write(b'x' * (3 * MIB)); file.flush()\n    over()",
        ("memory", "disk"),
        Limits(memory_bytes=150 * MIB),
    ),
    Exhaustion(
        "memory_in_nameless_file", "f = os.memfd_create('x')\nfor _ in range(300): os.write(f, b'x' * MIB)\nover()"
    ),
    Exhaustion(
        "memory_of_system_v",
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.shmat.restype = ctypes.c_void_p\n"
        "made = libc.shmget(0, ctypes.c_size_t(300 * MIB), 0o1600)\nif made < 0: raise OSError('shmget')\n"
        "place = libc.shmat(made, None, 0)\nctypes.memset(ctypes.c_void_p(place), 1, 300 * MIB)\n"
        "libc.shmdt(ctypes.c_void_p(place))\ntry: over()\nfinally: libc.shmctl(made, 0, None)",
    ),
    Exhaustion("memory_in_page_tables", _TABLES, ("memory",), Limits(memory_bytes=20 * MIB)),
    Exhaustion("memory_in_sockets", _SOCKETS.replace("KIND", "socket.AF_UNIX"), ("memory",)),
    Exhaustion("memory_in_pipes", _PIPES, ("memory",)),
    Exhaustion("disk", _WRITE, ("disk",)),
    Exhaustion("disk_in_home", f"os.chdir(os.environ['HOME'])\n{_WRITE}", ("disk",)),
    Exhaustion("disk_in_temporary_folder", f"os.chdir(os.environ['TMPDIR'])\n{_WRITE}", ("disk",)),
    Exhaustion(
        "disk_without_a_name",
        "f = open('f', 'wb')\nos.unlink('f')\nf.write(b'x' * (60 * MIB))\nf.flush()\nover()",
        ("disk",),
    ),
    Exhaustion("disk_set_aside", "f = open('f', 'wb')\nos.posix_fallocate(f.fileno(), 0, 60 * MIB)\nover()", ("disk",)),
    Exhaustion("files", _MANY.format("open(f'n{number}', 'w').close()"), ("files",), _FILES),
    Exhaustion("folders", _MANY.format("os.mkdir(f'n{number}')"), ("files",), _FILES),
    Exhaustion("links", _MANY.format("os.symlink('x', f'n{number}')"), ("files",), _FILES),
    Exhaustion("names", "open('a', 'w').close()\n" + _MANY.format("os.link('a', f'n{number}')"), ("files",), _FILES),
    Exhaustion("pipes_with_names", _MANY.format("os.mkfifo(f'n{number}')"), ("files",), _FILES),
    Exhaustion("depth", _MANY.format("os.mkdir('d'); os.chdir('d')"), ("files",), _FILES),
    Exhaustion(
        "size_of_a_file",
        "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nf = open('f', 'wb', buffering=0)\n"
        "for _ in range(8): f.write(b'x' * MIB)\nif os.path.getsize('f') < 8 * MIB: raise OSError('cut')\nover()",
        (),
        _LARGE,
    ),
    Exhaustion(
        "open_files",
        "kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(200)]\nover()",
        (),
        Limits(open_files=77),
    ),
    Exhaustion(
        "processes",
        "for _ in range(300):\n    if os.fork() == 0: time.sleep(20); os._exit(0)\nover()",
        ("processes",),
    ),
    Exhaustion(
        "threads",
        "hold = threading.Event()\nfor _ in range(300):\n    threading.Thread(target=hold.wait, daemon=True).start()\n"
        "over()",
        ("processes",),
    ),
    Exhaustion(
        "cpu_of_one",
        "while time.process_time() < 1.5: pass\nover()",
        ("cpu",),
        Limits(cpu_s=1),
    ),
    Exhaustion(
        "wall_clock",
        "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except OSError: pass\n"
        "time.sleep(1)\nover()",
        ("wall",),
        timeout_s=0.5,
    ),
    Exhaustion(
        "cpu_in_turns",
        "end = time.monotonic() + 1\nwhile time.monotonic() < end:\n    child = os.fork()\n    if child == 0:\n"
        "        while time.process_time() < 0.05: pass\n        os._exit(0)\n    os.waitpid(child, 0)\nover()",
        ("wall",),
        timeout_s=0.5,
    ),
)


def outcome(case: Exhaustion, name: str) -> tuple[str, str]:
    """Verdict and detail of `case` in engine `name`: held, ESCAPED or error."""
    with scratch.directory("work") as work:
        done = asyncio.run(_inside(case, name, work))
    said = done.stdout.decode(errors="replace").strip()
    detail = f"limit {done.limit}; said {said[-200:]!r}; exit {done.exit_code}; {done.stderr[-300:]!r}"
    if "OVER" in said:
        return "ESCAPED", detail
    if "REFUSED" in said or (done.limit is not None and done.limit in case.ends):
        return "held", detail
    return "error", detail


async def _inside(case: Exhaustion, name: str, work: Path) -> Done:
    plan = Plan((Mount(work, "/work", True),), (find("python"),), limits=case.limits)
    env = {"WATCHED_S": str(WATCHED_S)}
    async with engine(name).open(plan) as box:
        return await box.run(["python3", "-I", "-S", "-c", case.script()], timeout_s=case.timeout_s, env=env)


def gets_through(case: Exhaustion) -> tuple[bool, str]:
    """Whether `case` has its way where nobody limits it, and what it said."""
    with scratch.directory("control") as folder:
        env = {**os.environ, "WATCHED_S": "0", "HOME": str(folder), "TMPDIR": str(folder)}
        command = [sys.executable, "-I", "-S", "-c", case.script()]
        program = subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            assert program.stdout is not None
            said = _first_line(program)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.communicate()
    return said.startswith("OVER"), said


def _first_line(program: subprocess.Popen[bytes]) -> str:
    """What it says first, or an exception's last line."""
    assert program.stdout is not None
    line = ""
    for line in iter(lambda: program.stdout.readline().decode(), ""):  # type: ignore[union-attr]
        if line.startswith(("OVER", "REFUSED")):
            break
    return line.strip()


# programs that try to be there when the command that started them is not; $0 is their mark
_BEAT = "import sys, time\ntime.sleep(60)"
_PYTHON = f"{{python}} -I -S -c '{_BEAT}' MARK"
OUTLIVING: dict[str, Sequence[str]] = {
    "background": ("/bin/sh", "-c", f"{_PYTHON} & exit 5"),
    "own_session": ("/bin/sh", "-c", f"setsid {_PYTHON} & exit 5"),
    "no_hang_up": ("/bin/sh", "-c", f"nohup {_PYTHON} >/dev/null 2>&1 & exit 5"),
    "double_fork": (
        *("{python}", "-I", "-S", "-c"),
        "import os, time\nif os.fork(): os._exit(5)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(60)",
        "MARK",
    ),
    "ever_new_process": (
        *("{python}", "-I", "-S", "-c"),
        "import os, time\nif os.fork(): os._exit(5)\nend = time.monotonic() + 60\nwhile time.monotonic() < end:\n"
        "    os.setsid() if os.fork() == 0 else os._exit(0)\n    time.sleep(0.01)",
        "MARK",
    ),
    "deaf_to_signals": (
        *("{python}", "-I", "-S", "-c"),
        "import os, signal, time\nfor n in (1, 2, 3, 15, 20): signal.signal(n, signal.SIG_IGN)\n"
        "if os.fork(): os._exit(5)\nos.setpgid(0, 0)\ntime.sleep(60)",
        "MARK",
    ),
    "holds_the_output": (
        *("{python}", "-I", "-S", "-c"),
        "import os, time\nif os.fork(): os._exit(5)\nos.setsid()\ntime.sleep(60)  # with the streams still open",
        "MARK",
    ),
    "stopped": (
        *("{python}", "-I", "-S", "-c"),
        "import os, signal, time\nif os.fork(): os._exit(5)\nos.setsid()\nos.kill(os.getpid(), signal.SIGSTOP)",
        "MARK",
    ),
    "service_manager": (
        *("/bin/sh", "-c"),
        f"systemd-run --user -q {_PYTHON} >/dev/null 2>&1; exit 5",
    ),
    "job_queue": ("/bin/sh", "-c", f'echo "{_PYTHON}" | at now >/dev/null 2>&1; exit 5'),
    "own_children_taken": (
        *("{python}", "-I", "-S", "-c"),
        "import ctypes, os, time\nif os.fork(): os._exit(5)\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\nos.setsid()\n"
        "os.fork()\ntime.sleep(60)",
        "MARK",
    ),
}


MAY_LACK_CONTROL = {
    "service_manager": "no service manager of this user answers",
    "job_queue": "at is not installed, or not for this user",
}


def _with_mark(command: Sequence[str], python: str, mark: str) -> list[str]:
    return [word.replace("{python}", python).replace("MARK", mark) for word in command]


def outlives(attempt: str, name: str) -> tuple[bool, Done]:
    """Whether something of `attempt` is there after its command has ended in engine `name`."""
    mark = f"mark{secrets.token_hex(8)}"

    async def inside() -> tuple[bool, Done]:
        with scratch.directory("work") as work:
            async with engine(name).open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
                done = await box.run(_with_mark(OUTLIVING[attempt], "python3", mark), timeout_s=20)
                return bool(running_with(mark)), done

    return asyncio.run(inside())


def outlives_without_walls(attempt: str) -> bool:
    """The same where nobody cleans up; what is left is ended here."""
    mark = f"mark{secrets.token_hex(8)}"
    null = subprocess.DEVNULL
    command = _with_mark(OUTLIVING[attempt], sys.executable, mark)
    assert subprocess.run(command, stdin=null, stdout=null, stderr=null, timeout=20, check=False).returncode == 5
    left = any(running_with(mark) for _ in range(20))  # between two processes there may be none for a moment
    quiet = 0
    while quiet < 20:
        pids = running_with(mark)
        quiet = 0 if pids else quiet + 1
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return left
