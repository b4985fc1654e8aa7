"""What every attempt to get out is made with: the table, a raw system call, and reading a file."""

# plain calls on purpose: nothing but the standard library is there
# ruff: noqa: PTH123

import ctypes
import errno
import os

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
PROBES = {}


def probe(function):
    PROBES[function.__name__] = function
    return function


def syscall(x86, arm, *arguments):
    """A raw call; True if the kernel would have done it or failed for another reason than a refusal."""
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if LIBC.syscall(ctypes.c_long(x86 if X86 else arm), *values) >= 0:
        return True
    return ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS)


def slurp(path):
    with open(path, "rb") as file:
        return file.read()
