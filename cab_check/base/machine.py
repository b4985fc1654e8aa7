"""Where cab-check itself runs: on a machine, in a container on it, or in WSL. Each has a loopback of its own."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

# Docker, Podman; the kernels that Microsoft builds for WSL carry its name, and those of WSL 2 that number
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
NAMES: Mapping[str, str] = {"container": "a container", "wsl2": "WSL 2", "wsl1": "WSL 1"}


def inside() -> str | None:
    """What this process runs in: a key of NAMES, or None for a machine of its own."""
    return which(platform.system(), platform.release(), in_container=any(mark.exists() for mark in _CONTAINER_MARKS))


def which(system: str, release: str, *, in_container: bool) -> str | None:
    """The same from the facts: `uname` names, and whether a container's mark is there."""
    if in_container:
        return "container"
    if system != "Linux" or "microsoft" not in release.casefold():
        return None
    return "wsl2" if "wsl2" in release.casefold() or "microsoft-standard" in release.casefold() else "wsl1"
