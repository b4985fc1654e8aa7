"""Attempts on other processes, on the network, and on secrets in memory."""

# plain calls on purpose: nothing but the standard library is there
# ruff: noqa: PTH115, PTH208

import ctypes
import os
import signal
import socket
import struct

from sandbox_attempt import LIBC, probe, slurp, syscall


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
    os.setpriority(os.PRIO_PROCESS, t["victim"], 19)  # the nicest: allowed to everybody from wherever they are
    return True


@probe
def pin_victim(t):
    os.sched_setaffinity(t["victim"], os.sched_getaffinity(0))
    return True


@probe
def shared_memory_segment(t):
    return LIBC.shmget(t["shm_key"], 16, 0o600) >= 0
