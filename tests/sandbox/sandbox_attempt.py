"""What every attempt to get out is made with: the table, a raw system call, and reading a file."""

import ctypes
import errno
import hashlib
import os
import re

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LIBC.mmap.restype = ctypes.c_void_p
X86 = os.uname().machine == "x86_64"
KEY_PATTERN = re.compile(rb"cabkey-[0-9a-f]{24}")  # so made that it does not fit itself
PROBES = {}


def probe(function):
    """Enter an attempt under its own name: it gets the facts, and is true if it got through."""
    PROBES[function.__name__] = function
    return function


def number(x86, arm):
    """The number of a system call on this machine."""
    code = x86 if X86 else arm
    if code is None:
        raise OSError(errno.ENOSYS, "no such call on this machine")
    return code


def raw(x86, arm, *arguments):
    """A raw call: its result. Raises OSError."""
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = LIBC.syscall(ctypes.c_long(number(x86, arm)), *values)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(x86, arm, *arguments):
    """Whether the kernel would have done a call: it did, or failed for another reason than a refusal."""
    try:
        raw(x86, arm, *arguments)
    except OSError as failure:
        if failure.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
    return True


def checked(result):
    """The result of a function of the C library. Raises OSError if it is negative."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def slurp(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def is_key(data, told):
    """Whether the key is in `data`; the facts hold only its digest, so that they are not what is found."""
    return any(hashlib.sha256(found).hexdigest() == told["key_digest"] for found in KEY_PATTERN.findall(data))


def in_child(attempt):
    """Whether `attempt` gets through, in a child, since it changes the process for good."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if attempt() else 1)
        except OSError as failure:
            os._exit(failure.errno or 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status > 0:
        raise OSError(status, os.strerror(status))
    return status == 0
