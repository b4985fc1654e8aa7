"""Break it, see a real agent CLI fail, apply the line that cab-check prints, see the same CLI finish its edit.

    python tests/live/round_trips.py [--agents DIR] [--only CASE,...] [--cli NAME,...] [--logs DIR]

Not part of the suite: it takes minutes, and wants the CLIs of tests/live/recipes.py (installed below --agents, default
$CAB_AGENTS, where they are not there already) and nginx, haproxy and LiteLLM ($CAB_LITELLM, else on the PATH). The
cases are data: trip_cases.toml, whose head says what each field is. Behind every gateway stands the demo endpoint.

The line is taken from what is printed, by a pattern, and put where the case says; nothing else changes between the two
runs of the CLI. A case that is `harmless` is the other way about: the CLI finishes, and no alarm may be given for it.
The exit code is 1 if a round trip broke, 0 if all that could be made went; a skip says why.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import recipes
from trip_gateways import Missing, certificate, free_port, gateway, marked

from cab_check.demo.encode import MODEL
from cab_check.demo.faults.fault import Fault
from cab_check.demo.faults.network import delivered
from cab_check.demo.faults.table import FAULTS
from cab_check.demo.server import serve

BROKEN_S, SOUND_S, CHECK_S, SLOW_S = 45, 120, 240, 2.0
LAID = {
    **FAULTS,
    "slow": Fault(
        "slow", "", f"Every reply comes after {SLOW_S:g} s.", after=delivered(lambda how: replace(how, wait_s=SLOW_S))
    ),
}
CLIS = {row.tui: row for row in reversed(recipes.ROWS) if not row.findings}


@dataclass(frozen=True)
class Case:
    """One round trip; the fields are those of trip_cases.toml."""

    name: str
    cli: str
    code: str = ""
    line: str = ""
    instead: str = ""
    into: str = "conf"
    by: str = "handshake"
    gateway: str = ""
    conf: str = ""
    demo: tuple[str, ...] = ()
    given: str = "http://127.0.0.1:@port@/v1"
    model: str = MODEL
    wiring: tuple[tuple[str, str], ...] = ()
    add: str = ""
    harmless: bool = False
    ask: tuple[str, ...] = ()
    put: str | None = None
    fill: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Setting:
    """What a person has on disk and pastes: the settings files by path below HOME, and the shell lines."""

    lines: tuple[str, ...]
    start: str
    files: Mapping[str, str] = field(default_factory=dict)

    def changed(self, old: str, new: str) -> Setting:
        """The same with `old` (a pattern) replaced wherever it stands."""
        swap = [re.sub(old, lambda _: new, line) for line in (*self.lines, self.start)]
        files = {name: re.sub(old, lambda _: new, text) for name, text in self.files.items()}
        return Setting(tuple(swap[:-1]), swap[-1], files)


def cases() -> list[Case]:
    """Every case."""
    text = (Path(__file__).parent / "trip_cases.toml").read_text("utf-8")
    rows = tomllib.loads(text)["case"]
    return [Case(**{key: _frozen(value) for key, value in row.items()}) for row in rows]


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def wired(case: Case, base: str) -> Setting:
    """The recipe that `cab-check wiring` prints for that address, broken as the case has it."""
    row = replace(CLIS[case.cli], findings=())
    recipe = recipes.printed(row, base)
    files = {item["path"].removeprefix("~/"): item["text"] for item in recipe["files"]}
    lines = (*(item["line"] for item in recipe["variables"]), *recipe["before"])
    setting = Setting(tuple(lines), recipe["headless"], files)
    return replace(setting, lines=(*filter(None, [case.add]), *setting.lines))


def edit(case: Case, setting: Setting, path: Sequence[Path], log: Path, limit_s: int) -> bool:
    """One run of the CLI in a fresh HOME: whether the file is as was asked."""
    job = recipes.jobs("edit")[0]
    with tempfile.TemporaryDirectory(prefix="cab-trip-", ignore_cleanup_errors=True) as folder:
        home, work = Path(folder) / "home", Path(folder) / "work"
        recipes.write(home, {name: text.encode() for name, text in setting.files.items()})
        recipes.write(work, job.start)
        env = recipes.environment(home, path, job)
        for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run(["git", *step], cwd=work, env=env, check=True, timeout=60)
        pasted = "\n".join((*setting.lines, setting.start)) + "\n"
        with log.open("ab") as out:
            out.write(f"\n=== {time.strftime('%H:%M:%S')}\n{pasted}\n{setting.files}\n".encode())
            out.flush()
            recipes.bounded(["sh", "-c", pasted], work, env, out, limit_s)
        recipes.end_all_of(home)
        return all((work / name).read_bytes() == text for name, text in job.end.items())


def asked(case: Case, setting: Setting, marks: Mapping[str, str], log: Path) -> dict[str, Any]:
    """What cab-check says, as its one JSON document, with the variables that the CLI gets; HOME is a scratch folder."""
    endpoint, model = marked(case.given, marks), marked(case.model, marks)
    if case.by == "check":
        endpoint, model = f"http://127.0.0.1:{marks['port']}/v1", MODEL
        words = ["wiring", case.cli, "--check"]
    else:
        words = ["handshake", "--tui", case.cli, "--key-env", "CAB_KEY", "--no-store", *case.ask]
    command = [sys.executable, "-m", "cab_check", *words, "-e", endpoint, "-m", model, "--json"]
    with tempfile.TemporaryDirectory(prefix="cab-home-", ignore_cleanup_errors=True) as folder:
        recipes.write(Path(folder), {name: text.encode() for name, text in setting.files.items()})
        env = {"PATH": os.environ["PATH"], "HOME": folder, "CAB_KEY": recipes.KEY}
        lines = [line for line in setting.lines if line.startswith("export ")]
        pasted = "\n".join([*lines, f"exec {shlex.join(command)}"])
        done = subprocess.run(
            ["sh", "-c", pasted], cwd=folder, env=env, capture_output=True, text=True, timeout=CHECK_S
        )
    with log.open("a") as out:
        out.write(f"\n=== {' '.join(command[3:])}\n{done.stderr}\n{done.stdout}\n")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def first(case: Case, document: Mapping[str, Any]) -> tuple[str, str]:
    """The first thing to mend: its code (with subject), or the setting that differs, and the line that is printed."""
    if case.by == "check":
        found = document["differences"]
        return (found[0]["setting"], found[0]["needed"]) if found else ("nothing differs", "")
    findings = (document.get("handshake") or {}).get("findings") or []
    bad = [item for item in findings if item["severity"] != "info"]
    if not bad:
        return "nothing", ""
    subject = f":{bad[0]['subject']}" if bad[0].get("subject") else ""
    return f"{bad[0]['code']}{subject}", bad[0].get("fix") or ""


@dataclass(frozen=True)
class Trip:
    """How one round trip went: what the CLI did before and after, the code, and the line that was applied."""

    before: str
    code: str
    applied: str
    after: str
    well: bool

    @property
    def shown(self) -> str:
        """The line on one line of the table."""
        return " ".join(self.applied.split())[:200] or "(taken away)"


def trip(case: Case, agents: Path, logs: Path) -> Trip:
    """One round trip. Raises Missing where this machine has not got what it wants."""
    path = recipes.install(CLIS[case.cli], agents, sys.executable)
    log = logs / f"{case.name}.log"
    log.write_text("")
    with tempfile.TemporaryDirectory(prefix="cab-trip-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        demo = stack.enter_context(serve(key=recipes.KEY, faults=[LAID[name] for name in case.demo]))
        port = str(demo.port) if not case.gateway else str(free_port())
        marks = {"port": port, "tls": str(free_port()), "demo": f"127.0.0.1:{demo.port}", "dir": folder}
        marks |= {"cab": recipes.KEY, "dead": str(free_port()), **certificate(Path(folder))}
        base = marked(case.given, marks)
        setting = wired(case, f"http://127.0.0.1:{port}/v1" if case.wiring or case.by == "check" else base)
        for old, new in case.wiring:
            setting = setting.changed(marked(old, marks), marked(new, marks))
        setting = _filled(setting, marks)
        with gateway(case.gateway, case.conf, marks, log):
            before = edit(case, setting, path, log, BROKEN_S)
            code, text = first(case, asked(case, setting, marks, log))
        if case.harmless:
            return Trip(_word(before), code, "-", "-", before and code == (case.code or "nothing"))
        found = re.search(case.line, text)
        if before or not code.startswith(case.code) or found is None:
            return Trip(_word(before), code, f"NOT PRINTED in: {text}" if found is None else found[0], "-", False)
        line = (found[1] if found.groups() else found[0]) if case.put is None else marked(case.put, marks)
        for placeholder, words in case.fill:
            line = line.replace(placeholder, marked(words, marks))
        conf = case.conf
        if case.into == "conf":
            conf = re.sub(marked(case.instead, marks), lambda _: line, marked(conf, marks), count=1)
        elif case.into == "lines":
            setting = replace(setting, lines=(*setting.lines, line))
        else:
            setting = setting.changed(marked(case.instead, marks), line)
        with gateway(case.gateway, conf, marks, log):
            after = edit(case, setting, path, log, SOUND_S)
        return Trip(_word(before), code, line, _word(after), after)


def _filled(setting: Setting, marks: Mapping[str, str]) -> Setting:
    files = {name: marked(text, marks) for name, text in setting.files.items()}
    return Setting(tuple(marked(line, marks) for line in setting.lines), marked(setting.start, marks), files)


def _word(went: bool) -> str:
    return "finishes" if went else "fails"


def main() -> int:
    """Make every chosen round trip, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=Path, default=os.environ.get("CAB_AGENTS"))
    parser.add_argument("--only", default="")
    parser.add_argument("--cli", default="")
    parser.add_argument("--logs", type=Path)
    options = parser.parse_args()
    wanted, clis = [{name for name in text.split(",") if name} for text in (options.only, options.cli)]
    chosen = [case for case in cases() if (not wanted or case.name in wanted) and (not clis or case.cli in clis)]
    broke = made = 0
    with tempfile.TemporaryDirectory(prefix="cab-trips-") as temporary:
        agents, logs = Path(options.agents or temporary).absolute(), options.logs or Path(temporary)
        logs.mkdir(parents=True, exist_ok=True)
        print(f"{'':4} {'case':28} {'CLI':15} {'before':9} {'first':36} {'after':9} line that was applied")
        for case in chosen:
            try:
                went = trip(case, agents, logs)
            except Missing as missing:
                print(f"skip {case.name:28} {case.cli:15} {missing}", flush=True)
                continue
            made, broke = made + 1, broke + (not went.well)
            word = "ok" if went.well else "BAD"
            print(
                f"{word:4} {case.name:28} {case.cli:15} {went.before:9} {went.code[:36]:36} {went.after:9} "
                f"{went.shown}",
                flush=True,
            )
    print(f"{made - broke} of {made} round trips went, {len(chosen) - made} skipped")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
