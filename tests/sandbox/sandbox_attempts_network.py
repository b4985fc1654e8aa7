"""Attempts on the network: every family, every road to a program of this machine, and being reached from it."""

import ctypes
import os
import socket
import struct

from sandbox_attempt import probe, raw, slurp

ALLOWED_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
STAND_INS = ("session_bus", "ssh_agent", "gpg_agent", "wayland", "x11", "container_engine")


@probe
def tcp_v4(t):
    socket.create_connection(("127.0.0.1", t["tcp4"]), 2).close()
    return True


@probe
def tcp_v6(t):
    socket.create_connection(("::1", t["tcp6"]), 2).close()
    return True


@probe
def tcp_v4_in_v6(t):
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(2)
        client.connect(("::ffff:127.0.0.1", t["tcp4"]))
        return True


@probe
def tcp_to_any_address(t):
    socket.create_connection(("0.0.0.0", t["tcp4"]), 2).close()
    return True


@probe
def tcp_to_address_of_host(t):
    if not t["host_address"]:
        raise OSError("this machine has no address but loopback")
    socket.create_connection((t["host_address"], t["tcp_any"]), 2).close()
    return True


@probe
def metadata_service(t):
    """Where cloud machines hand out credentials."""
    socket.create_connection(("169.254.169.254", 80), 1).close()
    return True


@probe
def address_outside(t):
    """Some address that is not of this machine: one set aside for documentation."""
    socket.create_connection(("198.51.100.1", 80), 1).close()
    return True


@probe
def mptcp(t):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", t["tcp4"]))
        return True


@probe
def sctp(t):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", t["tcp4"]))
        return True


@probe
def tcp_fast_open(t):
    with socket.socket() as client:
        client.sendto(b"x", 0x20000000, ("127.0.0.1", t["tcp4"]))
        return True


def datagram(told, family, address, protocol=0):
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.sendto(told["token"].encode(), address)
        return True  # judged by the host: did it arrive


@probe
def udp(t):
    return datagram(t, socket.AF_INET, ("127.0.0.1", t["udp"]))


@probe
def udp_v6(t):
    return datagram(t, socket.AF_INET6, ("::1", t["udp_v6"]))


@probe
def udp_broadcast(t):
    return datagram(t, socket.AF_INET, ("127.255.255.255", t["udp_broadcast"]))


@probe
def udp_lite(t):
    return datagram(t, socket.AF_INET, ("127.0.0.1", t["udp_lite"]), 136)


@probe
def unix_stream(t):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(t["unix"])
        return True


@probe
def unix_by_relative_path(t):
    os.chdir(t["home"])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("s")
        return True


@probe
def unix_by_symlink(t):
    os.symlink(t["unix"], "to-socket")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("to-socket")
        return True


@probe
def unix_datagram(t):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", t["unix_datagram"])
        return True


@probe
def unix_packets(t):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(t["unix_packets"])
        return True


@probe
def unix_abstract(t):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + t["abstract"])
        return True


@probe
def unix_abstract_datagram(t):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", "\0" + t["abstract_datagram"])
        return True


def _stand_in(name):
    def attempt(t):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(t[name])
            return t["token"].encode() in client.recv(100)

    attempt.__name__ = name
    return attempt


for _name in STAND_INS:
    probe(_stand_in(_name))


@probe
def x11_abstract(t):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + t["x11_abstract"])
        return True


@probe
def serve_the_host(t):
    """A listener inside that the host can reach."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", t["served"]))
        listener.listen()
        listener.settimeout(1)
        listener.accept()[0].close()
        return True


@probe
def sockets_of_host(t):
    """Which ports are listened on, as /proc has it."""
    return f":{t['tcp4']:04X}".encode() in slurp("/proc/net/tcp")


@probe
def unix_sockets_of_host(t):
    return t["abstract"].encode() in slurp("/proc/net/unix")


def diagnosed(body):
    """What the kernel says of sockets when it is asked by netlink: SOCK_DIAG_BY_FAMILY, and all that answers it."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4) as client:
        client.settimeout(2)
        by_family, request_and_dump = 20, 0x301
        client.send(struct.pack("IHHII", 16 + len(body), by_family, request_and_dump, 1, 0) + body)
        seen = b""
        while struct.unpack_from("=H", part := client.recv(1 << 18), 4)[0] == by_family:
            seen += part
        return seen


@probe
def sockets_by_diagnosis(t):
    """Which TCP ports are listened on."""
    listening = 1 << 10
    body = struct.pack("BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, listening) + bytes(48)
    return struct.pack(">H", t["tcp4"]) in diagnosed(body)


@probe
def unix_sockets_by_diagnosis(t):
    every_state, names = 0xFFFFFFFF, 1
    body = struct.pack("BBHIIIII", socket.AF_UNIX, 0, 0, every_state, 0, names, 0xFFFFFFFF, 0xFFFFFFFF)
    return t["abstract"].encode() in diagnosed(body)


@probe
def interfaces_of_host(t):
    return any(name != "lo" for _, name in socket.if_nameindex())


@probe
def kernel_events(t):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15) as client:
        client.bind((0, 1))
        return os.path.exists(f"/proc/{t['victim']}/ns/net")  # a listener in a network of its own hears nothing


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
def express_data_path(t):
    socket.socket(44, socket.SOCK_RAW).close()
    return True


@probe
def raw_socket(t):
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    return True


@probe
def any_other_family(t):
    """Every family there is a number for, with every type."""
    for family in range(1, 64):
        for kind in (1, 2, 3, 4, 5, 10):
            if family not in ALLOWED_FAMILIES:
                try:
                    socket.socket(family, kind).close()
                except OSError:
                    continue
                return True
    return False


@probe
def pair_of_another_family(t):
    return raw(53, 199, 30, 5, 0, (ctypes.c_int * 2)()) == 0


class Ring:
    """io_uring with one request at a time: calls that no filter on system calls sees."""

    def __init__(self):
        parameters = ctypes.create_string_buffer(120)
        self.handle = raw(425, 425, 2, parameters)
        fields = struct.unpack("30I", parameters.raw)
        self.submission, self.completion = fields[10:20], fields[20:30]
        self.rings = self._map(4096, 0)
        self.results = self._map(4096, 0x8000000)
        self.requests = self._map(4096, 0x10000000)

    def _map(self, size, offset):
        import mmap

        return mmap.mmap(self.handle, size, flags=mmap.MAP_SHARED, offset=offset)

    def do(self, request):
        """Submit 64 bytes, wait, and give the result. Raises OSError."""
        self.requests[:64] = request.ljust(64, b"\0")
        array, tail = self.submission[6], self.submission[1]
        self.rings[array : array + 4] = struct.pack("I", 0)
        self.rings[tail : tail + 4] = struct.pack("I", 1)
        raw(426, 426, self.handle, 1, 1, 1, None, 0)
        first = self.completion[5]
        (result,) = struct.unpack("i", self.results[first + 8 : first + 12])
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result


@probe
def io_uring_connects(t):
    ring = Ring()
    handle = ring.do(struct.pack("BBHiQQI", 45, 0, 0, socket.AF_INET, socket.SOCK_STREAM, 0, 0))
    with socket.socket(fileno=handle) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", t["tcp4"]))
        return True


@probe
def io_uring_opens(t):
    path = ctypes.create_string_buffer(os.fsencode(t["secret"]))
    handle = Ring().do(struct.pack("BBHiQQII", 18, 0, 0, -100, 0, ctypes.addressof(path), 0, 0))
    return t["token"].encode() in os.read(handle, 100)
