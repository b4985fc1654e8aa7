"""What each level walls off, in the words that are printed before anything runs, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping

from cab_check.sandbox.box import Isolation

WATCHED_LIMITS = "rlimits and watchdog"
CGROUP_LIMITS = "cgroup v2 (memory, processes), rlimits and watchdog"

LEVEL_3_WALLS: Mapping[str, str] = {
    "network": "none, own loopback",
    "files": "private root, system read-only",
    "processes": "own pid namespace",
    "syscalls": "filtered",
    "limits": WATCHED_LIMITS,
}

LEVEL_2_WALLS: Mapping[str, str] = {
    "network": "none, no loopback",
    "files": "Landlock, system read-only",
    "processes": "the host's numbers, nothing that they hold",
    "syscalls": "filtered",
    "limits": WATCHED_LIMITS,
}

CONTAINER_WALLS: Mapping[str, str] = {
    "network": "none, own loopback",
    "files": "the image read-only, nothing of the host but the work directory",
    "processes": "own pid namespace",
    "syscalls": "the engine's own filter",
    "limits": "cgroup of the engine (memory, processes), rlimits",
}

SEATBELT_WALLS: Mapping[str, str] = {
    "network": "none, no loopback",
    "files": "listed paths, system read-only",
    "processes": "signals only inside",
    "syscalls": "operations that the profile allows",
    "limits": "rlimits, memory and processes looked at now and then",
}

NO_WALLS: Mapping[str, str] = {
    "network": "open",
    "files": "open",
    "processes": "open",
    "syscalls": "open",
    "limits": WATCHED_LIMITS,
}

EXISTENCE_GAP = (
    "whether a path exists, its size, times, extended attributes and, of a link, its target can be seen for all files "
    "of this user"
)
METADATA_GAP = "mode, group and times of this user's own files can be changed"
PROCESSES_GAP = "which processes run, with their owner, session, scheduling and processor time, can be seen"
OUTLIVING_GAP = "processes can outlive a kill -9 of the launcher (not of cab-check)"
MISSING_GAP = "no /dev/shm, no sockets, no inotify, no /proc/self: programs that need them fail inside"
LEVEL_2_GAPS = (EXISTENCE_GAP, METADATA_GAP, PROCESSES_GAP, OUTLIVING_GAP, MISSING_GAP)

SETUID_GAP = "setuid files of this user can be left in the work directory"
CONTAINER_GAPS = (
    "not tried by those who wrote it: the self-test on this machine is all that is known",
    "docker's daemon runs as root, and has to be trusted; a hole in it is a hole to root",
    SETUID_GAP,
    "a container can outlive a kill -9 of cab-check; it is removed at the next start",
    "the toolchains are the image's, not this machine's",
)

SEATBELT_GAPS = (
    "not tried by those who wrote it: the self-test on this machine is all that is known",
    "whether a path exists, and its size and times, can be seen",
    "names and arguments of other processes may be seen",
    "memory and processes are only looked at, four times a second",
    "a process that leaves its group and its parent within that time can outlive the command, inside the walls",
    "processes can outlive a kill -9 of cab-check, inside the walls",
)

AS_ROOT_GAP = (
    "commands run with root's id, since the work directory is not one of cab-check's own: processes are only watched"
)

SIGNAL_GAP = "other processes of this user can be signalled (Landlock before ABI 6)"

NAMED_ESCAPES: Mapping[str, str] = {SETUID_GAP: "leave a setuid file", SIGNAL_GAP: "signal cab-check"}
"""The attempt of the self-test that gets out where a gap is named; every other one must be held."""

LEVEL_0_GAPS = (
    "every file of this user can be read, changed and deleted",
    "keys and passwords in files, in the environment of other processes and in agents can be read",
    "the network and every service of this machine can be reached",
    "other processes of this user can be signalled, traced and read",
    "cab-check's own tests and solutions can be read, so the result proves nothing",
)


def wall_lines(isolation: Isolation) -> list[str]:
    """What stands and what does not, as it is printed before anything runs."""
    version = f" {isolation.engine_version}" if isolation.engine_version else ""
    walls = "; ".join(f"{name}: {wall}" for name, wall in isolation.walls.items())
    lines = [f"sandbox: level {isolation.level} ({isolation.engine}{version})  {walls}"]
    if isolation.gaps:
        lines.append("not walled off: " + "; ".join(isolation.gaps))
    return lines
