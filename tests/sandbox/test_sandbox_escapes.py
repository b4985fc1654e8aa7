"""Attempts to get out, in every engine that stands here, each with the proof that it gets through without walls."""

from __future__ import annotations

import os

import pytest
from sandbox_outside import ENGINE_NAMES, standing, verdicts
from sandbox_payload import PROBES

from cab_check.sandbox.box import Isolation

# attempts that fail on some hosts without any walls, and so prove nothing there: why
CONTROL_MAY_FAIL = {
    "open_terminal": "there is no terminal in a test run",
    "terminal_on_a_stream": "the launcher never hands a terminal on",
    "inherited_descriptors": "the launcher never hands a descriptor on",
    "key_in_own_environment": "the launcher builds the environment from scratch, walls or none",
    "hold_core_dumps": "the limit holds without walls too",
    "vsock": "not every kernel has the family",
    "crypto_socket": "not every kernel has the family",
    "setxattr_outside": "not every file system has user attributes",
    "perf_event": "often closed to ordinary users by a kernel switch",
    "userfaultfd": "often closed to ordinary users by a kernel switch",
    "secret_memory": "often left out of the kernel",
    "bpf": "often closed to ordinary users by a kernel switch",
    "io_uring": "often closed by a kernel switch",
    "keyring": "the container may forbid it",
    "user_namespace": "the host may forbid it",
    "user_namespace_by_clone": "the host may forbid it",
    "mptcp": "not every kernel has the protocol",
    "tcp_fast_open": "often closed by a kernel switch",
    "trace_victim": "the host may restrict tracing to children",
    "read_victims_memory": "the host may restrict tracing to children",
    "steal_descriptor": "the host may restrict tracing to children",
    "foreign_memory_file": "the host may restrict tracing to children",
}
NEEDS_ROOT = {
    *("packet_socket", "new_mount_interface", "make_device", "kernel_switches"),
    *("write_system", "capabilities"),
}

# what level 2 leaves open by nature; its Isolation must say so
OPEN_AT_LEVEL_2 = {
    "stat_private_file": "whether a path exists",
    "chmod_outside": "mode and times",
    "utime_outside": "mode and times",
    "raw_devices": "whether a path exists",
}


def test_at_least_one_engine_stands() -> None:
    stand = [name for name, walls in standing().items() if isinstance(walls, Isolation)]
    assert stand, f"no walls stand on this machine: {standing()}"


@pytest.mark.parametrize("attempt", PROBES)
def test_attempt_gets_through_without_walls(attempt: str) -> None:
    verdict, detail = verdicts("none")[attempt]
    assert verdict != "error", detail
    if attempt in CONTROL_MAY_FAIL or (attempt in NEEDS_ROOT and os.geteuid() != 0):
        return
    assert verdict == "escaped", f"the attempt proves nothing: {detail}"


@pytest.mark.parametrize("attempt", PROBES)
@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_attempt_is_held(name: str, attempt: str) -> None:
    walls = standing()[name]
    if isinstance(walls, str):
        pytest.skip(walls)
    verdict, detail = verdicts(name)[attempt]
    assert verdict != "error", detail
    if walls.level == 2 and attempt in OPEN_AT_LEVEL_2:
        assert any(OPEN_AT_LEVEL_2[attempt] in gap for gap in walls.gaps)
        return
    assert verdict == "held", detail


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_selftest_reports_every_attempt(name: str) -> None:
    walls = standing()[name]
    if isinstance(walls, str):
        pytest.skip(walls)
    assert len(walls.selftest) >= 12
    assert set(walls.selftest.values()) == {"held"}
