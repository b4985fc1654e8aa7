"""Which cab-check, on which machine: what a reader needs to judge whether two Records can be compared."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from cab_check import __version__


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """The `tool` part of a Record. `cpus` are those that this process may use; None where the system does not say."""

    name: str
    version: str
    knowledge_version: str
    python: str
    platform: str
    cpus: int | None


def tool_facts() -> ToolFacts:
    """The facts of the process that runs now."""
    return ToolFacts(
        name="cab-check",
        version=__version__,
        knowledge_version=knowledge_version(),
        python=platform.python_version(),
        platform=f"{platform.system()}-{platform.release()}-{platform.machine()}",
        cpus=_cpus(),
    )


@cache
def knowledge_version() -> str:
    """The first 12 hex digits of a SHA-256 over every knowledge file, so that an edited rule shows in the Record."""
    digest = hashlib.sha256()
    for path, data in sorted(_data_files(files("cab_check.knowledge"), "")):
        digest.update(f"{path}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:12]


def _data_files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _data_files(entry, f"{name}/")
        elif name.endswith(".toml"):
            found.append((name, entry.read_bytes()))
    return found


def _cpus() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
