"""docker and podman, on request only. No engine runs here: a stand-in writes down its arguments and runs the command
without any walls, so what is tested is the command line, the box around it, and that the self-test refuses a sham."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import pytest
from sandbox_outside import running_with

from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Done, Limits, Mount, Plan
from cab_check.sandbox.choose import candidates, choose
from cab_check.sandbox.container import IMAGE, ContainerEngine
from cab_check.sandbox.selftest import probe
from cab_check.sandbox.toolchains import find

STAND_IN = """#!/usr/bin/python3 -IS
import os, subprocess, sys
told = {told!r}
arguments = sys.argv[1:]
with open(told + "/argv", "a") as file:
    file.write("\\x1f".join(arguments) + "\\n")
with open(told + "/environ", "w") as file:
    file.write("\\n".join(os.environ))
if arguments[0] == "version":
    print("27.0.0")
elif arguments[0] == "image":
    sys.exit(0 if not {missing} else "Error: No such image")
elif arguments[0] == "ps":
    print("cab-check-999999999-dead\\ncab-check-1-other")
elif arguments[0] == "rm":
    try:
        os.killpg(int(open(told + "/" + arguments[2]).read()), 9)
    except OSError:
        sys.exit("Error: No such container")
elif arguments[0] == "run":
    if {broken}:
        print("docker: Error response from daemon: no", file=sys.stderr)
        sys.exit(125)
    value = lambda name: [arguments[n + 1] for n, word in enumerate(arguments) if word == name]
    mounts = [dict(part.partition("=")[::2] for part in mount.split(",")) for mount in value("--mount")]
    places = {{mount["target"]: mount["source"] for mount in mounts}}
    command = arguments[arguments.index("--entrypoint") + 3:]
    env = dict(entry.split("=", 1) for entry in value("--env")) | {{"PATH": "/usr/local/bin:/usr/bin:/bin"}}
    child = subprocess.Popen(command, cwd=places[value("--workdir")[0]], env=env, start_new_session=True)
    with open(told + "/" + value("--name")[0], "w") as file:
        file.write(str(child.pid))
    code = child.wait()
    sys.exit(code if code >= 0 else 128 - code)
"""


@pytest.fixture
def told(tmp_path: Path) -> Path:
    folder = tmp_path / "told"
    folder.mkdir()
    return folder


def stand_in(told: Path, *, missing: bool = False, broken: bool = False) -> Path:
    program = told.parent / "docker"
    program.write_text(STAND_IN.format(told=str(told), missing=missing, broken=broken))
    program.chmod(0o755)
    return program


def calls(told: Path, verb: str) -> list[list[str]]:
    lines = (told / "argv").read_text().splitlines()
    return [words for line in lines if (words := line.split("\x1f"))[0] == verb]


def run(
    engine: ContainerEngine, *commands: list[str], limits: Limits | None = None, timeout_s: float = 20
) -> list[Done]:
    async def inside() -> list[Done]:
        with scratch.directory("work") as work:
            plan = Plan((Mount(work, "/app", True),), (find("python"),), limits=limits or Limits())
            async with engine.open(plan) as box:
                return [await box.run(command, timeout_s=timeout_s, stdin=b"in\n") for command in commands]

    return asyncio.run(inside())


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_the_command_line(told: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-key-0123456789")
    limits = Limits(memory_bytes=100 << 20, processes=50, open_files=77)
    run(ContainerEngine(name, "image:tag", stand_in(told)), ["true"], limits=limits)
    (words,) = calls(told, "run")
    line = " ".join(words)
    for part in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--pids-limit 50",
        "--memory 104857600 --memory-swap 104857600",
        "--ulimit nofile=77",
        "--pull never",
        "--ipc private",
        "--rm --interactive",
    ):
        assert part in line
    owner = words[words.index("--user") + 1]
    assert owner == ("65532:65532" if os.geteuid() == 0 else f"{os.geteuid()}:{os.getegid()}")
    mounts = [words[n + 1] for n, word in enumerate(words) if word == "--mount"]
    assert sorted(mount.split("target=")[1] for mount in mounts) == ["/app", "/home/sandbox", "/tmp"]
    base = str(scratch.base())
    assert all(mount.startswith(f"type=bind,source={base}/") for mount in mounts)
    assert "docker.sock" not in line and "--privileged" not in line and "--volume" not in line
    assert words[-3:] == ["", "image:tag", "true"]
    assert "OPENAI_API_KEY" not in line + (told / "environ").read_text()
    assert not [word for word in words if word.startswith("PATH=")]  # the image's own


def test_it_is_taken_only_when_it_is_named() -> None:
    assert "docker" not in {engine.name for engine in candidates("auto")}
    (asked,) = candidates("docker")
    (named,) = candidates("podman:my/image:1")
    assert isinstance(asked, ContainerEngine) and asked._image == IMAGE and asked.level == 1
    assert isinstance(named, ContainerEngine) and named._image == "my/image:1"


def test_an_engine_that_does_not_wall_off_is_refused(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in answers everything and walls off nothing: only the self-test can tell."""
    monkeypatch.setenv("PATH", f"{stand_in(told).parent}:{os.environ['PATH']}")
    with pytest.raises(NoSandbox) as caught:
        asyncio.run(choose("docker"))
    assert "the walls do not hold" in caught.value.message and "reach a listener" in caught.value.message


