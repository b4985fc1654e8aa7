"""Attempts by calls that reach less far, or are less known: what is sent along, taken apart, or told in passing."""

import array
import ctypes
import fcntl
import os
import signal
import socket
import struct
import termios
import time

from sandbox_attempt import LIBC, checked, in_child, probe, raw, slurp, syscall

AT_FDCWD = -100


def sent_from_a_pair(address, descriptors=()):
    """Sent by one end of a pair of datagram sockets, which nobody had to open by its family."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        return one.sendmsg([b"x"], along, 0, address) == 1


@probe
def datagram_from_a_pair(t):
    return sent_from_a_pair(t["unix_datagram"])


@probe
def datagram_from_a_pair_abstract(t):
    return sent_from_a_pair("\0" + t["abstract_datagram"])


@probe
def hand_out_a_descriptor(t):
    """A file from inside, given to a program of the host that takes what comes."""
    with open("given", "w") as file:
        return sent_from_a_pair(t["unix_datagram"], [file.fileno()])


@probe
def processor_time_of_victim(t):
    clock_of_process = 2
    return time.clock_gettime((~t["victim"] << 3) | clock_of_process) > 0


@probe
def reap_victims_memory(t):
    return syscall(448, 448, os.pidfd_open(t["victim"]), 0)


@probe
def enter_by_process(t):
    """Another process's world by its descriptor, without /proc."""
    new_host_name = 0x04000000
    return raw(308, 268, os.pidfd_open(t["victim"]), new_host_name) == 0


@probe
def lease_outside(t):
    """Whoever wants to write the file then has to wait."""
    fcntl.fcntl(os.open(t["chmodable"], os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return True


@probe
def notify_outside(t):
    """The older way to be told of what happens in a folder."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(os.open(t["home"], os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_CREATE)
    return True


@probe
def open_by_handle(t):
    """By a number that any program could guess, whatever folders are in the way."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    raw(303, 264, AT_FDCWD, os.fsencode(t["secret"]), handle, ctypes.create_string_buffer(4), 0)
    opened = raw(304, 265, os.open(t["home"], os.O_RDONLY), handle, os.O_RDONLY)
    return t["token"].encode() in os.read(opened, 100)


@probe
def names_of_keys(t):
    return t["token"].encode() in slurp("/proc/keys")


def grown(option):
    """Whether a socket takes a buffer that is larger than the one it has."""
    one, other = socket.socketpair()
    with one, other:
        before = one.getsockopt(socket.SOL_SOCKET, option)
        one.setsockopt(socket.SOL_SOCKET, option, before)  # the kernel doubles it
        return one.getsockopt(socket.SOL_SOCKET, option) > before


@probe
def larger_send_buffer(t):
    return grown(socket.SO_SNDBUF)


@probe
def larger_receive_buffer(t):
    return grown(socket.SO_RCVBUF)


@probe
def own_descriptors_for_a_thread(t):
    """So that nobody sees in the process what a thread holds open."""
    only_files = 0x400
    return raw(272, 97, only_files) == 0


@probe
def own_descriptors_by_closing(t):
    only_mine = 2
    return raw(436, 436, 4000, 4000, only_mine) == 0


@probe
def change_mount(t):
    return syscall(442, 442, AT_FDCWD, b"no-such-folder", 0, ctypes.create_string_buffer(32), 32)


@probe
def pick_mount(t):
    return syscall(433, 433, AT_FDCWD, b"no-such-folder", 0)


@probe
def move_mount(t):
    return syscall(429, 429, AT_FDCWD, b"no-such-folder", AT_FDCWD, b"no-such-folder", 0)


@probe
def configure_mount(t):
    return syscall(431, 431, -1, 6, None, None, 0)


@probe
def name_domain(t):
    return syscall(171, 162, b"", -1)


@probe
def network_switches(t):
    """Of the network that it finds itself in."""
    path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    handle = os.open(path, os.O_WRONLY)
    return os.write(handle, slurp(path)) > 0


@probe
def line_discipline(t):
    """Hands a terminal to another driver of the kernel, or here to the one that it has."""
    return syscall(16, 29, 0, 0x5423, ctypes.create_string_buffer(4))


@probe
def resize_terminal(t):
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    return True


@probe
def silence_terminal(t):
    try:
        settings = termios.tcgetattr(0)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSANOW, settings)
    except termios.error as failure:
        raise OSError(*failure.args) from failure
    return True


@probe
def take_terminal(t):
    """Make the terminal one's own, so that its keys come here."""

    def attempt():
        os.setsid()
        fcntl.ioctl(os.open(t["terminal"], os.O_RDWR | os.O_NOCTTY), termios.TIOCSCTTY, 1)
        return True

    return in_child(attempt)


@probe
def leave_unremovable_file(t):
    """With the mark that even its owner must take off first; it is taken off again."""
    handle = os.open("unremovable", os.O_CREAT | os.O_RDONLY)
    set_flags, never_change = 0x40086602, 0x10
    fcntl.ioctl(handle, set_flags, struct.pack("l", never_change))
    fcntl.ioctl(handle, set_flags, struct.pack("l", 0))
    return True


@probe
def leave_trusted_attribute(t):
    with open("trusted", "w"):
        pass
    os.setxattr("trusted", "trusted.cab", b"x")
    return True


@probe
def unmapped_page_of_kernel(t):
    """A mapping at address 0, where the kernel once took what a mistake of its own pointed to."""
    LIBC.mmap.restype = ctypes.c_void_p
    fixed, anonymous, private = 0x10, 0x20, 2
    place = LIBC.mmap(None, ctypes.c_size_t(4096), 3, fixed | anonymous | private, -1, ctypes.c_long(0))
    return checked(-1 if place == ctypes.c_void_p(-1).value else 0) == 0
