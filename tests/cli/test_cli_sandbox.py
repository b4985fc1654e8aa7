"""`cab-check sandbox`: the command's own streams and exit code, the walls of a task, and nothing left of either."""

from __future__ import annotations

import os
import pty
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Run, command, environment
from cli_refusals import EVERYTHING, NAMESPACES, refusing, seeing_the_package, with_no_user_namespaces_left

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))
from sandbox_outside import running_with, standing

from cab_check.sandbox.box import Isolation

pytestmark = pytest.mark.skipif(
    not any(isinstance(found, Isolation) for found in standing().values()), reason="no walls stand on this machine"
)
PYTHON = ("python3", "-I", "-S", "-c")


def inside(*argv: str) -> list[str]:
    return command("sandbox", "-q", "--", *argv)


def wait_until(true: Callable[[], object], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_streams_and_exit_code_are_the_commands(cab: Run) -> None:
    done = cab("sandbox", "-q", "--", "sh", "-c", "cat; echo err >&2; exit 7", given="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "err\n")


def test_options_of_the_command_are_its_own(cab: Run) -> None:
    done = cab("sandbox", "-q", "--", "sh", "-c", 'echo "$@"', "sh", "--json", "--help", "-q", "--")
    assert (done.returncode, done.stdout) == (0, "--json --help -q --\n")


def test_walls_are_told_on_stderr_before_the_command_runs(cab: Run) -> None:
    done = cab("sandbox", "--", "sh", "-c", "echo ran >&2")
    lines = done.stderr.splitlines()
    assert done.stdout == "" and lines[0].startswith("cab-check: sandbox: level ") and "limits: " in lines[0]
    assert lines.index("ran") > 0 and "temporary one and is gone" in lines[-1]


def test_bytes_go_through_unchanged(home: Path) -> None:
    data = bytes(range(256)) * 12_000
    done = subprocess.run(inside("cat"), input=data, capture_output=True, env=environment(home), check=True)
    assert done.stdout == data


def test_streams_are_live(home: Path) -> None:
    """Each answer is there before the next line is given, so nothing waits for an end or a full buffer."""
    echo = 'while read line; do echo "got $line"; echo "err $line" >&2; done'
    pipe = subprocess.PIPE
    with subprocess.Popen(
        inside("sh", "-c", echo), env=environment(home), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            assert process.stdout.readline() == b"got " + line
            assert process.stderr.readline() == b"err " + line
        process.stdin.close()
        assert process.wait(30) == 0


def test_input_that_is_never_given_does_not_hold_the_end_up(home: Path) -> None:
    process = subprocess.Popen(inside("true"), env=environment(home), stdin=subprocess.PIPE)
    assert process.wait(30) == 0
    assert process.stdin
    process.stdin.close()


def test_output_that_nobody_reads_holds_the_command_up_and_no_memory(home: Path) -> None:
    process = subprocess.Popen(inside("yes"), env=environment(home), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout
    assert process.stdout.read(4) == b"y\ny\n"

    def written() -> list[int]:
        found = []
        for pid in running_with("yes"):
            try:
                io = Path(f"/proc/{pid}/io").read_text() if Path(f"/proc/{pid}/exe").readlink().name == "yes" else ""
            except OSError:
                continue
            found += [int(line.split()[1]) for line in io.splitlines() if line.startswith("wchar")]
        return found

    resident = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    time.sleep(0.5)
    now = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    assert (int(now) - int(resident)) * os.sysconf("SC_PAGE_SIZE") < 16 << 20
    assert all(count < 64 << 20 for count in written())
    process.stdout.close()
    assert process.wait(30) == 141


def test_the_work_directory_is_temporary_or_the_one_that_is_named(cab: Run, tmp_path: Path, home: Path) -> None:
    first = cab("sandbox", "-q", "--", "sh", "-c", "pwd; echo x >made")
    assert first.returncode == 0 and not list(home.rglob("made"))
    own = tmp_path / "own"
    own.mkdir()
    (own / "given").write_text("given")
    second = cab("sandbox", "--workdir", str(own), "--", "sh", "-c", "cat given; echo x >made")
    assert (second.stdout, (own / "made").read_text()) == ("given", "x\n")
    assert f"what it wrote is in {own}" in second.stderr


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["sh", "-c", "kill -TERM $$"], 143),
        (["no-such-program-anywhere"], 127),
        (["/etc/passwd"], 126),
        (["sh", "-c", "exit 125"], 125),
    ],
)
def test_endings(cab: Run, argv: list[str], code: int) -> None:
    assert cab("sandbox", "-q", "--", *argv).returncode == code


@pytest.mark.parametrize(
    ("options", "argv", "code", "says"),
    [
        (["--timeout", "0.5"], ["sleep", "60"], 124, "--timeout"),
        (["--memory", "100"], [*PYTHON, "import time; held = b'x' * (300 << 20); time.sleep(60)"], 137, "--memory"),
        (["--cpu", "1"], [*PYTHON, "while 1: pass"], 152, "--cpu"),
        (["--disk", "20"], ["sh", "-c", "head -c 60000000 /dev/zero >big; sleep 60"], 137, "--disk"),
    ],
)
def test_limits(cab: Run, options: list[str], argv: list[str], code: int, says: str) -> None:
    done = cab("sandbox", "-q", *options, "--", *argv)
    assert done.returncode == code and says in done.stderr


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["echo", "-q", "--help"], "-q --help\n"),
        (["-q", "echo", "--", "a"], "-- a\n"),
        (["-q", "--timeout=60", "--", "echo", "--raw"], "--raw\n"),
    ],
)
def test_the_command_begins_with_the_first_word_that_is_no_option(cab: Run, arguments: list[str], printed: str) -> None:
    done = cab("sandbox", *arguments)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_limits_too_tight_for_the_self_test_are_still_the_commands(cab: Run) -> None:
    """The attempts are made in a box of their own then, and the command gets what was asked for."""
    fork = ["sh", "-c", "true; /bin/true & /bin/true & wait; echo on"]
    assert cab("sandbox", "-q", "--memory", "24", "--processes", "8", "--disk", "1", "--", *fork).stdout == "on\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["--no-such-option", "--", "true"], "unrecognized arguments"),
        (["--time", "5", "--", "true"], "unrecognized arguments: --time"),
        (["--memory", "0", "--", "true"], "0 is less than 1"),
        (["--timeout", "nan", "--", "true"], "nan is less than 0.1"),
        (["--cpu", "many", "--", "true"], "'many'"),
        (["-q"], "ARGV is missing"),
        (["--"], "ARGV is missing"),
        ([], "ARGV"),
        (["--level", "3", "--sandbox", "landlock", "--", "true"], "exclude each other"),
        (["--sandbox", "cobol", "--", "true"], "no sandbox 'cobol'"),
        (["--sandbox", "none", "--", "true"], "no sandbox 'none'"),
        (["--level", "0", "--", "true"], "level"),
        (["--workdir", "/no/such/folder", "--", "true"], "is not a directory"),
        (["--workdir", "/", "--", "true"], "whole home"),
    ],
)
def test_failures_of_our_own_are_125_with_a_reason(cab: Run, arguments: list[str], says: str) -> None:
    done = cab("sandbox", *arguments)
    assert done.returncode == 125 and says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_walls_are_those_of_a_task(cab: Run, home: Path) -> None:
    (home / "secret").write_text("not for you")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = (
            "import os, socket, sys\n"
            f"try: print('read', open({str(home / 'secret')!r}).read())\nexcept OSError: print('closed')\n"
            f"try: socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 2); print('reached')\n"
            "except OSError: print('no network')\n"
            "print(sorted(name for name in os.environ if 'KEY' in name))\n"
        )
        done = cab("sandbox", "-q", "--", *PYTHON, script, env={"OPENAI_API_KEY": "sk-test-not-a-key-0123456789"})
    assert done.stdout.splitlines() == ["closed", "no network", "[]"], done.stderr


