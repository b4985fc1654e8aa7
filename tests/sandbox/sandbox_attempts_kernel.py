"""Attempts on the kernel: calls that widen what can be attacked."""

# plain calls on purpose: nothing but the standard library is there
# ruff: noqa: PTH108, PTH123, PTH208

import ctypes
import os
import struct

from sandbox_attempt import LIBC, X86, probe, slurp, syscall


@probe
def user_namespace(t):
    return syscall(272, 97, 0x10000000)


@probe
def user_namespace_by_clone(t):
    child = LIBC.syscall(ctypes.c_long(56 if X86 else 220), ctypes.c_long(0x10000000 | 17), *(ctypes.c_long(0),) * 4)
    if child == 0:
        os._exit(0)
    return child > 0


@probe
def clone3(t):
    return syscall(435, 435, 0, 0)


@probe
def io_uring(t):
    return syscall(425, 425, 1, ctypes.create_string_buffer(120))


@probe
def keyring(t):
    return syscall(250, 219, 0, -3, 0)


@probe
def add_key(t):
    return syscall(248, 217, b"user", b"cab", b"x", 1, -1)


@probe
def userfaultfd(t):
    return syscall(323, 282, 1)


@probe
def bpf(t):
    return syscall(321, 280, 0, ctypes.create_string_buffer(128), 4096)


@probe
def perf_event(t):
    return syscall(298, 241, ctypes.create_string_buffer(b"\0\0\0\0\x70\0\0\0", 128), 0, -1, -1, 0)


@probe
def new_mount_interface(t):
    return syscall(430, 430, b"tmpfs", 0)


@probe
def mount(t):
    return syscall(165, 40, b"none", b"no-such-folder", b"tmpfs", 0, None)  # must not succeed where root has no walls


@probe
def change_root(t):
    return syscall(161, 51, b"no-such-folder")


@probe
def memory_file(t):
    return syscall(319, 279, b"x", 0)


@probe
def secret_memory(t):
    return syscall(447, 447, 0)


@probe
def type_into_terminal(t):
    return syscall(16, 29, 0, 0x5412, b"x")


@probe
def type_into_terminal_high_bits(t):
    return syscall(16, 29, 0, 0x100005412, b"x")


@probe
def console_ioctl(t):
    return syscall(16, 29, 0, 0x541C, b"\3")


@probe
def execute_for_more_rights(t):
    return LIBC.prctl(39, 0, 0, 0, 0) != 1  # PR_GET_NO_NEW_PRIVS


@probe
def unfiltered(t):
    return LIBC.prctl(21, 0, 0, 0, 0) != 2  # PR_GET_SECCOMP: 2 is a filter


@probe
def capabilities(t):
    sets = ctypes.create_string_buffer(24)
    assert LIBC.capget(struct.pack("=Ii", 0x20080522, 0), sets) == 0
    return any(sets.raw)


@probe
def make_device(t):
    os.mknod("device", 0o020666, os.makedev(1, 5))
    return True


@probe
def kernel_switches(t):
    path = "/proc/sys/kernel/hostname"
    handle = os.open(path, os.O_WRONLY)
    os.write(handle, slurp(path))
    return True


@probe
def raw_devices(t):
    return bool({"kmsg", "mem", "vda", "sda", "nvme0n1", "kvm", "fuse", "vsock"} & set(os.listdir("/dev")))


@probe
def write_system(t):
    with open(f"/usr/{t['token']}", "w"):
        pass
    os.unlink(f"/usr/{t['token']}")
    return True


@probe
def hold_core_dumps(t):
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE) != (0, 0)
