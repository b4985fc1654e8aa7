"""The engine for level 1, only where it is asked for: docker or podman, one container for each command.

No engine of this kind ran where this was written: the argument vector is tested, and the self-test decides on the
machine it is used on. Options: https://docs.docker.com/reference/cli/docker/container/run/ and podman-run(1).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cab_check.base.errors import NoSandbox
from cab_check.base.text import one_line
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Box, Isolation, Limits, Plan
from cab_check.sandbox.handover import all_ours, hand_over, payload_user
from cab_check.sandbox.mountplan import HOME_INSIDE, Bind, layout
from cab_check.sandbox.spawned import SpawnedBox
from cab_check.sandbox.walls import CONTAINER_GAPS, CONTAINER_WALLS

IMAGE = "docker.io/library/python:3.13-slim"
"""Used where none is named. It must have sh, the coreutils, a python3 for the self-test, and what the task needs."""

_ANSWER_S = 20.0
_PASSED_ON = ("HOME", "PATH", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR", "CONTAINER_HOST")
_OWN_FAILURE = 125  # what docker and podman end with when they did not start the command


class ContainerEngine:
    """A read-only container without network, capabilities and environment; of the host only the work directory."""

    level = 1

    def __init__(self, name: str, image: str = "", program: Path | None = None) -> None:
        self.name = name
        self._image = image or IMAGE
        self._program = program
        self._isolation = Isolation(self.level, name, walls=CONTAINER_WALLS, gaps=CONTAINER_GAPS)

    async def describe(self) -> Isolation:
        """The walls, with the engine's version and the image. Raises NoSandbox where either does not answer."""
        client = self._client()
        for variable in ("DOCKER_HOST", "CONTAINER_HOST"):
            if not os.environ.get(variable, "unix:").startswith("unix:"):
                raise NoSandbox(f"{variable} is not of this machine, so no directory of it can be shown there")
        version = await client.ask("version", "--format", "{{.Server.Version}}")
        try:
            await client.ask("image", "inspect", "--format", "{{.Id}}", self._image)
        except NoSandbox as missing:
            raise NoSandbox(
                f"the image {self._image} is not here ({missing.message})", f"{self.name} pull {self._image}"
            ) from missing
        await client.remove_stale()
        self._isolation = replace(self._isolation, engine_version=f"{version}, {self._image}")
        return self._isolation

    @asynccontextmanager
    async def open(self, plan: Plan) -> AsyncIterator[Box]:
        """A box with these walls."""
        client = self._client()
        with scratch.directory("box") as folder:
            view = layout(replace(plan, toolchains=()), folder, moves=True)
            shown = {mount.inside for mount in plan.mounts} | {HOME_INSIDE, "/tmp"}
            env = {name: value for name, value in view.env.items() if name != "PATH"}  # the image's own
            view = replace(view, binds=tuple(bind for bind in view.binds if bind.target in shown), links=(), env=env)
            user = payload_user()
            if user is not None:
                if not all_ours(view):
                    raise NoSandbox(f"as root, it would have to give your folder to user {user}; it does not")
                hand_over(view, folder, user)
            owner = f"{user}:{user}" if user is not None else f"{os.geteuid()}:{os.getegid()}"
            wrapper = Run(client, self._image, view.binds, plan.limits, owner)
            try:
                yield SpawnedBox(plan, view, self._isolation, wrapper)
            finally:
                await asyncio.shield(asyncio.ensure_future(wrapper.clear()))

    def _client(self) -> Client:
        program = self._program or shutil.which(self.name)
        if program is None:
            raise NoSandbox(f"{self.name} is not installed")
        return Client(self.name, str(program))


@dataclass(frozen=True)
class Client:
    """The program that talks to the engine. Of our environment it gets what names the engine, and no more."""

    name: str
    program: str

    @property
    def env(self) -> dict[str, str]:
        """The client's own environment."""
        return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}

    async def ask(self, *arguments: str) -> str:
        """What it answers, on one line. Raises NoSandbox if it fails or takes too long: no daemon, mostly."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *(self.program, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                env=self.env,
                cwd="/",
            )
        except OSError as failure:
            raise NoSandbox(f"{self.program} cannot be started: {failure.strerror}") from failure
        try:
            async with asyncio.timeout(_ANSWER_S):
                said, complaint = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise NoSandbox(f"{self.name} {arguments[0]} does not answer") from None
        if process.returncode != 0:
            raise NoSandbox(one_line(complaint.decode("utf-8", "replace")) or f"{self.name} {arguments[0]} failed")
        return one_line(said.decode("utf-8", "replace"))

    async def remove_stale(self) -> None:
        """Take away the containers of cab-check processes that are dead."""
        names = await self.ask("ps", "--all", "--filter", "label=cab-check", "--format", "{{.Names}}")
        for name in names.split():
            owner = name.removeprefix("cab-check-").partition("-")[0]
            if owner.isdigit() and not _alive(int(owner)):
                with suppress(NoSandbox):  # it went by itself
                    await self.ask("rm", "--force", name)


class Run:
    """`docker run` for one box: each command is a container that goes with it."""

    watch_memory = False

    def __init__(self, client: Client, image: str, binds: Sequence[Bind], limits: Limits, owner: str) -> None:
        self._client = client
        self._image = image
        self._binds = binds
        self._limits = limits
        self._owner = owner
        self._running = ""

    @property
    def env(self) -> Mapping[str, str]:
        """The client's."""
        return self._client.env

    def argv(self, command: Sequence[str], cwd: str, env: Mapping[str, str]) -> list[str]:
        """The whole command line. There is no secret in it: `env` is the command's, made from scratch."""
        self._running = f"cab-check-{os.getpid()}-{secrets.token_hex(6)}"
        limits, memory = self._limits, str(self._limits.memory_bytes)
        shared = min(256 << 20, limits.memory_bytes // 4)
        words = [self._client.program, "run", "--rm", "--interactive", "--pull", "never", "--log-driver", "none"]
        words += ["--name", self._running, "--label", "cab-check", "--hostname", "sandbox"]
        words += ["--network", "none", "--ipc", "private", "--read-only", "--cap-drop", "ALL"]
        words += ["--security-opt", "no-new-privileges", "--user", self._owner]
        words += ["--userns", "keep-id"] if self._client.name == "podman" and os.geteuid() != 0 else []
        words += ["--pids-limit", str(limits.processes), "--memory", memory, "--memory-swap", memory]
        words += ["--ulimit", f"nofile={limits.open_files}", "--ulimit", f"fsize={limits.file_bytes}"]
        words += ["--ulimit", f"cpu={limits.cpu_s}", "--ulimit", "core=0", "--shm-size", str(shared)]
        for bind in self._binds:
            mode = "" if bind.writable else ",readonly"
            words += ["--mount", f"type=bind,source={bind.source},target={bind.target}{mode}"]
        for name, value in env.items():
            words += ["--env", f"{name}={value}"]
        return [*words, "--workdir", cwd, "--entrypoint", "", self._image, *command]

    async def clear(self) -> None:
        """Take the container away, with all that runs in it: ending the client does not end it."""
        if self._running:
            with suppress(NoSandbox):  # it went by itself
                await self._client.ask("rm", "--force", self._running)
            self._running = ""

    def failed(self, code: int, stderr: bytes) -> bool:
        """Whether the engine did not start the command. A command that says the same is taken for it, to its harm."""
        return code == _OWN_FAILURE and stderr.lstrip().startswith((b"docker:", b"Error", b"unable to find"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