def test_what_goes_to_a_terminal_is_cleaned_unless_asked(home: Path) -> None:
    def shown(*options: str) -> bytes:
        ours, theirs = pty.openpty()
        argv = command("sandbox", "-q", *options, "--", "printf", r"a\033]0;title\007b\n")
        subprocess.run(argv, env=environment(home), stdin=subprocess.DEVNULL, stdout=theirs, check=True, timeout=60)
        data = os.read(ours, 1000)
        os.close(theirs)
        os.close(ours)
        return data

    assert b"\x1b" not in shown() and b"\x1b]0;title\x07" in shown("--raw")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_the_tree_ends_with_cab_check(home: Path, how: signal.Signals, code: int) -> None:
    mark = f"mark{secrets.token_hex(6)}"
    script = 'sh -c "trap \\"\\" TERM INT; setsid sleep 1000 & while :; do sleep 1; done" "$0" & echo on; sleep 1000'
    process = subprocess.Popen(
        inside("sh", "-c", script, mark),
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        assert process.stdout and process.stdout.readline() == b"on\n"
        assert len(running_with(mark)) >= 2
        process.send_signal(how)
        assert process.wait(30) == code
        assert wait_until(lambda: not running_with(mark), 5), "processes were left behind"


def test_scratch_of_a_killed_one_goes_at_the_next_start(home: Path) -> None:
    places = {**environment(home), "TMPDIR": str(home)}  # as root scratch is in the temporary folder
    process = subprocess.Popen(
        inside("sh", "-c", "echo x >made; echo on; sleep 1000"),
        env=places,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout and process.stdout.readline() == b"on\n"
        process.kill()
    assert list(home.rglob("made"))
    assert wait_until(lambda: not list(home.rglob("made")) or again(places))


def again(places: dict[str, str]) -> bool:
    subprocess.run(inside("true"), env=places, stdin=subprocess.DEVNULL, check=True, timeout=60)
    return False


LEVEL_2 = pytest.mark.skipif(not isinstance(standing().get("landlock"), Isolation), reason=str(standing()["landlock"]))


@LEVEL_2
def test_gaps_of_level_2_are_told(cab: Run) -> None:
    done = cab("sandbox", "--level", "2", "--", "true")
    assert done.returncode == 0
    assert "sandbox: level 2 (landlock" in done.stderr and "not walled off: whether a path exists" in done.stderr


@LEVEL_2
@pytest.mark.parametrize(
    "start",
    [
        pytest.param(lambda *arguments: refusing(NAMESPACES, *arguments), id="calls refused"),
        pytest.param(
            with_no_user_namespaces_left,
            id="none left",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="for an ordinary user"),
        ),
    ],
)
def test_where_user_namespaces_are_refused_level_2_is_taken_and_its_gaps_are_told(
    home: Path, start: Callable[..., list[str]]
) -> None:
    env = seeing_the_package(environment(home))
    done = subprocess.run(start("sandbox", "--", "echo", "ran"), env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert "level 2 (landlock" in done.stderr and "not walled off: " in done.stderr
    doctor = subprocess.run(start("doctor"), env=env, capture_output=True, text=True, check=False)
    assert doctor.returncode == 0 and "-  namespaces" in doctor.stdout and "ok landlock" in doctor.stdout


def test_where_nothing_stands_nothing_runs(home: Path, tmp_path: Path) -> None:
    env = seeing_the_package(environment(home))
    own = tmp_path / "own"
    own.mkdir()
    argv = ("--workdir", str(own), "--", "touch", "ran")
    done = subprocess.run(refusing(EVERYTHING, "sandbox", *argv), env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 125 and not list(own.iterdir())
    assert "no walls stand here. bwrap: " in done.stderr and "; landlock: the kernel has no Landlock" in done.stderr
    doctor = subprocess.run(refusing(EVERYTHING, "doctor"), env=env, capture_output=True, text=True, check=False)
    assert doctor.returncode == 5 and "ok namespaces" not in doctor.stdout
    job = subprocess.run(refusing(EVERYTHING, "demo", "--json"), env=env, capture_output=True, text=True, check=False)
    assert job.returncode == 5 and "no walls stand here" in job.stdout
