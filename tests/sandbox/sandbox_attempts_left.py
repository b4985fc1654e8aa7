"""Attempts to leave something behind in the work directory that has more rights, or more size, than it may."""

import ctypes
import os
import struct

from sandbox_attempt import probe, raw

AT_FDCWD = -100


@probe
def leave_setuid(t):
    with open("setuid", "w"):
        pass
    os.chmod("setuid", 0o4755)
    return os.stat("setuid").st_mode & 0o4000 != 0


@probe
def create_setgid(t):
    os.close(os.open("setgid", os.O_CREAT | os.O_WRONLY, 0o2755))
    return os.stat("setgid").st_mode & 0o2000 != 0


@probe
def setuid_by_fchmod(t):
    handle = os.open("setuid-2", os.O_CREAT | os.O_WRONLY)
    os.fchmod(handle, 0o4755)
    return os.stat("setuid-2").st_mode & 0o4000 != 0


@probe
def setuid_by_fchmodat2(t):
    with open("setuid-3", "w"):
        pass
    raw(452, 452, AT_FDCWD, b"setuid-3", 0o4755, 0)
    return os.stat("setuid-3").st_mode & 0o4000 != 0


@probe
def setuid_by_nameless_file(t):
    handle = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o4755)
    return os.fstat(handle).st_mode & 0o4000 != 0


@probe
def setuid_by_openat2(t):
    how = ctypes.create_string_buffer(struct.pack("QQQ", os.O_CREAT | os.O_WRONLY, 0o4755, 0), 24)
    raw(437, 437, AT_FDCWD, b"setuid-4", how, 24)
    return os.stat("setuid-4").st_mode & 0o4000 != 0


@probe
def setuid_by_mknod(t):
    os.mknod("setuid-5", 0o104755)
    return os.stat("setuid-5").st_mode & 0o4000 != 0


@probe
def setgid_folder(t):
    os.mkdir("setgid-2")
    os.chmod("setgid-2", 0o2755)
    return os.stat("setgid-2").st_mode & 0o2000 != 0


@probe
def leave_file_capability(t):
    with open("capable", "w"):
        pass
    os.setxattr("capable", "security.capability", struct.pack("<5I", 0x02000001, 1, 0, 0, 0))
    return True


@probe
def huge_sparse_file(t):
    with open("sparse", "w") as file:
        os.ftruncate(file.fileno(), 1 << 40)
    return True
