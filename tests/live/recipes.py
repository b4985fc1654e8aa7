"""Real agent CLIs, wired by what `cab-check wiring NAME` prints, against the demo endpoint: does each finish an edit?

    python tests/live/recipes.py [--agents DIR] [--only aider,codex] [--job edit|task|both] [--python PATH] [--logs DIR]

Not part of the suite: it installs packages from PyPI and npm, and takes minutes. Run it from a checkout whose Python
has cab-check. Each CLI is installed below DIR (default: $CAB_AGENTS, else a temporary directory that is removed again)
and used as it is where it is there already. --python is for the CLIs that want another Python than this one's: 3.12
for openhands, openhands-ai, mistral-vibe, deepagents-code and smolagents, 3.11 for open-interpreter, 3.13 for kimi-cli
(which ends with a TypeError on 3.12.1, before any request); the rest ran on 3.11. npm CLIs run on Node 22, which
is installed beside them.

Every run gets a fresh HOME with exactly the files that are printed, the printed variables and commands as one shell
script, and a git repository with one file; the only address that it is told is the demo endpoint, on loopback. The
edit went if the file then holds what was asked for, to the byte; the exit code is shown and proves nothing. A table
goes to stdout, what the CLIs printed to --logs. The exit code is 1 if any edit was not made.

smolagents is expected not to: its CLI has no tools for files, and the demo model does not write Python in <code> tags.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cab_check.demo.encode import MODEL
from cab_check.demo.server import serve
from cab_check.tasks.loader import bundled

KEY = "sk-test-not-a-key-0123456789"
NODE = "node@22.23.3"
INSTALL_S, RUN_S = 1800, 240
QUIET = {"DO_NOT_TRACK": "1", "NO_COLOR": "1", "CI": "1", "IS_SANDBOX": "1", "DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True)
class Row:
    """One recipe to try: the TUI, what is installed for it, and the findings that it is printed for."""

    name: str
    tui: str
    registry: str
    package: str
    findings: tuple[str, ...] = ()


DIFF, WHOLE = "edit-format-unfollowed:search-replace", "edit-format-unfollowed:whole-file"
ROWS = (
    Row("codex", "codex", "npm", "@openai/codex@0.169.0"),
    Row("codex-lean", "codex", "npm", "@openai/codex@0.169.0", ("responses-api-broken:tool-types",)),
    Row("claude", "claude", "npm", "@anthropic-ai/claude-code@2.1.330"),
    Row("opencode", "opencode", "npm", "opencode-ai@1.18.33"),
    Row("qwen", "qwen", "npm", "@qwen-code/qwen-code@0.24.4"),
    Row("cline", "cline", "npm", "cline@3.0.65"),
    Row("copilot", "copilot", "npm", "@github/copilot@1.0.102"),
    Row("copilot-responses", "copilot", "npm", "@github/copilot@1.0.102", ("tools-need-other-api",)),
    Row("continue", "continue", "npm", "@continuedev/cli@1.5.47"),
    Row("pi", "pi", "npm", "@earendil-works/pi-coding-agent@0.74.2"),
    Row("kilo", "kilo", "npm", "@kilocode/cli@7.7.7"),
    Row("aider-diff", "aider", "pypi", "aider-chat==0.86.2"),
    Row("aider-whole", "aider", "pypi", "aider-chat==0.86.2", (DIFF,)),
    Row("aider-udiff", "aider", "pypi", "aider-chat==0.86.2", (DIFF, WHOLE)),
    Row("openhands", "openhands", "pypi", "openhands==1.16.0"),
    Row("mini-tool", "mini-swe-agent", "pypi", "mini-swe-agent==2.4.6 mcp"),
    Row("mini-text", "mini-swe-agent", "pypi", "mini-swe-agent==2.4.6 mcp", ("tools-rejected",)),
    Row("vibe", "vibe", "pypi", "mistral-vibe==3.0.2"),
    Row("gptme-tool", "gptme", "pypi", "gptme==0.35.1"),
    Row("gptme-markdown", "gptme", "pypi", "gptme==0.35.1", ("tools-rejected",)),
    Row("hermes", "hermes", "pypi", "hermes-agent==0.19.0"),
    Row("kimi", "kimi", "pypi", "kimi-cli==1.39.0"),
    Row("deepagents-responses", "deepagents", "pypi", "deepagents-code==0.1.88"),
    Row("deepagents-chat", "deepagents", "pypi", "deepagents-code==0.1.88", ("responses-api-missing",)),
    Row("smolagents-code", "smolagents", "pypi", "smolagents[openai]==1.26.0"),
    Row("open-interpreter", "open-interpreter", "pypi", "open-interpreter==0.4.3 setuptools<80"),
    Row(
        "openhands-classic-tools", "openhands-classic", "pypi", "openhands-ai==0.62.0", ("edit-format-unfollowed:xml",)
    ),
)


@dataclass(frozen=True)
class Job:
    """What is asked, the files that it starts from, and those that it must end with."""

    name: str
    ask: str
    start: Mapping[str, bytes]
    end: Mapping[str, bytes]


@dataclass(frozen=True)
class Ran:
    """How one run went: whether the files are as asked, the exit code (None: ended by the time limit), seconds."""

    went: bool
    exit: int | None
    seconds: float
    requests: int


def jobs(which: str) -> list[Job]:
    """A one-file edit in any project, and the first bundled task."""
    ask = 'Replace "Helo" by "Hello" in greeting.txt'
    edit = Job("edit", ask, {"greeting.txt": b"Helo, world\nGoodbye\n"}, {"greeting.txt": b"Hello, world\nGoodbye\n"})
    task = bundled()[0]
    both = [edit, Job("task", task.instruction, task.start_files(), task.solution())]
    return [job for job in both if which in (job.name, "both")]


def install(row: Row, agents: Path, python: str) -> list[Path]:
    """The directories to put on the PATH, made and filled if they are not there."""
    if row.registry == "npm":
        node = _npm(NODE, agents / "npm", agents)
        return [_npm(row.package, agents / row.package.replace("/", "_").replace("@", "_"), agents), node]
    folder = agents / f"venv-{row.package.split('==')[0].split('[')[0]}"
    if not (folder / "bin" / "pip").exists():
        subprocess.run([python, "-m", "venv", str(folder)], check=True, timeout=INSTALL_S)
    pip = str(folder / "bin" / "pip")
    wanted = row.package.split("==")[0].split("[")[0]
    if subprocess.run([pip, "show", "-q", wanted], capture_output=True, timeout=120, check=False).returncode:
        subprocess.run([pip, "install", "--quiet", *row.package.split()], check=True, timeout=INSTALL_S)
    return [folder / "bin"]


def _npm(package: str, folder: Path, agents: Path) -> Path:
    bin_ = folder / "node_modules" / ".bin"
    if not bin_.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        path = f"{agents / 'npm' / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
        command = ["npm", "install", "--no-audit", "--no-fund", package]
        subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True, timeout=INSTALL_S)
    return bin_


def printed(row: Row, base_url: str) -> dict[str, Any]:
    """What `cab-check wiring` prints, as its one JSON document; HOME is empty, so that no stored run plays a part."""
    command = [sys.executable, "-m", "cab_check", "wiring", row.tui, "--endpoint", base_url, "--model", MODEL, "--json"]
    for finding in row.findings:
        command += ["--finding", finding]
    with tempfile.TemporaryDirectory(prefix="cab-home-") as home:
        env = {"PATH": os.environ["PATH"], "HOME": home}
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def script(recipe: Mapping[str, Any]) -> str:
    """The printed lines in the order in which a person would paste them."""
    lines = [item["line"] for item in recipe["variables"]]
    return "\n".join([*lines, *recipe["before"], recipe["headless"]]) + "\n"


def run(row: Row, job: Job, path: Sequence[Path], logs: Path) -> Ran:
    """One run of one recipe. What was pasted and what it printed goes to a file of `logs`."""
    with (
        tempfile.TemporaryDirectory(prefix="cab-agent-", ignore_cleanup_errors=True) as folder,
        serve(key=KEY) as server,
    ):
        home, work = Path(folder) / "home", Path(folder) / "work"
        recipe = printed(row, server.base_url)
        files = {item["path"].removeprefix("~/"): item["text"].encode() for item in recipe["files"]}
        write(home, files)
        write(work, job.start)
        env = environment(home, path, job)
        for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run(["git", *step], cwd=work, env=env, check=True, timeout=60)
        began = time.monotonic()
        with (logs / f"{row.name}-{job.name}.log").open("wb") as out:
            out.write(script(recipe).encode() + b"\n---\n" + b"".join(files.values()) + b"\n---\n")
            out.flush()
            code = bounded(["sh", "-c", script(recipe)], work, env, out)
        seconds = time.monotonic() - began
        end_all_of(home)
        went = all((work / name).is_file() and (work / name).read_bytes() == text for name, text in job.end.items())
        return Ran(went, code, seconds, server.requests)


def bounded(command: Sequence[str], work: Path, env: Mapping[str, str], out: Any, limit_s: int = RUN_S) -> int | None:
    """Run to the end, or to the time limit; then the whole session is ended."""
    process = subprocess.Popen(
        command, cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
    )
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def end_all_of(home: Path) -> None:
    """End what a CLI left running, such as cline's background process: known by the HOME that we gave it."""
    marked = f"HOME={home}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marked in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def environment(home: Path, path: Sequence[Path], job: Job) -> dict[str, str]:
    """Nothing of the caller's but the PATH."""
    home.mkdir(exist_ok=True)
    who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in
           (("NAME", "demo"), ("EMAIL", "demo@example.com"))}  # fmt: skip
    return {
        "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),  # OpenHands writes its name there, whatever HOME is
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "CAB_KEY": KEY,
        "TASK": job.ask,
        "FILE": sorted(job.end)[0],
        **QUIET,
        **who,
    }


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """`files` below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def main() -> int:
    """Run every chosen recipe on every job, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=Path, default=os.environ.get("CAB_AGENTS"))
    parser.add_argument("--only", default=",".join(row.name for row in ROWS))
    parser.add_argument("--job", choices=("edit", "task", "both"), default="edit")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--logs", type=Path)
    options = parser.parse_args()
    all_well = True
    with tempfile.TemporaryDirectory(prefix="cab-agents-") as temporary:
        agents = Path(options.agents or temporary).absolute()
        logs = options.logs or Path(temporary)
        logs.mkdir(parents=True, exist_ok=True)
        print(f"{'recipe':22} {'package':38} {'job':5} {'went':4} {'exit':>5} {'seconds':>8} {'requests':>8}")
        for row in (row for row in ROWS if row.name in options.only.split(",")):
            path = install(row, agents, options.python)
            for job in jobs(options.job):
                ran = run(row, job, path, logs)
                code = "limit" if ran.exit is None else str(ran.exit)
                print(
                    f"{row.name:22} {row.package.split()[0]:38} {job.name:5} {'yes' if ran.went else 'NO':4} "
                    f"{code:>5} {ran.seconds:8.1f} {ran.requests:8}",
                    flush=True,
                )
                all_well &= ran.went
    return 0 if all_well else 1


if __name__ == "__main__":
    sys.exit(main())
