"""Runs inside the walls, given as text to the Python there: tries to get out, and prints one JSON object of verdicts.

It stands alone, since nothing of cab-check is visible inside. "held" means that the attempt failed.
"""

# sent as text, and kept to what every Python has loaded
# ruff: noqa: PTH101, PTH108, PTH112, PTH116, PTH118, PTH120, PTH123, PTH208
from __future__ import annotations

import ctypes
import importlib
import json
import os
import socket
import sys

told = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
ALLOWED_NAMES = set(os.environ) | {"LC_CTYPE"}


def read_secret() -> bool:
    with open(told["secret"], "rb") as file:
        return bool(file.read())


def write_outside() -> bool:
    with open(told["outside"], "wb") as file:
        file.write(b"x")
    return True


def reach_tcp() -> bool:
    with socket.create_connection(("127.0.0.1", told["port"]), 2):
        return True


def reach_unix() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(told["unix"])
        return True


def reach_abstract() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + told["abstract"])
        return True


def read_environment() -> bool:
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                names = {entry.partition(b"=")[0].decode() for entry in file.read().split(b"\0") if entry}
        except OSError:
            continue
        if names - ALLOWED_NAMES:
            return True
    return any("KEY" in name or "TOKEN" in name or name.startswith(("SSH_", "DBUS_")) for name in os.environ)


def signal_parent() -> bool:
    pid = told["pid"]
    if os.path.isdir("/proc/self"):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"-I\0-S" in file.read():  # our own pid 1 wears the same number
                return False
    os.kill(pid, 0)
    return True


def new_user_namespace() -> bool:
    return bool(LIBC.unshare(0x10000000) == 0)


def leave_setuid_file() -> bool:
    path = os.path.join(os.environ["HOME"], "left-behind")
    with open(path, "wb"):
        pass
    try:
        os.chmod(path, 0o4755)
        return bool(os.stat(path).st_mode & 0o4000)
    finally:
        os.unlink(path)


def open_terminal() -> bool:
    os.close(os.open("/dev/tty", os.O_RDWR))
    return True


def write_system() -> bool:
    path = "/usr/cab-check-was-here"
    with open(path, "wb"):
        pass
    os.unlink(path)
    return True


def find_cab_check() -> bool:
    try:
        with open(told["package"], "rb") as file:
            return bool(file.read())
    except OSError:
        pass
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(told["package"]))))
    try:
        return bool(importlib.import_module("cab_check"))
    except ImportError:
        return False


ATTEMPTS = {
    "read a private file": read_secret,
    "write outside": write_outside,
    "write to the system": write_system,
    "reach a listener": reach_tcp,
    "reach a unix socket": reach_unix,
    "reach an abstract socket": reach_abstract,
    "read an environment": read_environment,
    "signal cab-check": signal_parent,
    "make a user namespace": new_user_namespace,
    "leave a setuid file": leave_setuid_file,
    "open the terminal": open_terminal,
    "see cab-check's files": find_cab_check,
}

verdicts = {}
for name, attempt in ATTEMPTS.items():
    try:
        verdicts[name] = "escaped" if attempt() else "held"
    except (OSError, AttributeError):  # refused, or not a call of this system
        verdicts[name] = "held"
print(json.dumps(verdicts))
