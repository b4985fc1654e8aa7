"""Programs of this machine that tasks need, resolved to directories that can be shown read-only without a secret.

Shims are resolved here, outside, once: rustup's `cargo` proxy does not work on a read-only RUSTUP_HOME, and the
others read settings in the home, which is not visible inside. No package registry or cache is shown.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cab_check.base.errors import ToolchainMissing, UnknownName
from cab_check.base.text import one_line
from cab_check.sandbox.box import Toolchain
from cab_check.sandbox.hidden import site_packages

_VERSION_S = 20.0
# the first bytes of a program: ELF; Mach-O for one machine, and for several (mach-o/loader.h, fat.h)
_PROGRAMS = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")

# where version managers keep the real programs, for when PATH has only their shims
_INSTALLS: Mapping[str, tuple[str, ...]] = {
    "node": (
        ".nvm/versions/node/*/bin/node",
        ".volta/tools/image/node/*/bin/node",
        ".asdf/installs/nodejs/*/bin/node",
        ".local/share/mise/installs/node/*/bin/node",
        ".local/share/fnm/node-versions/*/installation/bin/node",
    ),
    "go": (".asdf/installs/golang/*/go/bin/go", ".local/share/mise/installs/go/*/bin/go", "sdk/go*/bin/go"),
    "java": (
        ".sdkman/candidates/java/*/bin/java",
        ".asdf/installs/java/*/bin/java",
        ".local/share/mise/installs/java/*/bin/java",
        ".jdks/*/bin/java",
    ),
    "gcc": (),
    "cargo": (),
}


def find(name: str) -> Toolchain:
    """The toolchain `name`: python, cargo, node, go, java or gcc.

    Raises ToolchainMissing, with what to install, or UnknownName.
    """
    chain = locate(name)
    if chain.version:
        return chain
    command = (str(Path(chain.path[0]) / name), "version" if name == "go" else "--version")
    answer = _first_line(command, name)
    number = re.search(r"\d+(\.\d+)+", answer)
    return replace(chain, version=number.group() if number else answer)


def locate(name: str) -> Toolchain:
    """As `find`, without running the program to ask for its version, which is left empty then."""
    if name not in _FINDERS:
        raise UnknownName(f"no toolchain is called {one_line(name)!r}", f"Known: {', '.join(_FINDERS)}.")
    return _FINDERS[name]()


def all_here() -> tuple[Toolchain, ...]:
    """Every toolchain that can be located on this machine."""
    chains = []
    for name in NAMES:
        with suppress(ToolchainMissing):
            chains.append(locate(name))
    return tuple(chains)


def _python() -> Toolchain:
    """The base of the running Python: interpreter and standard library, no third-party package."""
    prefix = Path(sys.base_prefix).resolve()
    program = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not program.exists():
        raise ToolchainMissing(f"the base of this Python has no {program}", "Run cab-check with another Python.")
    base = {"platbase": sys.base_exec_prefix}  # or a virtual environment would give its own folder
    libraries = (Path(sysconfig.get_path(which, vars=base)).resolve() for which in ("stdlib", "platstdlib"))
    shown = [prefix / "bin", *libraries, *sorted((prefix / "lib").glob("libpython3*"))]
    return Toolchain(
        name="python",
        version=platform.python_version(),
        path=(str(prefix / "bin"),),
        read_only=tuple(dict.fromkeys(shown)),
        hidden=site_packages(),
    )


def _cargo() -> Toolchain:
    """Cargo of rustup's default toolchain, or of the system; offline, with an empty private CARGO_HOME."""
    advice = "Install Rust (https://rustup.rs), or run another task."
    linker = _on_path("cc")
    if linker is None:
        raise ToolchainMissing("Rust needs a C linker, and there is no cc", "Install gcc.")
    program = _real("cargo") or _rustup_cargo()
    if program is None:
        raise ToolchainMissing("there is no cargo here", advice)
    root = program.parent.parent
    shown = () if _of_the_system(root) else tuple(root / part for part in ("bin", "lib", "libexec"))
    env = {"CARGO_HOME": "{home}/.cargo", "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never"}
    return _chain("cargo", program, shown, env)


def _rustup_cargo() -> Path | None:
    """`cargo` in the toolchain that rustup's settings call the default, or None."""
    home = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
    try:
        wanted = str(tomllib.loads((home / "settings.toml").read_text(encoding="utf-8"))["default_toolchain"])
    except (OSError, KeyError, ValueError):
        return None
    folders = sorted((home / "toolchains").glob("*"))
    exact = [folder for folder in folders if folder.name == wanted or folder.name.startswith(f"{wanted}-")]
    return next((cargo for folder in exact if _is_program(cargo := (folder / "bin/cargo").resolve(), "cargo")), None)


