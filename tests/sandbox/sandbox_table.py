"""Every attempt with its control and its outcome behind each wall, and the counts, as tests judge and print them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox_outside import ENGINE_NAMES, NO_WALLS, Verdict, engine, standing, verdicts
from sandbox_payload import PROBES

from cab_check.sandbox import walls
from cab_check.sandbox.box import Isolation

HELD, OPEN, ESCAPED, NO_CONTROL, ERROR = "held", "open by design", "ESCAPED", "no control", "ERROR"
LEVELS = (3, 2)

# attempts that fail on some hosts without any walls, and so prove nothing there: why
CONTROL_MAY_FAIL: Mapping[str, str] = {
    "any_other_family": "the kernel may have no other family",
    "pair_of_another_family": "no other family may be in the kernel",
    "metadata_service": "only cloud machines have one",
    "address_outside": "there may be no network",
    "tcp_to_address_of_host": "the machine may have loopback alone",
    "interfaces_of_host": "the machine may have loopback alone",
    "sctp": "not every kernel has the protocol",
    "mptcp": "not every kernel has the protocol",
    "udp_lite": "not every kernel has the protocol",
    "tcp_fast_open": "often closed by a kernel switch",
    "vsock": "not every kernel has the family",
    "crypto_socket": "not every kernel has the family",
    "setxattr_outside": "not every file system has user attributes",
    "read_attribute_outside": "not every file system has user attributes",
    "flags_outside": "not every file system has such flags",
    "nameless_file_outside": "not every file system has nameless files",
    "setuid_by_nameless_file": "not every file system has nameless files",
    "exchange_outside": "not every file system can exchange names",
    "handle_outside": "not every file system has handles",
    "perf_event": "often closed to ordinary users by a kernel switch",
    "userfaultfd": "often closed to ordinary users by a kernel switch",
    "watch_everything": "only newer kernels let ordinary users",
    "secret_memory": "often left out of the kernel",
    "io_uring": "often closed by a kernel switch",
    "io_uring_connects": "often closed by a kernel switch",
    "io_uring_opens": "often closed by a kernel switch",
    "bpf": "often closed to ordinary users by a kernel switch",
    "keyring": "the container may forbid it",
    "add_key": "the container may forbid it",
    "key_server": "the container may forbid it",
    "names_of_keys": "the container may forbid it",
    "unix_sockets_by_diagnosis": "not every kernel has it",
    "reap_victims_memory": "only newer kernels have the call",
    "configure_mount": "only newer kernels have the call",
    "own_descriptors_by_closing": "only newer kernels have the call",
    "lease_outside": "not every file system has leases",
    "take_terminal": "only root may take one that is somebody's",
    "unmapped_page_of_kernel": "closed by a kernel switch, but to root",
    "leave_unremovable_file": "not every file system has such flags",
    "leave_trusted_attribute": "not every file system has them",
    "open_by_handle": "not every file system has handles",
    "network_switches": "a container may have them read-only",
    "request_key": "the container may forbid it",
    "user_namespace": "the host may forbid it",
    "user_namespace_by_clone": "the host may forbid it",
    "user_namespace_by_clone3": "the host may forbid it",
    "clone_with_high_bits": "the host may forbid it",
    "mount_in_own_world": "the host may forbid user namespaces",
    "change_root_in_own_world": "the host may forbid user namespaces",
    "packets_in_own_world": "the host may forbid user namespaces",
    "trace_victim": "the host may restrict tracing to children",
    "attach_to_victim": "the host may restrict tracing to children",
    "read_victims_memory": "the host may restrict tracing to children",
    "write_victims_memory": "the host may restrict tracing to children",
    "steal_descriptor": "the host may restrict tracing to children",
    "compare_with_victim": "the kernel may have no kcmp",
    "foreign_memory_file": "the host may restrict tracing to children",
    "key_in_holders_memory": "the host may restrict tracing to children",
    "key_in_any_memory": "the host may restrict tracing to children",
    "hold_core_dumps": "the user may not be allowed any",
    "more_descriptors": "the user may not be allowed as many",
    "more_threads": "the user may not be allowed as many",
    "type_into_terminal": "newer systems turn it off",
    "type_into_terminal_high_bits": "newer systems turn it off",
    "old_calls": "not every kernel has the 32-bit gate",
    "x32_calls": "few kernels have the interface",
    "setuid_by_fchmodat2": "only newer kernels have the call",
    "mount_list": "only newer kernels have the call",
    "segment_table": "the kernel may be built without it",
    "module_loader": "the kernel may be built without modules",
    "load_module": "the kernel may be built without modules",
    "load_kernel": "the kernel may be built without it",
    "magic_keys": "the kernel may be built without them",
    "port_rights": "the kernel may be built without it",
    "kernel_log": "often closed to ordinary users by a kernel switch",
    "control_groups": "none may be mounted, or read-only",
    "read_host_name_file": "the system may have none",
    "packet_socket": "the container may forbid it",
    "express_data_path": "not every kernel has the family",
    "lock_memory": "the user may not be allowed as much",
    "leave_file_capability": "not every file system has them",
    "kernel_switches": "a container may have them read-only",
    "core_dump_handler": "a container may have them read-only",
}
NEEDS_ROOT = {
    *("new_mount_interface", "make_device", "capabilities", "raw_socket", "enter_foreign_namespace", "swap_root"),
    *("advise_victims_memory", "write_system", "restart", "swap", "account", "name_host", "hang_up", "read_shadow"),
    *("enter_by_process", "change_mount", "pick_mount", "move_mount", "name_domain"),
    *("real_time", "raise_priority", "quota", "set_clock", "unmount", "change_root", "mount"),
}

# what level 2 leaves open by nature: which of the gaps that are printed before anything runs it belongs to
OPEN_AT_LEVEL_2: Mapping[str, str] = {
    "stat_private_file": walls.EXISTENCE_GAP,
    "read_link_outside": walls.EXISTENCE_GAP,
    "read_attribute_outside": walls.EXISTENCE_GAP,
    "chmod_outside": walls.METADATA_GAP,
    "utime_outside": walls.METADATA_GAP,
    "owner_outside": walls.METADATA_GAP,
    "process_exists": walls.PROCESSES_GAP,
    "foreign_session": walls.PROCESSES_GAP,
    "foreign_scheduling": walls.PROCESSES_GAP,
    "processor_time_of_victim": walls.PROCESSES_GAP,
}
# and what it leaves open besides where Landlock is too old to keep signals in (ABI 4 and 5)
OPEN_WITHOUT_SCOPES: Mapping[str, str] = dict.fromkeys(
    (
        *("signal_victim", "signal_group", "signal_thread", "signal_with_value", "signal_by_ownership"),
        *("kill_process", "stop_process"),
    ),
    walls.SIGNAL_GAP,
)


@dataclass(frozen=True)
class Row:
    """One attempt. `control` is "works" or why there is none here; `cells` are by engine, of those that stand."""

    attempt: str
    control: str
    cells: Mapping[str, str]

    @property
    def proves(self) -> bool:
        """Whether the attempt gets through without walls, so that being held means something."""
        return self.control == "works"


def control(attempt: str) -> str:
    """ "works", or "none: why". Raises AssertionError for an attempt without a verdict, or that fails unexplained."""
    verdict, detail = verdicts(NO_WALLS)[attempt]
    assert verdict != "error", f"{attempt}: {detail}"
    if verdict == "escaped":
        return "works"
    why = CONTROL_MAY_FAIL.get(attempt) or ("needs root" if attempt in NEEDS_ROOT and os.geteuid() != 0 else "")
    assert why, f"{attempt} fails without walls, so it proves nothing: {detail or 'no reason given'}"
    return f"none: {why}; here: {detail or 'it got nothing'}"


def cell(attempt: str, name: str, isolation: Isolation) -> str:
    """What came of `attempt` in engine `name`: held, open by design with the gap, ESCAPED or ERROR."""
    verdict, detail = _verdict(attempt, name)
    if verdict == "error":
        return f"{ERROR}: {detail}"
    if verdict == "held":
        return HELD
    gap = gap_of(attempt, isolation)
    return f"{OPEN}: {gap}" if gap in isolation.gaps else ESCAPED


def gap_of(attempt: str, isolation: Isolation) -> str | None:
    """The printed gap that an attempt goes through, None if there must be none."""
    if isolation.level != 2:
        return None
    return OPEN_AT_LEVEL_2.get(attempt) or OPEN_WITHOUT_SCOPES.get(attempt)


def _verdict(attempt: str, name: str) -> Verdict:
    return verdicts(name)[attempt]


def walls_here() -> dict[str, Isolation]:
    """The engines that stand on this machine."""
    return {name: found for name in ENGINE_NAMES if isinstance(found := standing()[name], Isolation)}


def rows() -> Iterator[Row]:
    """The whole table."""
    for attempt in PROBES:
        yield Row(attempt, control(attempt), {name: cell(attempt, name, found) for name, found in walls_here().items()})


def counts(table: list[Row], name: str) -> Counter[str]:
    """Of one engine: how many are held, open by design, escaped or in error, and how many have no control."""
    return Counter(row.cells[name].partition(":")[0] if row.proves else NO_CONTROL for row in table)


def printed(table: list[Row]) -> Iterator[str]:
    """The table as lines, level 3 and level 2 each with its counts, and the engines that do not stand, with why."""
    here = walls_here()
    for level in LEVELS:
        names = [name for name in here if here[name].level == level]
        yield f"level {level}, as {'root' if os.geteuid() == 0 else 'an ordinary user'}"
        for name in ENGINE_NAMES:
            if engine(name).level == level and name not in here:
                yield f"  {name} does not stand here: {standing()[name]}"
        if not names:
            yield ""
            continue
        yield "  ".join([f"  {'attempt':<32}", f"{'without walls':<16}", *(f"{name:<16}" for name in names)]).rstrip()
        for row in table:
            works = "gets through" if row.proves else NO_CONTROL
            shown = [row.cells[name].partition(":")[0] if row.proves else f"({row.cells[name]})" for name in names]
            yield "  ".join([f"  {row.attempt:<32}", f"{works:<16}", *(f"{text:<16}" for text in shown)]).rstrip()
        for name in names:
            found = counts(table, name)
            proven = sum(found.values()) - found[NO_CONTROL]
            with_control = f"{proven} with a working control, {found[NO_CONTROL]} with no control"
            yield f"  {name}: {len(table)} attempts, {with_control}"
            yield "    " + ", ".join(f"{found[outcome]} {outcome}" for outcome in (HELD, OPEN, ESCAPED, ERROR))
            gaps = Counter(row.cells[name].partition(": ")[2] for row in table if row.cells[name].startswith(OPEN))
            yield from (f"    open by design, {count}: {gap}" for gap, count in gaps.items())
        yield ""
    yield "no control here:"
    yield from (f"  {row.attempt:<32}  {row.control.removeprefix('none: ')}" for row in table if not row.proves)
