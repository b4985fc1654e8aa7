"""Attempts on other processes: looking at them, signalling, tracing and changing them, and their shared memory."""

import ctypes
import fcntl
import os
import signal
import socket
import struct

from sandbox_attempt import LIBC, checked, probe, raw, slurp

# each attempt that signals has a signal of its own, so that the host knows whose arrived
SIGNALS = {
    name: signal.SIGRTMIN + 1 + index
    for index, name in enumerate(
        (
            *("signal_victim", "signal_by_pidfd", "signal_group", "signal_thread", "signal_with_value"),
            "signal_by_ownership",
        )
    )
}


@probe
def process_exists(t):
    os.stat(f"/proc/{t['victim']}")
    return True


@probe
def foreign_session(t):
    return os.getsid(t["victim"]) == t["victim"]


@probe
def foreign_scheduling(t):
    return bool(os.sched_getaffinity(t["victim"]))


@probe
def list_processes(t):
    return str(t["victim"]) in os.listdir("/proc")


@probe
def foreign_command_line(t):
    return t["mark"].encode() in slurp(f"/proc/{t['victim']}/cmdline")


@probe
def foreign_status(t):
    return bool(slurp(f"/proc/{t['victim']}/status"))


@probe
def foreign_environment(t):
    return t["token"].encode() in slurp(f"/proc/{t['victim']}/environ")


@probe
def foreign_maps(t):
    return bool(slurp(f"/proc/{t['victim']}/maps"))


@probe
def foreign_program(t):
    return bool(os.readlink(f"/proc/{t['victim']}/exe"))


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
def foreign_namespace(t):
    return os.open(f"/proc/{t['victim']}/ns/net", os.O_RDONLY) >= 0


@probe
def enter_foreign_namespace(t):
    handle = os.open(f"/proc/{t['victim']}/ns/uts", os.O_RDONLY)
    return raw(308, 268, handle, 0) == 0


@probe
def terminal_on_a_stream(t):
    return any(os.isatty(stream) for stream in range(3))


@probe
def open_terminal(t):
    os.close(os.open("/dev/tty", os.O_RDWR))
    return True


@probe
def write_to_terminal(t):
    """By its own name, whoever's it is."""
    handle = os.open(t["terminal"], os.O_WRONLY | os.O_NOCTTY)
    return os.write(handle, t["token"].encode()) > 0  # judged by the host: did it appear


@probe
def signal_victim(t):
    os.kill(t["victim"], SIGNALS["signal_victim"])
    return True  # this and the next ones are judged by the host: did the signal arrive


@probe
def signal_by_pidfd(t):
    signal.pidfd_send_signal(os.pidfd_open(t["victim"]), SIGNALS["signal_by_pidfd"])
    return True


@probe
def signal_group(t):
    os.killpg(t["victim"], SIGNALS["signal_group"])
    return True


@probe
def signal_thread(t):
    return raw(234, 131, t["victim"], t["victim"], SIGNALS["signal_thread"]) == 0


@probe
def signal_with_value(t):
    value = struct.pack("iiiiiiQ", SIGNALS["signal_with_value"], 0, -1, 0, os.getpid(), os.getuid(), 0)
    information = ctypes.create_string_buffer(value, 128)
    return raw(129, 138, t["victim"], SIGNALS["signal_with_value"], information) == 0


@probe
def signal_by_ownership(t):
    """A pipe that is the victim's: it is told by a signal when something comes."""
    reader, writer = os.pipe()
    set_signal = 10
    fcntl.fcntl(reader, fcntl.F_SETOWN, t["victim"])
    fcntl.fcntl(reader, set_signal, int(SIGNALS["signal_by_ownership"]))
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    return os.write(writer, b"x") == 1


@probe
def signal_every_process(t):
    os.kill(-1, 0)
    return len([name for name in os.listdir("/proc") if name.isdigit()]) > 12


@probe
def kill_process(t):
    os.kill(t["mortal"], signal.SIGKILL)
    return True  # judged by the host: is it dead


@probe
def stop_process(t):
    os.kill(t["stoppable"], signal.SIGSTOP)
    return True  # judged by the host: does it stand still


@probe
def trace_victim(t):
    return raw(101, 117, 0x4206, t["victim"], 0, 0) == 0  # PTRACE_SEIZE


@probe
def attach_to_victim(t):
    return raw(101, 117, 16, t["attachable"], 0, 0) == 0


@probe
def read_victims_memory(t):
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    return checked(LIBC.process_vm_readv(t["victim"], local, 1, (ctypes.c_size_t * 2)(t["address"], 8), 1, 0)) == 8


