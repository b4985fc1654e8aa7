"""Why walls cannot stand on a machine, and the one command that mends it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
_COUNT = Path("/proc/sys/user/max_user_namespaces")
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True)
class Host:
    """What keeps user namespaces from ordinary programs here."""

    apparmor_restricts: bool = False
    switched_off: bool = False
    in_container: bool = False


def look() -> Host:
    """The host that this runs on."""
    return Host(
        apparmor_restricts=_read(_APPARMOR) == "1",
        switched_off=_read(_DEBIAN) == "0" or _read(_COUNT) == "0",
        in_container=any(mark.exists() for mark in _CONTAINER_MARKS),
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
    if host.in_container:
        return (
            "Start the container as an ordinary user (--user 1000) on a kernel of 6.2 or newer, or with"
            " --security-opt seccomp=unconfined; or run cab-check on the host."
        )
    if host.switched_off:
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000"
    return "Install bubblewrap, or use a kernel of 6.2 or newer with Landlock switched on; cab-check doctor tells more."


def unsupported_system() -> str | None:
    """Why no engine can stand on this operating system or machine, or None if one might."""
    if sys.platform == "win32":
        return "Windows is not supported directly: run cab-check inside WSL2 (wsl --install)"
    if sys.platform == "darwin":
        return "the macOS seatbelt engine is not built yet"
    if not sys.platform.startswith("linux"):
        return f"no engine exists for {sys.platform}"
    if platform.machine() not in ("x86_64", "aarch64"):
        return f"the system call filter is written for x86_64 and aarch64, not for {platform.machine()}"
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
