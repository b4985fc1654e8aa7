"""Which version of an agent CLI is installed here, from the metadata of its package. Nothing is run.

What the command on the path belongs to goes first, since that is what would run. For npm that is the package.json above
the command's real path, for PyPI the environment around it. Then the places where the usual installers put things:
pipx (https://pipx.pypa.io/stable/reference/environment-variables/), uv tools
(https://docs.astral.sh/uv/reference/storage/#tools), npm's global folder (npm help folders).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from cab_check.base.text import one_line
from cab_check.tuis.profile import Package, Profile

_LARGEST_MANIFEST = 1_000_000
_MANIFEST = "package.json"
_SITE = ("lib/python*/site-packages", "Lib/site-packages")


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look: the environment's variables, the home directory, this program's own module path."""

    variables: Mapping[str, str]
    home: Path
    modules: tuple[Path, ...] = ()
    system: tuple[Path, ...] = (Path("/usr/local"), Path("/usr"), Path("/opt/homebrew"))


def here() -> Places:
    """The places of this machine and user."""
    return Places(dict(os.environ), Path.home(), tuple(Path(entry) for entry in sys.path if entry))


def installed_version(profile: Profile, places: Places | None = None) -> str | None:
    """The version that is installed, or None where none was found (or the profile names no package)."""
    package = profile.package
    if package is None:
        return None
    places = places or here()
    look = _npm_manifests if package.registry == "npm" else _pypi_folders
    read = _manifest_version if package.registry == "npm" else _distribution_version
    found = (read(path, package.name) for path in look(package, places))
    return next((one_line(version, 40) for version in found if version), None)


def _command(package: Package, places: Places) -> Path | None:
    """The command of the package on the path; None for one that is a line of several words."""
    if " " in package.command:
        return None
    found = shutil.which(package.command, path=places.variables.get("PATH", ""))
    return Path(found) if found else None


def _pypi_folders(package: Package, places: Places) -> Iterator[Path]:
    command = _command(package, places)
    if command is not None:
        for one in dict.fromkeys((command.resolve(), command)):
            yield from _sites(one.parent.parent)
    yield from places.modules
    for root in _tool_roots(places):
        for environment in sorted(root.glob("*")):
            yield from _sites(environment)


def _tool_roots(places: Places) -> Iterator[Path]:
    """Folders that hold one virtual environment for each tool."""
    given, home = places.variables, places.home
    data = Path(given.get("XDG_DATA_HOME") or home / ".local/share")
    yield Path(given.get("UV_TOOL_DIR") or data / "uv/tools")
    if given.get("PIPX_HOME"):
        yield Path(given["PIPX_HOME"]) / "venvs"
    yield from (data / "pipx/venvs", home / ".local/pipx/venvs")


def _sites(environment: Path) -> Iterator[Path]:
    for pattern in _SITE:
        yield from sorted(environment.glob(pattern))


def _distribution_version(folder: Path, name: str) -> str | None:
    return next((found.version for found in distributions(name=name, path=[str(folder)])), None)


def _npm_manifests(package: Package, places: Places) -> Iterator[Path]:
    command = _command(package, places)
    if command is not None:
        yield from (folder / _MANIFEST for folder in command.resolve().parents)
        yield command.parent / "node_modules" / package.name / _MANIFEST  # where the command is a shim, not a link
    for prefix in _npm_prefixes(places):
        for modules in ("lib/node_modules", "node_modules"):
            yield prefix / modules / package.name / _MANIFEST


def _npm_prefixes(places: Places) -> Iterator[Path]:
    given = places.variables
    for name in ("NPM_CONFIG_PREFIX", "npm_config_prefix"):
        if given.get(name):
            yield Path(given[name])
    node = shutil.which("node", path=given.get("PATH", ""))
    if node is not None:
        yield Path(node).resolve().parent.parent
    yield from (places.home / ".npm-global", places.home / ".local", *places.system)


def _manifest_version(path: Path, name: str) -> str | None:
    """The version in a package.json, if it is that package's and can be read."""
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            return None
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_it = isinstance(manifest, dict) and manifest.get("name") == name
    return manifest["version"] if is_it and isinstance(manifest.get("version"), str) else None
