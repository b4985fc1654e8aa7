"""Real agent CLIs against the demo endpoint: does each finish a one-file edit and a bundled task through it?

Not part of the test suite: it installs packages and takes minutes. Run it from a checkout whose Python has cab-check:

    python tests/live/agent_clis.py [--venvs DIR] [--only aider-diff,vibe] [--python PATH]

Each CLI gets a virtual environment of its own below DIR (default: $CAB_AGENT_VENVS, else a temporary directory that
is removed again); one that is there already is used as it is. aider does not install on every Python: name one with
--python, 3.12 is known to work. Every run has a fresh HOME and a git repository of its own, and the endpoint is the
only address it is told. A table goes to stdout; the exit code is 1 if any edit was not made.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cab_check.demo.encode import MODEL
from cab_check.demo.server import serve
from cab_check.tasks.loader import bundled

KEY = "sk-test-not-a-key-0123456789"
INSTALL_S = 1800
RUN_S = 240
VIBE_CONFIG = """\
active_model = "demo"
enable_telemetry = false
enable_update_checks = false
[[providers]]
name = "local"
api_base = "{base_url}"
api_key_env_var = "OPENAI_API_KEY"
api_style = "openai"
backend = "generic"
[[models]]
name = "{model}"
provider = "local"
alias = "demo"
"""


@dataclass(frozen=True)
class Job:
    """What is asked, the files that it starts from, and those that it must end with."""

    name: str
    ask: str
    start: Mapping[str, bytes]
    end: Mapping[str, bytes]


@dataclass(frozen=True)
class Cli:
    """One CLI: its package, its command for (base URL, ask, files), and what it wants in its HOME."""

    name: str
    venv: str
    package: str
    command: Callable[[str, str, list[str]], list[str]]
    home: Callable[[str], Mapping[str, str]] = lambda base_url: {}


def aider(edit_format: str) -> Callable[[str, str, list[str]], list[str]]:
    """aider's command in one of its edit formats."""
    quiet = ["--yes-always", "--no-check-update", "--analytics-disable", "--no-show-release-notes", "--no-pretty"]

    def command(base_url: str, ask: str, files: list[str]) -> list[str]:
        where = ["--model", f"openai/{MODEL}", "--openai-api-base", base_url, "--openai-api-key", KEY]
        return [
            "aider",
            *where,
            *quiet,
            "--no-show-model-warnings",
            "--edit-format",
            edit_format,
            "--message",
            ask,
            *files,
        ]

    return command


CLIS = (
    Cli("aider-diff", "aider", "aider-chat", aider("diff")),
    Cli("aider-whole", "aider", "aider-chat", aider("whole")),
    Cli(
        "vibe",
        "vibe",
        "mistral-vibe",
        lambda base_url, ask, files: ["vibe", "-p", ask, "--auto-approve", "--trust", "--max-turns", "12"],
        lambda base_url: {".vibe/config.toml": VIBE_CONFIG.format(base_url=base_url, model=MODEL)},
    ),
    Cli(
        "gptme",
        "gptme",
        "gptme",
        lambda base_url, ask, files: [
            *("gptme", "-n", "-m", f"local/{MODEL}", "--tool-format", "tool", "-t", "shell,read,patch,save", ask)
        ],
    ),
    Cli(
        "mini",
        "mini",
        "mini-swe-agent mcp",
        lambda base_url, ask, files: [
            *("mini", "-m", f"openai/{MODEL}", "-t", ask, "-y", "--exit-immediately", "-o", "trajectory.json"),
            *("-c", "mini.yaml", "-c", f"model.model_kwargs.api_base={base_url}", "-c", "agent.step_limit=12"),
        ],
    ),
)


def jobs() -> list[Job]:
    """A one-file edit in any project, and the first bundled task."""
    ask = 'Replace "Helo" by "Hello" in greeting.txt'
    edit = Job("edit", ask, {"greeting.txt": b"Helo, world\nGoodbye\n"}, {"greeting.txt": b"Hello, world\nGoodbye\n"})
    task = bundled()[0]
    return [edit, Job("task", task.instruction, task.start_files(), task.solution())]


def install(cli: Cli, venvs: Path, python: str) -> Path:
    """The environment's bin directory, made and filled if it is not there."""
    folder = venvs / cli.venv
    if not folder.exists():
        subprocess.run([python, "-m", "venv", str(folder)], check=True, timeout=INSTALL_S)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", *cli.package.split()]
        subprocess.run(pip, check=True, timeout=INSTALL_S)
    return folder / "bin"


def version(cli: Cli, bin_: Path) -> str:
    """The installed version, as pip knows it."""
    show = [str(bin_ / "pip"), "show", cli.package.split()[0]]
    lines = subprocess.run(show, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    return next(line.removeprefix("Version: ") for line in lines if line.startswith("Version: "))


def run(cli: Cli, job: Job, bin_: Path, base_url: str, log: Path) -> bool:
    """Whether `cli` left the files of `job` as they must be. What it printed goes to `log`."""
    with tempfile.TemporaryDirectory(prefix="cab-agent-") as folder:
        home, work = Path(folder) / "home", Path(folder) / "work"
        work.mkdir()
        write(home, {name: text.encode() for name, text in cli.home(base_url).items()})
        write(work, job.start)
        env = environment(home, bin_, base_url)
        for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run(["git", *step], cwd=work, env=env, check=True, timeout=60)
        with log.open("wb") as out:
            command = cli.command(base_url, job.ask, sorted(job.end))
            try:
                subprocess.run(
                    command,
                    cwd=work,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    timeout=RUN_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                out.write(b"\n[ended by the time limit]\n")
        return all((work / path).is_file() and (work / path).read_bytes() == text for path, text in job.end.items())


def environment(home: Path, bin_: Path, base_url: str) -> dict[str, str]:
    """Nothing of the caller's but the PATH."""
    home.mkdir(exist_ok=True)
    who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in
           (("NAME", "demo"), ("EMAIL", "demo@example.com"))}  # fmt: skip
    return {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_BASE": base_url,
        "MSWEA_CONFIGURED": "true",
        "MSWEA_COST_TRACKING": "ignore_errors",
        **who,
    }


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """`files` below `folder`."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def main() -> int:
    """Run every chosen CLI on every job, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", type=Path, default=os.environ.get("CAB_AGENT_VENVS"))
    parser.add_argument("--only", default=",".join(cli.name for cli in CLIS))
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    wanted = options.only.split(",")
    all_well = True
    with tempfile.TemporaryDirectory(prefix="cab-agents-") as temporary:
        venvs = Path(options.venvs or temporary).absolute()
        print(f"{'CLI':12} {'version':10} {'job':6} {'requests':>8}  edit done")
        for cli in (cli for cli in CLIS if cli.name in wanted):
            bin_ = install(cli, venvs, options.python)
            for job in jobs():
                with serve(key=KEY) as server:
                    done = run(cli, job, bin_, server.base_url, venvs / f"{cli.name}-{job.name}.log")
                row = f"{cli.name:12} {version(cli, bin_):10} {job.name:6} {server.requests:8}"
                print(f"{row}  {'yes' if done else 'no'}", flush=True)
                all_well &= done
    return 0 if all_well else 1


if __name__ == "__main__":
    sys.exit(main())
