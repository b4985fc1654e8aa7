"""Where cab-check, with its tests and solutions, and third-party packages lie: never shown inside."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import cab_check


def own_places() -> tuple[Path, ...]:
    """Folders that must not be visible inside: the one that holds `cab_check`, the environment, every site-packages."""
    places = {Path(cab_check.__file__).resolve().parent.parent, *site_packages()}
    if sys.prefix != sys.base_prefix:
        places.add(Path(sys.prefix).resolve())
    return tuple(sorted(place for place in places if place.is_dir()))


def site_packages() -> tuple[Path, ...]:
    """The third-party folders of the base Python, as the schemes of CPython and of Debian name them."""
    stdlib = Path(sysconfig.get_path("stdlib")).resolve()
    prefix = Path(sys.base_prefix).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [stdlib / "site-packages", stdlib / "dist-packages", prefix / "lib/python3/dist-packages"]
    candidates += [
        prefix / lib / version / kind
        for lib in ("lib", "lib64", "local/lib")
        for kind in ("site-packages", "dist-packages")
    ]
    return tuple(dict.fromkeys(path.resolve() for path in candidates if path.is_dir()))
