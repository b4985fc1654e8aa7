"""What a box does for a command: streams, folders, environment, endings, and that nothing outlives it."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox_outside import running_with

import cab_check
from cab_check.base.errors import NoSandbox
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Done, Engine, Limits, Mount, Plan
from cab_check.sandbox.toolchains import find
from cab_check.sandbox.unsafe import UnsafeEngine

PYTHON = ["python3", "-I", "-S", "-c"]


def run(
    engine: Engine, *commands: list[str], limits: Limits | None = None, timeout_s: float = 20, **options
) -> list[Done]:
    """Run the commands one after the other in one box."""

    async def inside() -> list[Done]:
        with scratch.directory("work") as work:
            plan = Plan((Mount(work, "/work", True),), (find("python"),), limits=limits or Limits())
            async with engine.open(plan) as box:
                return [await box.run(command, timeout_s=timeout_s, **options) for command in commands]

    return asyncio.run(inside())


def shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


def wait_until(true: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether `true` came true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_streams_and_exit_code(walls: Engine) -> None:
    (done,) = run(walls, shell("cat; echo out; echo err >&2; exit 7"), stdin=b"in\n")
    assert (done.exit_code, done.signal, done.stdout, done.stderr) == (7, None, b"in\nout\n", b"err\n")
    assert done.limit is None and not done.output_cut and done.cpu_s is not None


def test_large_stdin_that_is_not_read(walls: Engine) -> None:
    (done,) = run(walls, shell("exit 0"), stdin=b"x" * 3_000_000)
    assert done.exit_code == 0


def test_large_stdin_comes_back_whole(walls: Engine) -> None:
    data = bytes(range(256)) * 3000
    (done,) = run(walls, ["cat"], stdin=data)
    assert done.stdout == data


def test_missing_program(walls: Engine) -> None:
    (done,) = run(walls, ["no-such-program-anywhere"])
    assert done.exit_code == 127 and b"no-such-program-anywhere" in done.stderr


@pytest.mark.parametrize(
    "text",
    ["echo a\0b", "echo \ud800", "echo " + 200_000 * "x"],
    ids=["a NUL", "half a surrogate pair", "too long"],
)
def test_a_command_that_cannot_be_executed_is_no_failure_of_the_walls(walls: Engine, text: str) -> None:
    refused, after = run(walls, shell(text), shell("echo still here"))
    assert refused.exit_code == 126 and refused.stderr.startswith(b"/bin/sh: ")
    assert after.stdout == b"still here\n"


def test_a_folder_that_can_only_be_listed_does_not_end_the_box(walls: Engine) -> None:
    closed, after = run(walls, shell("mkdir d; touch d/f; chmod 444 d; sleep 0.4"), shell("chmod 755 d; ls d"))
    assert closed.exit_code == 0 and closed.limit is None
    assert after.stdout == b"f\n"


def test_many_connections_that_hold_little_are_left_alone(walls: Engine) -> None:
    """300 of them, idle, each counted as the most that it can hold: less than what ends a command."""
    if walls.level < 3:
        pytest.skip("level 2 has no sockets to connect")
    code = (
        "import socket, time\nserver = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen(400)\n"
        "kept = [(socket.create_connection(server.getsockname()), server.accept()) for _ in range(300)]\n"
        "time.sleep(1.2)\nprint(len(kept))"
    )
    (done,) = run(walls, [*PYTHON, code], limits=Limits(memory_bytes=150 << 20))
    assert (done.limit, done.stdout) == (None, b"300\n")


def test_death_by_signal(walls: Engine) -> None:
    (done,) = run(walls, shell("kill -TERM $$"))
    assert done.signal == 15 or done.exit_code == 128 + 15


def test_folders_live_as_long_as_the_box(walls: Engine) -> None:
    first, second = run(
        walls, shell('echo a >"$HOME/h"; echo b >"$TMPDIR/t"; echo c >w'), shell('cat "$HOME/h" "$TMPDIR/t" w')
    )
    assert first.exit_code == 0, first
    assert second.stdout == b"a\nb\nc\n"
    (third,) = run(walls, shell('ls -A "$HOME" "$TMPDIR"'))
    assert b"h\n" not in third.stdout and b"t\n" not in third.stdout


def test_environment_is_built_from_scratch(walls: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-key-0123456789")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/somewhere")
    (done,) = run(walls, ["env"], env={"ASKED_FOR": "1"})
    names = {line.partition(b"=")[0].decode() for line in done.stdout.splitlines()}
    assert {"PATH", "HOME", "TMPDIR", "ASKED_FOR"} <= names
    assert not {name for name in names if "KEY" in name or name.startswith(("SSH", "LD_", "DBUS", "PYTEST"))}
    assert len(names) <= 20


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's commands run as that user")
def test_root_lends_its_id_to_commands_only_for_a_folder_of_the_user(walls: Engine, tmp_path: Path) -> None:
    async def user_in(work: Path) -> tuple[str, str]:
        async with walls.open(Plan((Mount(work, "/work", True),))) as box:
            done = await box.run(shell("id -u; touch made"), timeout_s=10)
            return done.stdout.decode().strip(), " ".join(box.isolation.gaps)

    with scratch.directory("work") as own:
        user, gaps = asyncio.run(user_in(own))
        assert user == "65532" and "root's id" not in gaps
        assert (own / "made").stat().st_uid == 65532
    if walls.level < 3:
        with pytest.raises(NoSandbox, match="as root"):
            asyncio.run(user_in(tmp_path))
        return
    user, gaps = asyncio.run(user_in(tmp_path))
    assert user == "0" and "root's id" in gaps


def test_work_directory_is_seen_and_kept(walls: Engine) -> None:
    async def inside() -> tuple[Done, str, bytes]:
        with scratch.directory("work") as work:
            (work / "sub").mkdir()
            (work / "sub/given").write_text("given")
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                done = await box.run(shell("pwd; cat sub/given; echo made >made"), timeout_s=10)
                return done, box.inside(work / "sub"), (work / "made").read_bytes()

    done, seen_as, made = asyncio.run(inside())
    assert made == b"made\n"
    assert done.stdout.decode() == f"{seen_as.removesuffix('/sub')}\ngiven"
    assert walls.level < 3 or seen_as == "/work/sub"


def test_read_only_mount(walls: Engine) -> None:
    async def inside() -> Done:
        with scratch.directory("work") as work, scratch.directory("given") as given:
            (given / "file").write_text("kept")
            async with walls.open(Plan((Mount(work, "/work", True), Mount(given, "/given")))) as box:
                where = box.inside(given)
                done = await box.run(
                    shell(f"cat {where}/file; echo no >{where}/file; echo no >{where}/new"), timeout_s=10
                )
            assert [path.name for path in given.iterdir()] == ["file"]
            assert (given / "file").read_text() == "kept"
            return done

    done = asyncio.run(inside())
    assert done.stdout == b"kept" and done.exit_code != 0


@pytest.mark.parametrize("place", ["/", "home"])
def test_a_whole_home_is_refused(walls: Engine, place: str) -> None:
    async def inside() -> None:
        async with walls.open(Plan((Mount(Path.home() if place == "home" else Path(place), "/work", True),))):
            raise AssertionError("it was opened")

    with pytest.raises(NoSandbox, match="whole home"):
        asyncio.run(inside())


def test_output_is_cut_and_the_command_goes_on(walls: Engine) -> None:
    (done,) = run(walls, shell("head -c 5000000 /dev/zero; exit 3"), limits=Limits(output_bytes=100_000))
    assert done.exit_code == 3 and done.output_cut and len(done.stdout) == 100_000


def test_wall_clock(walls: Engine) -> None:
    mark = f"mark{secrets.token_hex(6)}"
    (done,) = run(walls, [*PYTHON, "import signal\nsignal.signal(15, 1)\nwhile 1: pass", mark], timeout_s=0.5)
    assert done.limit == "wall" and done.exit_code is None and done.signal == 9
    assert done.wall_s < 5
    assert not running_with(mark)


def test_cpu_seconds(walls: Engine) -> None:
    (done,) = run(walls, [*PYTHON, "while 1: pass"], limits=Limits(cpu_s=1), timeout_s=20)
    assert done.limit == "cpu" and done.cpu_s is not None and done.cpu_s < 3


SHARES_60_MIB = """
import os, time
held = bytearray(b"x") * (60 << 20)
for _ in range(3):
    if os.fork() == 0:
        time.sleep(0.5)
        os._exit(0)
