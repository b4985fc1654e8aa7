"""Runs inside a box, or without walls as the control: one attempt to get out for each name that is asked for.

Stands alone. Argument: a file with JSON facts about the outside. Prints {attempt: [verdict, detail]}; an attempt that
raises anything but OSError has no verdict, and that is an error of the test, not a pass.
"""

# plain calls on purpose, and every failure of an attempt becomes its verdict
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH110, PTH115, PTH116, PTH118, PTH120, PTH123, PTH208, PTH211, BLE001
import ctypes
import errno
import json
import os
import signal
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
PROBES = {}
GIVE_UP_S = 5


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


# --- files: reading


@probe
def read_private_file(t):
    return t["token"].encode() in slurp(t["secret"])


@probe
def list_private_folder(t):
    return "secret" in os.listdir(t["home"])


@probe
def stat_private_file(t):
    return os.stat(t["secret"]).st_size > 0


@probe
def read_through_symlink(t):
    os.symlink(t["secret"], "link-to-secret")
    return bool(slurp("link-to-secret"))


@probe
def read_through_proc_root(t):
    return bool(slurp(f"/proc/self/root{t['secret']}"))


@probe
def read_through_victims_root(t):
    return bool(slurp(f"/proc/{t['victim']}/root{t['secret']}"))


@probe
def read_through_victims_cwd(t):
    return bool(slurp(f"/proc/{t['victim']}/cwd/secret"))


@probe
def read_by_dotdot(t):
    return bool(slurp("../" * 40 + t["secret"]))


@probe
def read_by_openat_walk(t):
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for part in t["secret"].strip("/").split("/"):
        here = os.open(part, os.O_RDONLY, dir_fd=here)
    return bool(os.read(here, 10))


@probe
def hard_link_in(t):
    os.link(t["secret"], "linked")
    return True


@probe
def rename_in(t):
    os.rename(t["movable"], "moved-in")
    return True


# --- files: writing; the host looks afterwards


@probe
def write_outside(t):
    with open(t["home"] + "/written", "w") as file:
        file.write("x")
    return True


@probe
def append_outside(t):
    with open(t["appendable"], "a") as file:
        file.write("x")
    return True


@probe
def truncate_outside(t):
    os.truncate(t["truncatable"], 0)
    return True


@probe
def open_truncating_outside(t):
    os.open(t["emptiable"], os.O_RDONLY | os.O_TRUNC)
    return True


@probe
def unlink_outside(t):
    os.unlink(t["removable"])
    return True


@probe
def rename_out(t):
    with open("to-move", "w"):
        pass
    os.rename("to-move", t["home"] + "/moved-out")
    return True


@probe
def write_through_symlink(t):
    os.symlink(t["home"] + "/through", "link-out")
    with open("link-out", "w") as file:
        file.write("x")
    return True


@probe
def make_folder_outside(t):
    os.mkdir(t["home"] + "/made")
    return True


@probe
def chmod_outside(t):
    os.chmod(t["chmodable"], 0o777)
    return True


@probe
def utime_outside(t):
    os.utime(t["chmodable"], (1, 1))
    return True


@probe
def setxattr_outside(t):
    os.setxattr(t["chmodable"], "user.cab", b"x")
    return True


@probe
def write_shared_memory_folder(t):
    with open(f"/dev/shm/{t['token']}", "w") as file:
        file.write("x")
    return True  # judged by the host: its own /dev/shm must not have it


@probe
def write_host_tmp(t):
    with open(f"/tmp/{t['token']}", "w") as file:
        file.write("x")
    return True  # judged by the host: its own /tmp must not have it


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


# --- secrets in processes


@probe
def key_in_own_environment(t):
    return any(t["token"] in value for value in os.environ.values())


@probe
def key_in_any_environment(t):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if t["token"].encode() in slurp(f"/proc/{pid}/environ"):
                return True
        except OSError:
            continue
    return False


@probe
def foreign_command_line(t):
    return t["mark"].encode() in slurp(f"/proc/{t['victim']}/cmdline")


@probe
def foreign_memory_file(t):
    return bool(os.open(f"/proc/{t['victim']}/mem", os.O_RDONLY))


@probe
def count_foreign_descriptors(t):
    return bool(os.listdir(f"/proc/{t['victim']}/fd"))


@probe
def foreign_descriptors(t):
    return bool(os.readlink(f"/proc/{t['victim']}/fd/0"))