def test_a_missing_image_is_not_fetched_but_told(told: Path) -> None:
    with pytest.raises(NoSandbox) as caught:
        asyncio.run(probe(ContainerEngine("docker", "my/image", stand_in(told, missing=True))))
    assert caught.value.next_step == "docker pull my/image" and not calls(told, "run")


def test_no_daemon_is_told(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    program.chmod(0o755)
    with pytest.raises(NoSandbox, match="Cannot connect to the Docker daemon"):
        asyncio.run(probe(ContainerEngine("docker", "", program)))


def test_a_daemon_of_another_machine_is_refused(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(NoSandbox, match="not of this machine"):
        asyncio.run(probe(ContainerEngine("docker", "", stand_in(told))))


def test_what_a_dead_one_left_is_removed_and_nothing_else(told: Path) -> None:
    with pytest.raises(NoSandbox):
        asyncio.run(probe(ContainerEngine("docker", "", stand_in(told))))
    removed = {words[2] for words in calls(told, "rm")}
    assert "cab-check-999999999-dead" in removed and "cab-check-1-other" not in removed


def test_streams_folders_and_endings(told: Path) -> None:
    first, second, third, fourth = run(
        ContainerEngine("docker", "", stand_in(told)),
        ["sh", "-c", "cat; echo err >&2; echo kept >file; exit 7"],
        ["cat", "file"],
        ["sh", "-c", "kill -TERM $$"],
        ["sh", "-c", "exit 125"],
    )
    assert (first.exit_code, first.stdout, first.stderr) == (7, b"in\n", b"err\n")
    assert (second.stdout, third.exit_code, fourth.exit_code) == (b"kept\n", 143, 125)


def test_an_engine_that_fails_is_no_ending_of_the_command(told: Path) -> None:
    with pytest.raises(NoSandbox, match="the walls failed: docker: Error response"):
        run(ContainerEngine("docker", "", stand_in(told, broken=True)), ["true"])


@pytest.mark.parametrize(
    ("limit", "options"), [("wall", {"timeout_s": 1.0}), ("disk", {"limits": Limits(disk_bytes=1 << 20)})]
)
def test_what_breaks_a_limit_ends_with_its_container(told: Path, limit: str, options: dict[str, float]) -> None:
    mark = f"mark{secrets.token_hex(6)}"
    argv = ["sh", "-c", f"head -c 9000000 /dev/zero >big; sleep 100 & : {mark}; sleep 100"]
    if limit == "wall":
        argv = ["sh", "-c", f"sleep 100 & : {mark}; sleep 100"]
    (done,) = run(ContainerEngine("docker", "", stand_in(told)), argv, **options)  # type: ignore[arg-type]
    assert done.limit == limit and done.wall_s < 10
    assert not running_with(mark)
    assert calls(told, "rm")


def test_output_is_cut(told: Path) -> None:
    argv = ["sh", "-c", "head -c 3000000 /dev/zero; exit 3"]
    (done,) = run(ContainerEngine("docker", "", stand_in(told)), argv, limits=Limits(output_bytes=100_000))
    assert (done.exit_code, len(done.stdout), done.output_cut) == (3, 100_000, True)


def test_cancelling_removes_the_container_and_leaves_the_box_usable(told: Path) -> None:
    mark = f"mark{secrets.token_hex(6)}"

    async def inside() -> Done:
        with scratch.directory("work") as work:
            async with ContainerEngine("docker", "", stand_in(told)).open(Plan((Mount(work, "/app", True),))) as box:
                on = asyncio.Event()
                script = f"echo on; : {mark}; sleep 100"
                running = asyncio.create_task(box.run(["sh", "-c", script], timeout_s=60, watch=lambda *_: on.set()))
                await asyncio.wait_for(on.wait(), 20)
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
                assert not running_with(mark)
                return await box.run(["echo", "on"], timeout_s=20)

    assert asyncio.run(inside()).stdout == b"on\n"