for _ in range(3):
    os.wait()
"""


def test_shared_pages_count_once(walls: Engine) -> None:
    (done,) = run(walls, [*PYTHON, SHARES_60_MIB], limits=Limits(memory_bytes=150 << 20))
    assert (done.limit, done.exit_code) == (None, 0), done


def test_fork_bomb(walls: Engine) -> None:
    bomb = "import os\nwhile 1:\n  try: os.fork()\n  except OSError: pass"
    mark = f"mark{secrets.token_hex(6)}"
    (done,) = run(walls, [*PYTHON, bomb, mark], limits=Limits(processes=40), timeout_s=1.5)
    assert done.limit in ("processes", "wall") and done.wall_s < 10
    assert not running_with(mark)


def test_disk_fill_is_seen_after_the_end_too(walls: Engine) -> None:
    over, less = run(
        walls,
        shell("head -c 40000000 /dev/zero >big"),
        shell("rm big"),
        limits=Limits(disk_bytes=30 << 20),
    )
    assert over.limit == "disk"
    assert less.limit is None and less.exit_code == 0


def test_size_of_one_file(walls: Engine) -> None:
    (done,) = run(walls, shell("head -c 20000000 /dev/zero >big; wc -c <big"), limits=Limits(file_bytes=1_000_000))
    assert int(done.stdout) == 1_000_000


def test_open_files(walls: Engine) -> None:
    (done,) = run(walls, shell("ulimit -n"), limits=Limits(open_files=77))
    assert done.stdout == b"77\n"


DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
while 1:
    os.fork() and os._exit(0)
    open('beat', 'w').write(str(time.monotonic()))
    time.sleep(0.01)
"""