def _node() -> Toolchain:
    program = _needed("node", "Install Node.js 20 or newer, or run another task.")
    root = program.parent.parent
    shown = () if _of_the_system(root) else (root / "bin", root / "lib")
    return _chain("node", program, shown, {"npm_config_offline": "true", "npm_config_update_notifier": "false"})


def _go() -> Toolchain:
    program = _needed("go", "Install Go (https://go.dev/dl), or run another task.")
    root = program.parent.parent
    env = {
        "GOROOT": str(root),
        "GOPATH": "{home}/go",
        "GOCACHE": "{home}/.cache/go-build",
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "local",
        "GOTELEMETRY": "off",
    }
    return _chain("go", program, () if _of_the_system(root) else (root,), env)


def _java() -> Toolchain:
    advice = "Install a JDK, 17 or newer, or run another task."
    program = _needed("java", advice)
    if not (program.parent / "javac").exists():
        raise ToolchainMissing(f"{program.parent} has java but no javac", advice)
    root = program.parent.parent
    return _chain("java", program, () if _of_the_system(root) else (root,), {"JAVA_HOME": str(root)})


def _gcc() -> Toolchain:
    program = _needed("gcc", "Install gcc and the headers of the C library, or run another task.")
    if not _of_the_system(program.parent.parent):
        raise ToolchainMissing(f"{program} is outside /usr, where its parts are not known", "Install the system's gcc.")
    return _chain("gcc", program, (), {})


_FINDERS: Mapping[str, Callable[[], Toolchain]] = {
    "python": _python,
    "cargo": _cargo,
    "node": _node,
    "go": _go,
    "java": _java,
    "gcc": _gcc,
}


def _chain(name: str, program: Path, shown: tuple[Path, ...], env: Mapping[str, str]) -> Toolchain:
    for folder in shown:
        _refuse_home(folder, name)
    return Toolchain(
        name=name,
        version="",
        path=(str(program.parent),),
        read_only=tuple(folder for folder in shown if folder.exists()),
        env=env,
    )


def _first_line(command: tuple[str, ...], name: str) -> str:
    """What the resolved program says of itself, run with a clean environment and a deadline."""
    advice = f"Reinstall {name}."
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_VERSION_S,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"},
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise ToolchainMissing(f"{command[0]} does not work: {one_line(str(failure))}", advice) from failure
    said = one_line(done.stdout.decode("utf-8", "replace").strip().partition("\n")[0])
    if done.returncode != 0:
        raise ToolchainMissing(f"{' '.join(command)} ended with {done.returncode}: {said}", advice)
    return said


def _needed(name: str, advice: str) -> Path:
    program = _real(name)
    if program is None:
        raise ToolchainMissing(f"there is no {name} here", advice)
    return program


def _real(name: str) -> Path | None:
    """The program itself, no shim: first by PATH, then where version managers keep theirs, newest first."""
    installed = [path for pattern in _INSTALLS[name] for path in Path.home().glob(pattern)]
    newest = sorted(installed, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True)
    places = [path.resolve() for path in (*_candidates(name), *newest)]
    return next((path for path in places if _is_program(path, name)), None)


def _on_path(name: str) -> Path | None:
    return next(_candidates(name), None)


def _candidates(name: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / name
        if path.is_absolute() and os.access(path, os.X_OK):  # False also where a folder of PATH is closed to us
            yield path


def _is_program(path: Path, name: str) -> bool:
    """Whether this is a machine program of that name: shims are scripts, or links to a program of another name."""
    suffixes = re.escape(name) + r"|.*-" + re.escape(name) + r"-[\d.]+"
    if not re.fullmatch(rf"({suffixes})[-\d.]*", path.name):
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) in _PROGRAMS
    except OSError:
        return False


def _of_the_system(root: Path) -> bool:
    return root.is_relative_to("/usr") or root.is_relative_to("/nix/store") or root == Path("/")


def _refuse_home(folder: Path, name: str) -> None:
    """Raises ToolchainMissing for a folder that is, or holds, a home: its contents are not a toolchain alone."""
    resolved, home = folder.resolve(), Path.home().resolve()
    if resolved in (home, home.parent, Path("/")) or resolved in home.parents or resolved.parent == home:
        raise ToolchainMissing(f"{name} lies directly in {folder}, which cannot be shown", "Install it in a folder.")


NAMES = tuple(_FINDERS)
"""The toolchains that can be found, in the order in which `doctor` lists them."""
