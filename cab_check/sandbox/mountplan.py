"""What is visible inside: one list, made from a Plan, that feeds every engine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cab_check.base.errors import NoSandbox
from cab_check.sandbox.box import Plan
from cab_check.sandbox.hidden import own_places

UNPRIVILEGED = 65532  # who commands are where cab-check is root: an id that distributions give to nobody
WORK_INSIDE = "/app"  # where a task's container has its work directory on Harbor
HOME_INSIDE = "/home/sandbox"

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_ETC_IN_PLACE = ("/etc/passwd", "/etc/group", "/etc/hosts")
_ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates"),
    *("pki/tls/certs", "pki/ca-trust/extracted", "localtime", "nsswitch.conf", "os-release", "mime.types"),
    *("protocols", "services", "java-8-openjdk", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk"),
    *("java-25-openjdk", "java"),
)


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the host, and where it is seen inside. `names_only`: it can be listed, nothing in it read."""

    source: str
    target: str
    writable: bool = False
    names_only: bool = False


@dataclass(frozen=True)
class Layout:
    """The whole view. `binds` are in the order in which they can be mounted; `links` are (path inside, its target)."""

    binds: tuple[Bind, ...]
    links: tuple[tuple[str, str], ...]
    env: Mapping[str, str]
    work: str

    def inside(self, source: Path) -> str:
        """Where a mounted path of the host, or a path below one, is seen. Raises KeyError if nowhere."""
        places = {bind.source: bind.target for bind in self.binds}
        resolved = source.resolve()
        for place in (resolved, *resolved.parents):
            if str(place) in places:
                return str(Path(places[str(place)]) / resolved.relative_to(place))
        raise KeyError(str(source))

    def counted(self, *, inside: bool) -> list[str]:
        """The places whose contents count against the disk limits, by their path inside or on the host."""
        return [bind.target if inside else bind.source for bind in self.binds if bind.writable]


def layout(plan: Plan, scratch: Path, *, moves: bool) -> Layout:
    """The view of `plan`. `moves` says whether the engine can show a path elsewhere than where it is on the host.

    `scratch` is a private folder of the box; home, temporary files and a few synthetic files of /etc are made in it.
    Raises NoSandbox if a mount would show what must stay hidden, or the whole of a home.
    """
    for mount in plan.mounts:
        _refuse_too_much(mount.source)
    home, temporary, etc, empty = (_folder(scratch / name) for name in ("home", "tmp", "etc", "empty"))
    mounts = [Bind(str(mount.source.resolve()), mount.inside, mount.writable) for mount in plan.mounts]
    mounts += [Bind(str(home), HOME_INSIDE, True), Bind(str(temporary), "/tmp", True)]
    system, links = _system()
    shown = [*system, *(Bind(str(path), str(path)) for chain in plan.toolchains for path in chain.read_only)]
    hidden = {*own_places(), *(path for chain in plan.toolchains for path in chain.hidden)}
    if moves:
        covers = [Bind(str(empty), str(path)) for path in hidden if _within(path, shown)]
        binds = [*shown, *covers, *_etc_for_moving(etc), *mounts]
    else:
        mounts = [Bind(bind.source, bind.source, bind.writable) for bind in mounts]
        shown += [Bind(str(path.resolve()), str(path)) for path in map(Path, (*_etc_paths(), *_ETC_IN_PLACE))]
        binds = [*carve(shown, hidden), *mounts]
    ordered = sorted(dict.fromkeys(binds), key=lambda bind: PurePosixPath(bind.target).parts)
    inside = HOME_INSIDE if moves else str(home)
    return Layout(
        binds=tuple(ordered),
        links=links if moves else (),
        env=_environment(plan, inside, "/tmp" if moves else str(temporary)),
        work=plan.mounts[0].inside if moves else mounts[0].target,
    )


def carve(shown: Iterable[Bind], hidden: Iterable[Path]) -> list[Bind]:
    """`shown` without `hidden`, for an engine that can only allow.

    A folder that holds a hidden one becomes its other children, and stays listable, since Python finds a module by
    listing its folder. Landlock lets names be listed all the way down then: of what is hidden, the names alone show.
    """
    result: list[Bind] = []
    pending = [Path(bind.source) for bind in shown]
    keep_out = [str(path) for path in hidden]
    while pending:
        path = pending.pop()
        text = str(path)
        if any(text == place or text.startswith(place + "/") for place in keep_out):
            continue
        if any(place.startswith(text + "/") for place in keep_out):
            result.append(Bind(text, text, names_only=True))
            pending += [child for child in path.iterdir() if not child.is_symlink()]
        else:
            result.append(Bind(text, text))
    return result


def _system() -> tuple[list[Bind], tuple[tuple[str, str], ...]]:
    binds: list[Bind] = []
    links: list[tuple[str, str]] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links.append((name, str(path.readlink())))
        elif path.exists():
            binds.append(Bind(str(path.resolve()), name))
    return binds, tuple(links)


def _etc_paths() -> list[str]:
    return [path for path in (f"/etc/{name}" for name in _ETC) if os.access(path, os.R_OK)]


def _etc_for_moving(folder: Path) -> list[Bind]:
    """/etc as one mount: small files are copied into `folder`, since each mount costs time at every command."""
    folders = []
    for path in map(Path, _etc_paths()):
        place = folder / path.relative_to("/etc")
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            folders.append(Bind(str(path.resolve()), str(path)))
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    _synthetic_files(folder)
    return [Bind(str(folder), "/etc"), *folders]


def _synthetic_files(folder: Path) -> None:
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        user = group = UNPRIVILEGED
    texts = {
        "passwd": f"sandbox:x:{user}:{group}:sandbox:{HOME_INSIDE}:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        "group": f"sandbox:x:{group}:\nnogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)


def _environment(plan: Plan, home: str, temporary: str) -> dict[str, str]:
    path = [entry for chain in plan.toolchains for entry in chain.path]
    env = {
        "PATH": ":".join(dict.fromkeys([*path, "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"])),
        "HOME": home,
        "TMPDIR": temporary,
        "XDG_CACHE_HOME": f"{home}/.cache",
        "XDG_CONFIG_HOME": f"{home}/.config",
        "XDG_DATA_HOME": f"{home}/.local/share",
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_NO_INDEX": "1",
        "npm_config_offline": "true",
    }
    for chain in plan.toolchains:
        env |= {name: value.replace("{home}", home) for name, value in chain.env.items()}
    return env | dict(plan.env)


def _within(path: Path, shown: Iterable[Bind]) -> bool:
    return any(path == Path(bind.source) or Path(bind.source) in path.parents for bind in shown)


def _refuse_too_much(source: Path) -> None:
    """Raises NoSandbox for a work directory or mount that is, or holds, a home or the root."""
    resolved = source.resolve()
    homes = {Path(home).resolve() for home in (Path.home(), "/home", "/root")}
    if resolved == Path("/") or any(resolved == home or resolved in home.parents for home in homes):
        raise NoSandbox(f"{source} holds a whole home; it is not shown to a model", "Give a folder of its own.")


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    return path