@probe
def inherited_descriptors(t):
    return bool(t["descriptors"])


@probe
def terminal_on_a_stream(t):
    return any(os.isatty(stream) for stream in range(3))


@probe
def open_terminal(t):
    os.close(os.open("/dev/tty", os.O_RDWR))
    return True


# --- network


@probe
def tcp_v4(t):
    socket.create_connection(("127.0.0.1", t["tcp4"]), 2).close()
    return True


@probe
def tcp_v6(t):
    socket.create_connection(("::1", t["tcp6"]), 2).close()
    return True


@probe
def mptcp(t):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", t["tcp4"]))
        return True


@probe
def tcp_fast_open(t):
    with socket.socket() as client:
        client.settimeout(2)
        client.sendto(b"x", 0x20000000, ("127.0.0.1", t["tcp4"]))
        return True


@probe
def udp(t):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(t["token"].encode(), ("127.0.0.1", t["udp"]))
        return True  # judged by the host: did it arrive


@probe
def unix_stream(t):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(t["unix"])
        return True


@probe
def unix_datagram(t):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", t["unix_datagram"])
        return True


@probe
def unix_abstract(t):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + t["abstract"])
        return True


@probe
def vsock(t):
    socket.socket(40, socket.SOCK_STREAM).close()
    return True


@probe
def crypto_socket(t):
    socket.socket(38, socket.SOCK_SEQPACKET).close()
    return True


@probe
def packet_socket(t):
    socket.socket(17, socket.SOCK_RAW).close()
    return True


# --- other processes


@probe
def signal_victim(t):
    os.kill(t["victim"], 0)
    return t["same_pids"] or t["mark"].encode() in slurp(f"/proc/{t['victim']}/cmdline")


@probe
def signal_by_pidfd(t):
    handle = os.pidfd_open(t["victim"])
    signal.pidfd_send_signal(handle, 0)
    return True


@probe
def signal_every_process(t):
    os.kill(-1, 0)
    return len([name for name in os.listdir("/proc") if name.isdigit()]) > 12


@probe
def signal_group(t):
    os.killpg(t["victim"], 0)
    return True


@probe
def trace_victim(t):
    return syscall(101, 117, 0x4206, t["victim"], 0, 0)  # PTRACE_SEIZE


@probe
def read_victims_memory(t):
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    return LIBC.process_vm_readv(t["victim"], local, 1, (ctypes.c_size_t * 2)(t["address"], 8), 1, 0) == 8


@probe
def steal_descriptor(t):
    handle = os.pidfd_open(t["victim"])
    return syscall(438, 438, handle, 0, 0)


@probe
def limit_victim(t):
    return LIBC.prlimit(t["victim"], 4, struct.pack("QQ", 0, 0), None) == 0


@probe
def renice_victim(t):
    os.setpriority(os.PRIO_PROCESS, t["victim"], 7)
    return True


@probe
def pin_victim(t):
    os.sched_setaffinity(t["victim"], os.sched_getaffinity(0))
    return True


@probe
def shared_memory_segment(t):
    return LIBC.shmget(t["shm_key"], 16, 0o600) >= 0


# --- the kernel


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


# --- cab-check itself


@probe
def find_package_by_walking(t):
    seen = set()
    for parent, folders, _ in os.walk(t["walk_from"]):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in ("/proc", "/sys")]
        seen |= {os.path.join(parent, name) for name in folders if name == "cab_check"}
    return any(os.access(path + "/__init__.py", os.R_OK) for path in seen)


@probe
def read_package(t):
    return b"cab" in slurp(t["package"] + "/__init__.py")


@probe
def import_package(t):
    sys.path += [os.path.dirname(t["package"])]
    try:
        import cab_check
    except ImportError:
        return False
    return bool(cab_check)


def attempt(name, told):
    """Run one attempt in a process of its own, so that none can spoil the next."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(GIVE_UP_S)
        try:
            answer = ["escaped" if PROBES[name](told) else "held", ""]
        except OSError as failure:
            answer = ["held", str(failure)]
        except BaseException as failure:
            answer = ["error", repr(failure)]
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else ["error", f"ended with {status}"]


if __name__ == "__main__":
    facts = json.loads(slurp(sys.argv[1]))
    facts["descriptors"] = [number for number in range(3, 4096) if os.path.exists(f"/proc/self/fd/{number}")]
    print(json.dumps({name: attempt(name, facts) for name in facts["probes"]}))
