"""Attempts on the kernel: calls that widen what can be attacked."""

import ctypes
import mmap
import os
import struct
import threading

from sandbox_attempt import LIBC, X86, checked, in_child, probe, raw, slurp, syscall


@probe
def user_namespace(t):
    return syscall(272, 97, 0x10000000)


@probe
def user_namespace_by_clone(t):
    child = LIBC.syscall(ctypes.c_long(56 if X86 else 220), ctypes.c_long(0x10000000 | 17), *(ctypes.c_long(0),) * 4)
    if child == 0:
        os._exit(0)
    return checked(child) > 0


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
    without_kernel = 0b1100001  # disabled, and neither the kernel nor a hypervisor is counted
    attributes = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, without_kernel)
    return raw(298, 241, ctypes.create_string_buffer(attributes, 128), 0, -1, -1, 0) >= 0


@probe
def new_mount_interface(t):
    return syscall(430, 430, b"tmpfs", 0)


@probe
def mount(t):
    return syscall(165, 40, b"none", b"no-such-folder", b"tmpfs", 0, None)  # must not succeed where root has no walls


@probe
def change_root(t):
    return syscall(161, 51, b"no-such-folder")  # as above


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
def core_dump_handler(t):
    """A program that the kernel starts as root when something crashes."""
    return os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY) >= 0


@probe
def module_loader(t):
    return os.open("/proc/sys/kernel/modprobe", os.O_WRONLY) >= 0


@probe
def magic_keys(t):
    return os.open("/proc/sysrq-trigger", os.O_WRONLY) >= 0


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
def control_groups(t):
    """Out of the limits of a control group, by moving into the topmost."""
    for place in (
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/memory/cgroup.procs",
        "/sys/fs/cgroup/pids/cgroup.procs",
    ):
        if os.path.exists(place):
            return os.open(place, os.O_WRONLY) >= 0
    raise OSError("no control groups are mounted")


def own_world(flags):
    """A new user namespace and more, in which an ordinary user has every right."""
    user, group = os.getuid(), os.getgid()
    raw(272, 97, 0x10000000 | flags)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


@probe
def mount_in_own_world(t):
    def attempt():
        own_world(0x20000)
        return raw(165, 40, b"none", b"/tmp", b"tmpfs", 0, None) == 0

    return in_child(attempt)


@probe
def change_root_in_own_world(t):
    def attempt():
        own_world(0)
        return raw(161, 51, b".") == 0

    return in_child(attempt)


@probe
def packets_in_own_world(t):
    def attempt():
        own_world(0x40000000)
        return raw(41, 198, 17, 3, 0) >= 0

    return in_child(attempt)


@probe
def user_namespace_by_clone3(t):
    arguments = ctypes.create_string_buffer(struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)
    child = LIBC.syscall(ctypes.c_long(435), arguments, ctypes.c_long(64))
    if child == 0:
        os._exit(0)
    return checked(child) > 0


@probe
def old_calls(t):
    """A 32-bit call, which has other numbers: mov eax, 20 (getpid); int 0x80; ret."""
    if not X86:
        raise OSError("there is no such gate on this machine")
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else 1)
    return os.waitpid(child, 0)[1] == 0


@probe
def x32_calls(t):
    """The calls of the x32 interface have a high bit in their number: getpid."""
    return raw(0x40000000 | 39, None) > 0


@probe
def clone_with_high_bits(t):
    """The same flag beside a high bit, which the kernel drops and a filter that compares 64 bits does not know."""
    flags = 0x100000000 | 0x10000000 | 17
    child = LIBC.syscall(ctypes.c_long(56 if X86 else 220), ctypes.c_long(flags), *(ctypes.c_long(0),) * 4)
    if child == 0:
        os._exit(0)
    return checked(child) > 0


@probe
def load_module(t):
    return syscall(175, 105, b"", 0, b"")


@probe
def load_kernel(t):
    return syscall(246, 104, 0, 0, None, 0)


@probe
def restart(t):
    return syscall(169, 142, 0, 0, 0, None)


@probe
def swap(t):
    return syscall(167, 224, b"no-such-file", 0)


@probe
def account(t):
    return syscall(163, 89, b"no-such-folder/file")


@probe
def set_clock(t):
    return syscall(227, 112, 0, None)


@probe
def kernel_log(t):
    return raw(103, 116, 10, None, 0) > 0 and syscall(103, 116, 3, ctypes.create_string_buffer(64), 64)


@probe
def name_host(t):
    return syscall(170, 161, b"", -1)


@probe
def quota(t):
    return syscall(179, 60, 0x80000100, b"/dev/no-such-device", 0, None)


@probe
def port_rights(t):
    return raw(172, None, 3) == 0


@probe
def segment_table(t):
    return raw(154, None, 0, ctypes.create_string_buffer(64), 64) >= 0


@probe
def hang_up(t):
    def attempt():
        os.setsid()  # or it would be the terminal of whoever made this attempt
        return raw(153, 58) == 0

    return in_child(attempt)


@probe
def mount_list(t):
    """The mounts of the host, by number and with their sources."""
    request = ctypes.create_string_buffer(struct.pack("IIQQQ", 24, 0, 0xFFFFFFFFFFFFFFFF, 0, 0), 32)
    return raw(458, 458, request, (ctypes.c_ulonglong * 64)(), 64, 0) > 0


@probe
def new_mount_tree(t):
    return raw(428, 428, -100, b"/", 0) >= 0


@probe
def unmount(t):
    return syscall(166, 39, b"no-such-folder", 0)


@probe
def swap_root(t):
    return syscall(155, 41, b"no-such-folder", b"no-such-folder")


@probe
def request_key(t):
    """Has the kernel start a program of the host, outside of every box, to get a key."""
    return syscall(249, 218, b"user", b"cab-no-such-key", b"x", -4)


@probe
def hold_core_dumps(t):
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0


@probe
def lock_memory(t):
    place = LIBC.mmap(None, ctypes.c_size_t(64 << 20), 3, 0x22, -1, ctypes.c_long(0))
    return checked(LIBC.mlock(ctypes.c_void_p(place), ctypes.c_size_t(64 << 20))) == 0


@probe
def real_time(t):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True


@probe
def raise_priority(t):
    os.nice(-1)
    return True


@probe
def message_queue_memory(t):
    name, small = f"cab-made-{t['token']}".encode(), ctypes.create_string_buffer(struct.pack("4l", 0, 1, 16, 0), 64)
    return raw(240, 180, name, os.O_CREAT | os.O_RDWR, 0o600, small) >= 0 and raw(241, 181, name) == 0


@probe
def more_descriptors(t):
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return len([os.open("/dev/null", os.O_RDONLY) for _ in range(5000)]) == 5000


@probe
def more_threads(t):
    done = threading.Event()
    threads = []
    try:
        for _ in range(400):
            threads.append(threading.Thread(target=done.wait))
            threads[-1].start()
    except RuntimeError as failure:
        raise OSError(str(failure)) from failure
    finally:
        done.set()
    return True
