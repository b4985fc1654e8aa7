"""What each level walls off, in the words that are printed before anything runs, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping

LEVEL_3_WALLS: Mapping[str, str] = {
    "network": "none, own loopback",
    "files": "private root, system read-only",
    "processes": "own pid namespace",
    "syscalls": "filtered",
    "limits": "rlimits and watchdog",
}

LEVEL_2_WALLS: Mapping[str, str] = {
    "network": "none, no loopback",
    "files": "Landlock, system read-only",
    "processes": "numbers of the host's, nothing of them",
    "syscalls": "filtered",
    "limits": "rlimits and watchdog",
}

NO_WALLS: Mapping[str, str] = {
    "network": "open",
    "files": "open",
    "processes": "open",
    "syscalls": "open",
    "limits": "rlimits and watchdog",
}

LEVEL_2_GAPS = (
    "whether a path exists, and its size and times, can be seen for all files of this user",
    "mode and times of this user's own files can be changed",
    "processes can outlive a kill -9 of the launcher (not of cab-check)",
    "no /dev/shm, no sockets, no /proc/self: programs that need them fail inside",
)

AS_ROOT_GAP = (
    "commands run with root's id, since the work directory is not one of cab-check's own: processes are only watched"
)

SIGNAL_GAP = "other processes of this user can be signalled (Landlock before ABI 6)"

LEVEL_0_GAPS = (
    "every file of this user can be read, changed and deleted",
    "keys and passwords in files, in the environment of other processes and in agents can be read",
    "the network and every service of this machine can be reached",
    "other processes of this user can be signalled, traced and read",
    "cab-check's own tests and solutions can be read, so the result proves nothing",
)
