"""Why walls cannot stand on a machine, and the one command that mends it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from cab_check.base import machine

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
_COUNT = Path("/proc/sys/user/max_user_namespaces")
_MACHINES = ("x86_64", "aarch64")  # what the system call filter is written for


@dataclass(frozen=True, slots=True)
class Host:
    """What of the machine decides which walls can stand, and what keeps user namespaces from ordinary programs."""

    system: str = "linux"  # as sys.platform names it
    machine: str = "x86_64"
    inside: str | None = None  # a key of base.machine.NAMES
    apparmor_restricts: bool = False
    switched_off: bool = False


def look() -> Host:
    """The host that this runs on."""
    return Host(
        system=sys.platform,
        machine=platform.machine(),
        inside=machine.inside(),
        apparmor_restricts=_read(_APPARMOR) == "1",
        switched_off=_read(_DEBIAN) == "0" or _read(_COUNT) == "0",
    )


def mend(host: Host) -> str:
    """A sentence with the command to type, for a host on which nothing stands.

    The profile is Ubuntu's own (package apparmor-profiles, since 24.04); the sysctl that it makes needless is left
    alone on purpose, because it protects the whole machine.
    """
    if host.apparmor_restricts:
        profile = "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
        return (
            "sudo apt install bubblewrap apparmor-profiles"
            f" && sudo ln -s {profile} /etc/apparmor.d/"
            " && sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"
        )
    if host.inside == "container":
        return (
            "Start the container as an ordinary user (--user 1000) on a kernel of 6.2 or newer, or with"
            " --security-opt seccomp=unconfined; or run cab-check on the host."
        )
    if host.switched_off:
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000"
    return "Install bubblewrap, or use a kernel of 6.2 or newer with Landlock switched on; cab-check doctor tells more."


def unsupported(host: Host) -> tuple[str, str] | None:
    """Why no engine can stand on this system or machine, and what to do; None if one might."""
    if host.system == "win32":
        return (
            "on Windows no walls can be built, so no task is run; the handshake works",
            "Install WSL 2 (wsl --install) and run cab-check there, or add --no-task.",
        )
    if host.inside == "wsl1":
        return (
            "WSL 1 has no Linux kernel of its own, so no walls can be built; the handshake works",
            "wsl --set-version DISTRIBUTION 2, or add --no-task.",
        )
    if host.system == "darwin":
        return None
    if not host.system.startswith("linux"):
        return f"no engine exists for {host.system}", "Add --no-task."
    if host.machine not in _MACHINES:
        known = " and ".join(_MACHINES)
        return f"the system call filter is written for {known}, not for {host.machine}", "Add --no-task."
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
