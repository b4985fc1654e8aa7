"""Attempts to use up the machine where whoever watches does not look; with those of `sandbox_exhaustion`, all."""

from __future__ import annotations

from dataclasses import replace

from sandbox_exhaustion import EXHAUSTIONS, LIMITS, Exhaustion

# what cannot be looked into is judged by the free space of the disk, which other tests use too
_AMPLE_DISK = replace(LIMITS, disk_bytes=1 << 30)
_NOT_DUMPABLE = "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
_IN_PIECES = """
kept = []
for _ in range(12):
    f = open('f', 'w+b', buffering=0)
    os.unlink('f')
    f.write(b'x' * (5 * MIB))
    PUT_AWAY
    f.close()
    time.sleep(0.02)
over()
"""
_FULL_SOCKETS = """
kept = []
for _ in range(900):
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
        try:
            while True: end.send(b"x" * 4096)
        except BlockingIOError: pass
    kept.append(pair)
over()
"""
_TCP = """
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(100)
kept, sent = [], 0
for _ in range(60):
    pair = socket.create_connection(listener.getsockname()), listener.accept()[0]
    kept.append(pair)
    for end in pair:
        end.setblocking(False)
        try:
            while True: sent += end.send(b"x" * 65536)
        except BlockingIOError: pass
if sent < 300 * MIB: raise OSError(f"only {sent} bytes were taken")
over()
"""
_LARGE_BUFFERS = """
kept, sent = [], 0
for _ in range(300):
    pair = socket.socketpair()
    kept.append(pair)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        end.setblocking(False)
        try:
            while sent < 160 * MIB: sent += end.send(b"x" * 4096)
        except BlockingIOError: pass
if sent < 160 * MIB: raise OSError(f"only {sent} bytes were taken")
over()
"""
_FIRST_THREAD_ENDS = """
import ctypes
def rest():
    time.sleep(0.2)  # until the first thread is gone
    held = bytearray(b'x') * (400 * MIB)
    over()
    os._exit(0)
threading.Thread(target=rest).start()
leave = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
ctypes.CDLL(None).syscall(leave, 0)
"""
_OWN_TABLE = """
import ctypes
libc, done = ctypes.CDLL(None, use_errno=True), threading.Event()
failed = []
def other():
    if libc.unshare(0x400):
        failed.append(OSError(ctypes.get_errno(), "unshare"))
    else:
        f = open('f', 'wb', buffering=0)
        os.unlink('f')
        for _ in range(12): f.write(b'x' * (5 * MIB)); time.sleep(0.01)
    done.set()
    time.sleep(20)
threading.Thread(target=other, daemon=True).start()
done.wait(20)
if failed: raise failed[0]
over()
os._exit(0)
"""

_MESSAGES = """
outer = []
for _ in range(9):
    outer.append(socket.socketpair())
    outer[-1][0].setblocking(False)
    for number in range(100):
        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)
            try:
                while True: end.send(b"x" * 4096)
            except BlockingIOError: pass
        socket.send_fds(outer[-1][0], [b"x"], [end.fileno() for end in pair])
        for end in pair: end.close()
over()
"""

HIDDEN = (
    Exhaustion(
        "disk_where_nobody_may_look",
        _NOT_DUMPABLE + _IN_PIECES.replace("PUT_AWAY", "kept.append(os.dup(f.fileno()))"),
        ("disk",),
    ),
    Exhaustion(
        "disk_in_mappings",
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\n"
        + _IN_PIECES.replace(
            "PUT_AWAY", "libc.mmap(None, ctypes.c_size_t(4096), 1, 1, f.fileno(), ctypes.c_long(0))  # one page of it"
        ),
        ("disk",),
    ),
    Exhaustion(
        "disk_in_messages",
        _IN_PIECES.replace("kept = []", "kept, end = socket.socketpair()").replace(
            "PUT_AWAY", "socket.send_fds(kept, [b'x'], [f.fileno()])"
        ),
        ("disk",),
    ),
    Exhaustion("disk_in_a_thread_of_its_own", _OWN_TABLE, ("disk",)),
    Exhaustion(
        "disk_in_a_listable_folder",
        "os.mkdir('d')\nf = open('d/f', 'wb', buffering=0)\nos.chmod('d', 0o444)\n"
        "for _ in range(12): f.write(b'x' * (5 * MIB)); time.sleep(0.02)\nf.close()\nover()",
        ("disk",),
    ),
    Exhaustion("memory_where_nobody_may_look", _NOT_DUMPABLE + _FULL_SOCKETS, ("memory",), _AMPLE_DISK),
    Exhaustion("memory_in_messages", _MESSAGES, ("memory",), _AMPLE_DISK),
    Exhaustion("memory_in_tcp", _TCP, ("memory",)),
    Exhaustion("memory_in_large_buffers", _LARGE_BUFFERS, ("memory",), may_lack_control="buffers cannot grow here"),
    Exhaustion("memory_behind_an_ended_thread", _FIRST_THREAD_ENDS, ("memory",)),
)
EVERY_EXHAUSTION = (*EXHAUSTIONS, *HIDDEN)
