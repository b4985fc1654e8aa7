"""The system call filter: a small BPF assembler and the list of what is denied.

Default allow. Calls are denied because they widen the kernel's attack surface (nested user namespaces, io_uring,
bpf), reach other processes (ptrace, pidfd_getfd), plant something that outlives the box (setuid bits) or type
into a terminal. Layout of `struct seccomp_data`: Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cab_check.sandbox.launch import syscalls

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4
_X32_BIT = 0x40000000

_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_SETID_BITS = 0o6000
_CREATES = 0o100  # O_CREAT
_TMPFILE = 0o20000000  # __O_TMPFILE: linkat(2) gives such a file a name later
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; the rest (VSOCK!) is not namespaced or not needed
_AF_UNIX, _DATAGRAM_BIT = 1, 2  # SOCK_DGRAM is 2, SOCK_RAW 3; a stream is 1, and one of packets in sequence 5
_SOL_SOCKET, _BUFFER_SIZES = 1, (7, 8)  # SO_SNDBUF, SO_RCVBUF
_CLONE_FILES, _CLONE_THREAD, _CLOSE_RANGE_UNSHARE = 0x400, 0x10000, 2
_TTY_REQUESTS = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCSETD

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """Deny `name` with `error`. With `argument`, only if a condition on its low 32 bits holds.

    `any_bits`: one of these bits is set; `none_bits`: not one of them is; `equal`: it is one of these values;
    `other_than`: it is none of these. `when_bits` and `when_equal` are a second condition, (argument, bits) or
    (argument, value), that must hold first. With an `error` of 0 the call succeeds without doing anything.

    Only the low word is looked at: the kernel's own handlers truncate to 32 bits, so a compare of all 64 is walked
    around by setting a high bit (the class of CVE-2019-10063).
    """

    name: str
    error: int = errno.EPERM
    argument: int | None = None
    any_bits: int = 0
    equal: tuple[int, ...] = ()
    other_than: tuple[int, ...] = ()
    none_bits: int = 0
    when_bits: tuple[int, int] | None = None
    when_equal: tuple[int, int] | None = None


def _all(names: str, error: int = errno.EPERM) -> tuple[Rule, ...]:
    return tuple(Rule(name, error) for name in names.split())


EVERY_LEVEL: tuple[Rule, ...] = (
    *_all("clone3 memfd_create", errno.ENOSYS),  # flags behind a pointer; memory that no watchdog sees
    *_all("shmget semget msgget", errno.ENOSYS),  # memory of the kernel that is nobody's, until the box ends or longer
    Rule("clone", argument=0, any_bits=_NAMESPACES),
    Rule("unshare", argument=0, any_bits=_NAMESPACES | _CLONE_FILES),
    # what is held open is looked up by process, so no thread has descriptors that the others have not
    Rule("clone", argument=0, none_bits=_CLONE_FILES, when_bits=(0, _CLONE_THREAD)),
    Rule("close_range", argument=2, any_bits=_CLOSE_RANGE_UNSHARE),
    Rule("socketpair", errno.EACCES, argument=0, other_than=(_AF_UNIX,)),
    # buffers keep their default size, which is what one is counted as; a wish for another may be ignored anyway
    Rule("setsockopt", 0, argument=2, equal=_BUFFER_SIZES, when_equal=(1, _SOL_SOCKET)),
    *_all("ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise process_mrelease"),
    *_all("io_uring_setup io_uring_enter io_uring_register bpf perf_event_open userfaultfd"),
    *_all("add_key request_key keyctl"),
    *_all("mount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick"),
    *_all("mount_setattr setns statmount listmount"),
    *_all("init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct"),
    *_all("quotactl quotactl_fd syslog settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname"),
    *_all("iopl ioperm modify_ldt vhangup uselib _sysctl sysfs ustat nfsservctl lookup_dcookie fanotify_init"),
    *_all("name_to_handle_at open_by_handle_at memfd_secret move_pages migrate_pages"),
    Rule("ioctl", argument=1, equal=_TTY_REQUESTS),
    Rule("chmod", argument=1, any_bits=_SETID_BITS),
    Rule("fchmod", argument=1, any_bits=_SETID_BITS),
    Rule("fchmodat", argument=2, any_bits=_SETID_BITS),
    Rule("fchmodat2", argument=2, any_bits=_SETID_BITS),
    Rule("mkdir", argument=1, any_bits=_SETID_BITS),
    Rule("mkdirat", argument=2, any_bits=_SETID_BITS),
    Rule("mknod", argument=1, any_bits=_SETID_BITS),
    Rule("mknodat", argument=2, any_bits=_SETID_BITS),
    Rule("creat", argument=1, any_bits=_SETID_BITS),
    Rule("open", argument=2, any_bits=_SETID_BITS, when_bits=(1, _CREATES | _TMPFILE)),
    Rule("openat", argument=3, any_bits=_SETID_BITS, when_bits=(2, _CREATES | _TMPFILE)),
    *_all("openat2", errno.ENOSYS),  # the mode is behind a pointer; every program falls back to openat
)

NAMESPACES: tuple[Rule, ...] = (
    *EVERY_LEVEL,
    Rule("socket", errno.EACCES, argument=0, other_than=_FAMILIES),
)

LANDLOCK: tuple[Rule, ...] = (
    *EVERY_LEVEL,
    *_all("socket", errno.EACCES),
    # one of a pair of datagram sockets can send to any other by its path, and Landlock does not hear of it
    Rule("socketpair", errno.EACCES, argument=1, any_bits=_DATAGRAM_BIT),
    *_all("setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat"),
    *_all("truncate file_setattr"),
    # objects that others of this user made can be used by their number; Landlock knows none of these calls
    *_all("shmat shmctl semop semtimedop semctl msgsnd msgrcv msgctl mq_open mq_unlink"),
    *_all("pidfd_open pidfd_send_signal"),
    *_all("inotify_init inotify_init1", errno.ENOSYS),  # tells of every file that the user opens
    Rule("kill", argument=0, equal=(0xFFFFFFFF,)),
    *(
        Rule(name, argument=0, other_than=(0,))
        for name in ("prlimit64", "sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr")
    ),
    Rule("setpriority", argument=0, other_than=(0,)),  # PRIO_PROCESS
    Rule("setpriority", argument=1, other_than=(0,)),
    Rule("ioprio_set", argument=0, other_than=(1,)),  # IOPRIO_WHO_PROCESS
    Rule("ioprio_set", argument=1, other_than=(0,)),
)


def assemble(rules: Iterable[Rule], machine: str) -> bytes:
    """The filter for `machine` ("x86_64" or "aarch64") as an array of `struct sock_filter`."""
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_IF_EQUAL, 1, 0, syscalls.AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(_IF_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for rule in rules:
        code = syscalls.number(rule.name, machine)
        if code is not None:
            body = list(_deny(rule))
            program += [(_IF_EQUAL, 0, len(body), code), *body]
    program.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _deny(rule: Rule) -> Iterator[Instruction]:
    """The instructions after the number has matched. They leave the number in the accumulator if they do not deny."""
    verdict: Instruction = (_RETURN, 0, 0, _ERRNO | rule.error)
    if rule.argument is None:
        yield verdict
        return
    tail: list[Instruction] = [_load_argument(rule.argument)]
    if rule.any_bits:
        tail += [(_IF_BITS, 0, 1, rule.any_bits), verdict]
    if rule.none_bits:
        tail += [(_IF_BITS, 1, 0, rule.none_bits), verdict]
    for value in rule.equal:
        tail += [(_IF_EQUAL, 0, 1, value), verdict]
    if rule.other_than:
        count = len(rule.other_than)
        tail += [(_IF_EQUAL, count - index, 0, value) for index, value in enumerate(rule.other_than)]
        tail.append(verdict)
    for condition, test in ((rule.when_bits, _IF_BITS), (rule.when_equal, _IF_EQUAL)):
        if condition:
            position, value = condition
            yield _load_argument(position)
            yield (test, 0, len(tail), value)
    yield from tail
    yield (_LOAD, 0, 0, _NUMBER_AT)


def _load_argument(position: int) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * position)


def install(program: bytes) -> None:
    """Put the filter on this process for good; `no_new_privs` must be set. Raises OSError."""
    filters = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(filters))
    set_mode_filter = 1
    syscalls.call("seccomp", set_mode_filter, 0, ctypes.create_string_buffer(header, len(header)))