@pytest.mark.parametrize("ending", ["; sleep 0.3", ""], ids=["late", "early"])
def test_nothing_outlives_the_command(walls: Engine, ending: str) -> None:
    mark = f"mark{secrets.token_hex(6)}"
    script = f'python3 -I -S -c "$1" {mark} & sleep 100 & {ending.strip("; ") or ":"}; exit 5'
    (done,) = run(walls, ["/bin/sh", "-c", script, "sh", DAEMON])
    assert done.exit_code == 5 and done.wall_s < 10
    assert not running_with(mark)


def test_cancelling_ends_the_command_and_leaves_the_box_usable(walls: Engine) -> None:
    mark = f"mark{secrets.token_hex(6)}"

    async def inside() -> tuple[list[int], float, Done]:
        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
                on = asyncio.Event()
                script = "print('on', flush=True); import time; time.sleep(99)"
                command = asyncio.create_task(box.run([*PYTHON, script, mark], timeout_s=60, watch=lambda *_: on.set()))
                await asyncio.wait_for(on.wait(), 20)
                began = time.monotonic()
                command.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await command
                return running_with(mark), time.monotonic() - began, await box.run(shell("echo on"), timeout_s=10)

    left, seconds, after = asyncio.run(inside())
    assert not left and seconds < 2 and after.stdout == b"on\n"


def test_output_can_be_watched_as_it_comes(walls: Engine) -> None:
    pieces: list[tuple[str, bytes]] = []
    (done,) = run(walls, shell("echo one; echo two >&2"), watch=lambda name, data: pieces.append((name, data)))
    assert sorted(pieces) == [("stderr", b"two\n"), ("stdout", b"one\n")]
    assert done.stdout == b"one\n"


def test_commands_take_turns(walls: Engine) -> None:
    async def inside() -> list[Done]:
        with scratch.directory("work") as work:
            async with walls.open(Plan((Mount(work, "/work", True),))) as box:
                return await asyncio.gather(*(box.run(shell(f"echo {n}"), timeout_s=10) for n in range(4)))

    assert [done.stdout for done in asyncio.run(inside())] == [b"0\n", b"1\n", b"2\n", b"3\n"]


KILLED = """
import asyncio, sys
from pathlib import Path
from sandbox_outside import engine
from cab_check.sandbox import scratch
from cab_check.sandbox.box import Mount, Plan
from cab_check.sandbox.toolchains import find

async def main():
    with scratch.directory("killed") as work:
        Path(sys.argv[2]).write_text(str(work))
        async with engine(sys.argv[1]).open(Plan((Mount(work, "/work", True),), (find("python"),))) as box:
            script = 'python3 -I -S -c "$1" "$2"; sleep 99'
            await box.run(["/bin/sh", "-c", script, "sh", sys.argv[4], sys.argv[3]], timeout_s=60)

asyncio.run(main())
"""


def test_kill_9_of_cab_check_leaves_nothing(walls: Engine, tmp_path: Path) -> None:
    mark, told = f"mark{secrets.token_hex(6)}", tmp_path / "work"
    paths = [str(Path(cab_check.__file__).parent.parent), str(Path(__file__).parent), *filter(None, sys.path)]
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), walls.name, str(told), mark, DAEMON],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        assert wait_until(
            lambda: told.exists() and told.read_text() != "" and Path(told.read_text(), "beat").exists(), 20
        )
    finally:
        child.kill()
        child.wait()
    assert wait_until(lambda: not running_with(mark), 5), "processes were left behind"
    work = Path(told.read_text())
    scratch.clean_stale(scratch.base())  # unless the next box of another test was quicker
    assert not work.exists(), "the scratch directory was left behind"


def test_without_walls_everything_is_named_as_a_gap() -> None:
    engine = UnsafeEngine()
    walls = asyncio.run(engine.describe())
    assert (walls.level, walls.engine, walls.selftest) == (0, "none", {})
    assert len(walls.gaps) >= 5 and set(walls.walls.values()) >= {"open"}
    (done,) = run(engine, shell("echo on"))
    assert done.stdout == b"on\n"