@probe
def write_victims_memory(t):
    buffer = ctypes.create_string_buffer(b"overrun!", 8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    remote = (ctypes.c_size_t * 2)(t["address_2"], 8)
    return checked(LIBC.process_vm_writev(t["victim"], local, 1, remote, 1, 0)) == 8


@probe
def steal_descriptor(t):
    return raw(438, 438, os.pidfd_open(t["victim"]), 0, 0) >= 0


@probe
def compare_with_victim(t):
    return raw(312, 272, os.getpid(), t["victim"], 1, 0, 0) >= 0


@probe
def advise_victims_memory(t):
    vector = (ctypes.c_size_t * 2)(t["address"] & ~4095, 4096)
    return raw(440, 440, os.pidfd_open(t["victim"]), vector, 1, 20, 0) >= 0


@probe
def robust_list_of_victim(t):
    return raw(274, 100, t["victim"], (ctypes.c_size_t * 1)(), (ctypes.c_size_t * 1)()) == 0


@probe
def move_victims_pages(t):
    pages, status = (ctypes.c_void_p * 1)(t["address"] & ~4095), (ctypes.c_int * 1)()
    return raw(279, 239, t["victim"], 1, pages, None, status, 2) >= 0


@probe
def limit_victim(t):
    return checked(LIBC.prlimit(t["victim"], 4, struct.pack("QQ", 0, 0), None)) == 0


@probe
def renice_victim(t):
    os.setpriority(os.PRIO_PROCESS, t["victim"], 19)  # the nicest: allowed to everybody from wherever they are
    return True


@probe
def renice_group(t):
    os.setpriority(os.PRIO_PGRP, t["victim"], 19)
    return True


@probe
def pin_victim(t):
    os.sched_setaffinity(t["victim"], os.sched_getaffinity(0))
    return True


@probe
def reschedule_victim(t):
    os.sched_setscheduler(t["victim"], os.SCHED_BATCH, os.sched_param(0))
    return True


@probe
def slow_victims_disk(t):
    return raw(251, 30, 1, t["victim"], (3 << 13) | 0) == 0


@probe
def doom_victim(t):
    """Have it killed first when memory runs out."""
    handle = os.open(f"/proc/{t['victim']}/oom_score_adj", os.O_WRONLY)
    return os.write(handle, b"1000") > 0


@probe
def shared_memory_segment(t):
    return checked(LIBC.shmget(t["shm_key"], 16, 0o600)) >= 0


@probe
def shared_memory_by_number(t):
    LIBC.shmat.restype = ctypes.c_void_p
    return LIBC.shmat(t["shm_id"], None, 0o10000) not in (None, ctypes.c_void_p(-1).value)


@probe
def list_shared_memory(t):
    return checked(LIBC.shmctl(0, 14, ctypes.create_string_buffer(256))) >= 0 and "shm_id" in t and _is_shared(t)


def _is_shared(told):
    status = 2
    return checked(LIBC.shmctl(told["shm_id"], status, ctypes.create_string_buffer(256))) == 0


@probe
def remove_shared_memory(t):
    remove = 0
    return checked(LIBC.shmctl(t["shm_id_2"], remove, None)) == 0


@probe
def read_message_queue(t):
    buffer = ctypes.create_string_buffer(64)
    no_wait = 0o4000
    return checked(LIBC.msgrcv(t["queue_id"], buffer, 32, 0, no_wait)) > 0


@probe
def remove_message_queue(t):
    return checked(LIBC.msgctl(t["queue_id_2"], 0, None)) == 0


@probe
def change_semaphore(t):
    set_value = 16
    return checked(LIBC.semctl(t["semaphore_id"], 0, set_value, 7)) >= 0


@probe
def wait_on_semaphore(t):
    return checked(LIBC.semop(t["semaphore_id"], ctypes.create_string_buffer(struct.pack("Hhh", 0, 1, 0)), 1)) == 0


@probe
def open_posix_queue(t):
    return raw(240, 180, t["posix_queue"].encode(), os.O_RDWR, 0, None) >= 0


@probe
def remove_posix_queue(t):
    return raw(241, 181, t["posix_queue_2"].encode()) == 0


@probe
def key_server(t):
    """A key that the user keeps in the kernel."""
    user, search, read = -4, 10, 11
    found = raw(250, 219, search, user, b"user", t["token"].encode(), 0)
    buffer = ctypes.create_string_buffer(64)
    return raw(250, 219, read, found, buffer, 64) > 0 and t["token"].encode() in buffer.raw


@probe
def pass_descriptors(t):
    """A file of the host, handed over by a program of the host that offers it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(t["hander"])
        _, (handle,), _, _ = socket.recv_fds(client, 10, 1)
        return t["token"].encode() in os.pread(handle, 100, 0)
