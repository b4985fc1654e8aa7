"""cab-check on a machine that refuses a kind of walls: the kernel's own no, from before the program starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cab_check

_REFUSE_CALLS = """
import os, sys
from cab_check.sandbox.launch import payload, seccomp, syscalls
syscalls.prctl(payload.PR_SET_NO_NEW_PRIVS, 1)
calls = sys.argv[1].split(",")
denied = [rule for rule in seccomp.EVERY_LEVEL if rule.name in calls]
denied += [seccomp.Rule(name) for name in calls if name.startswith("landlock")]
seccomp.install(seccomp.assemble(denied, os.uname().machine))
os.execv(sys.executable, [sys.executable, "-m", "cab_check", *sys.argv[2:]])
"""

_NO_MORE_NAMESPACES = """
import os, sys
from cab_check.sandbox.launch import syscalls
user, group = os.getuid(), os.getgid()
syscalls.call("unshare", 0x10000000)
def write(path, text):
    with open(path, "w") as file:
        file.write(text)
write("/proc/self/setgroups", "deny")
write("/proc/self/uid_map", f"{user} {user} 1")
write("/proc/self/gid_map", f"{group} {group} 1")
write("/proc/sys/user/max_user_namespaces", "0")
os.execv(sys.executable, [sys.executable, "-m", "cab_check", *sys.argv[2:]])
"""

NAMESPACES = "clone,unshare,clone3"
EVERYTHING = f"{NAMESPACES},landlock_create_ruleset"


def refusing(calls: str, *arguments: str) -> list[str]:
    """A cab-check process for which the kernel answers EPERM to `calls` (of clone and unshare: to new namespaces)."""
    return [sys.executable, "-c", _REFUSE_CALLS, calls, *arguments]


def with_no_user_namespaces_left(*arguments: str) -> list[str]:
    """A cab-check process where user.max_user_namespaces is 0. For an ordinary user."""
    return [sys.executable, "-c", _NO_MORE_NAMESPACES, "", *arguments]


def seeing_the_package(environment: dict[str, str]) -> dict[str, str]:
    """`environment` with what `-c` needs to find cab_check and what it imports."""
    paths = [str(Path(cab_check.__file__).parent.parent), *(path for path in sys.path if path)]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}
