"""The system call filter, executed by a small BPF machine, for both processors."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cab_check.sandbox.launch import seccomp, syscalls

ALLOW, KILL, PRETENDED = "allow", "kill", 0
TIOCSTI = 0x5412


def verdict(rules: tuple[seccomp.Rule, ...], machine: str, code: int, *arguments: int, arch: int | None = None):
    """What the filter says to call `code`: ALLOW, KILL or the errno."""
    program = list(struct.iter_unpack("<HBBI", seccomp.assemble(rules, machine)))
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", code, arch or syscalls.AUDIT_ARCH[machine], 0, *(a & (1 << 64) - 1 for a in padded))
    counter = accumulator = 0
    while True:
        operation, if_true, if_false, value = program[counter]
        counter += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x06:
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(value, value & 0xFFFF)
        else:
            true = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: accumulator & value != 0,
            }[operation]
            counter += if_true if true else if_false


def ask(rules: tuple[seccomp.Rule, ...], machine: str, name: str, *arguments: int):
    code = syscalls.number(name, machine)
    return None if code is None else verdict(rules, machine, code, *arguments)


@pytest.fixture(params=syscalls.MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[seccomp.NAMESPACES, seccomp.LANDLOCK], ids=["namespaces", "landlock"])
def rules(request: pytest.FixtureRequest) -> tuple[seccomp.Rule, ...]:
    return request.param


def test_unconditional_denials(rules, machine) -> None:
    plain = [rule for rule in rules if rule.argument is None]
    assert len(plain) > 60
    for rule in plain:
        assert ask(rules, machine, rule.name, 1, 2, 3) in (rule.error, None), rule


def test_a_foreign_architecture_is_killed(rules, machine) -> None:
    i386 = 0x40000003
    assert verdict(rules, machine, 1, arch=i386) == KILL


def test_x32_calls_do_not_exist(rules) -> None:
    assert verdict(rules, "x86_64", 0x40000000 + 101) == errno.ENOSYS
    assert verdict(rules, "x86_64", 1) == ALLOW


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x10000000 | 17,), errno.EPERM),
        ("clone", (17,), ALLOW),
        ("clone", (0x00010000 | 0x500,), ALLOW),  # a thread
        ("clone", (0x00010000 | 0x100,), errno.EPERM),  # one with descriptors of its own
        ("unshare", (0x20000000,), errno.EPERM),
        ("unshare", (0x400,), errno.EPERM),
        ("unshare", (0x200,), ALLOW),
        ("close_range", (3, 9, 2), errno.EPERM),
        ("close_range", (3, 9, 4), ALLOW),
        ("socketpair", (1, 1), ALLOW),
        ("socketpair", (1, 0x80001), ALLOW),
        ("socketpair", (30, 1), errno.EACCES),  # AF_TIPC
        ("setsockopt", (3, 1, 7), PRETENDED),  # the size of a buffer
        ("setsockopt", (3, 1, 8), PRETENDED),
        ("setsockopt", (3, 1, 2), ALLOW),
        ("setsockopt", (3, 6, 7), ALLOW),  # the same number of another level
        ("clone3", (), errno.ENOSYS),
        ("ioctl", (0, TIOCSTI), errno.EPERM),
        ("ioctl", (0, TIOCSTI | 1 << 32), errno.EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("fchmod", (3, 0o4755), errno.EPERM),
        ("fchmod", (3, 0o755), ALLOW),
        ("fchmodat", (3, 0, 0o2755), errno.EPERM),
        ("mkdirat", (3, 0, 0o2755), errno.EPERM),
        ("openat", (3, 0, 0o101, 0o4755), errno.EPERM),
        ("openat", (3, 0, 0o101, 0o644), ALLOW),
        ("openat", (3, 0, 0o1, 0o4755), ALLOW),  # without O_CREAT the mode is not looked at
        ("openat", (3, 0, 0o20200001, 0o4755), errno.EPERM),  # O_TMPFILE
        ("openat2", (), errno.ENOSYS),
        ("memfd_create", (), errno.ENOSYS),
        ("kill", (1234, 9), ALLOW),
    ],
)
def test_conditions(rules, machine, name, arguments, expected) -> None:
    assert ask(rules, machine, name, *arguments) == expected


@pytest.mark.parametrize(
    ("family", "at_level_3"),
    [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, ALLOW), (40, errno.EACCES), (38, errno.EACCES), (17, errno.EACCES)],
)
def test_socket_families(machine, family, at_level_3) -> None:
    assert ask(seccomp.NAMESPACES, machine, "socket", family) == at_level_3
    assert ask(seccomp.LANDLOCK, machine, "socket", family) == errno.EACCES


@pytest.mark.parametrize("kind", [2, 3, 0x80802], ids=["datagram", "raw", "datagram-with-flags"])
def test_a_pair_that_could_send_to_others_is_denied_where_sockets_are(machine, kind) -> None:
    assert ask(seccomp.LANDLOCK, machine, "socketpair", 1, kind) == errno.EACCES
    assert ask(seccomp.NAMESPACES, machine, "socketpair", 1, kind) == ALLOW
    assert ask(seccomp.LANDLOCK, machine, "socketpair", 1, 5) == ALLOW  # packets in sequence, to the other end alone


@pytest.mark.parametrize(
    ("name", "own", "foreign"),
    [
        ("prlimit64", (0,), (77,)),
        ("sched_setaffinity", (0,), (77,)),
        ("setpriority", (0, 0), (0, 77)),
        ("setpriority", (0, 0), (2, 0)),
        ("ioprio_set", (1, 0), (1, 77)),
        ("kill", (0, 9), (-1, 9)),
    ],
)
def test_level_2_keeps_to_itself(machine, name, own, foreign) -> None:
    assert ask(seccomp.LANDLOCK, machine, name, *own) == ALLOW
    assert ask(seccomp.LANDLOCK, machine, name, *foreign) == errno.EPERM


@settings(database=None)
@given(code=st.integers(0, 600), arguments=st.lists(st.integers(0, (1 << 64) - 1), min_size=6, max_size=6))
def test_only_listed_calls_are_denied(code: int, arguments: list[int]) -> None:
    for machine in syscalls.MACHINES:
        listed = {syscalls.number(rule.name, machine) for rule in seccomp.LANDLOCK}
        said = verdict(seccomp.LANDLOCK, machine, code, *arguments)
        assert said == ALLOW or code in listed


def test_jumps_stay_in_reach(rules, machine) -> None:
    assert len(seccomp.assemble(rules, machine)) // 8 < 4096  # BPF_MAXINSNS
