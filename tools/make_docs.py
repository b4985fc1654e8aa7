"""Writes the pages of docs/ that are made from data: findings, servers, commands, agent CLIs.

python tools/make_docs.py           writes them
python tools/make_docs.py --check   writes nothing; exit code 1 if a page is not what the data says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from typer.main import get_command

from cab_check.cli import sandbox
from cab_check.cli.app import build
from cab_check.knowledge.advice import Rule, rules_for
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.fingerprint import Known, known_hops
from cab_check.knowledge.parsers import families
from cab_check.knowledge.vocabulary import Code, codes, layers
from cab_check.report.tui_pages import cells
from cab_check.tuis.effects import by_weight
from cab_check.tuis.loader import profiles
from cab_check.tuis.profile import Effect, Profile
from cab_check.tuis.unmeasured import unmeasured

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by tools/make_docs.py from {source}: change it there. -->"
CONFIDENCE = {3: "proves it", 2: "good sign", 1: "hint"}
KINDS = {"gateway": "Proxies and gateways", "provider": "Providers", "server": "Servers"}


def findings() -> str:
    """Every code: what it means, and each known case with its change and source."""
    return "\n".join(
        [
            MADE.format(source="cab_check/knowledge/findings.toml and advice/"),
            "# Findings",
            "",
            "What the handshake may say is wrong, layer by layer, as a request meets them. `cab-check explain CODE`",
            "prints the same. *Mended by* and *severity* hold unless the bytes show another. A case holds for the",
            "server and the subject that it names; of several the most particular is taken.",
            "",
            *(line for layer in layers() for line in _layer(layer)),
        ]
    )


def _layer(layer: str) -> Iterator[str]:
    yield from (f"## {layer}", "")
    for entry in codes().values():
        if entry.layer == layer:
            yield from _code(entry)


def _code(entry: Code) -> Iterator[str]:
    yield from (f"### {entry.code}", "", entry.means, "")
    yield f"Mended by: {entry.owner}. Severity: {entry.severity}." + (
        f" Subject: {_plain(entry.subject)}." if entry.subject else ""
    )
    yield ""
    for rule, advised in rules_for(entry.code):
        yield from _case(rule, advised)


def _case(rule: Rule, advised: Finding) -> Iterator[str]:
    where = ", ".join(
        [
            f"**{rule.hop or 'any server'}**",
            *([f"`{rule.subject}`"] if rule.subject else []),
            *([f"where the reply matches `{rule.text.pattern}`"] if rule.text else []),
            *([f"for models like `{rule.model.pattern}`"] if rule.model else []),
        ]
    )
    yield from (f"- {where}: {_plain(advised.cause or '')}", "")
    yield from ("  ```text", *(f"  {line}" for line in (advised.fix or "").splitlines()), "  ```", "")
    said = ", ".join(f"<{url}>" for url in rule.sources)
    yield from ("  " + (f"Since {rule.fixed_in}. " if rule.fixed_in else "") + f"Said at {said}", "")


def servers() -> str:
    """The hops that are recognised, by what, and which parser each server needs for which model."""
    return "\n".join(
        [
            MADE.format(source="cab_check/knowledge/servers.toml and parsers.toml"),
            "# Who answers",
            "",
            "A hop is named when its marks add up: 3 or more is sure, 2 is likely, less is not said. Several hops can",
            "be named, nearest to the user first; of servers only the likeliest, since one answers in the end.",
            "",
            *(line for kind in KINDS for line in _kind(kind)),
            "## Tool parsers",
            "",
            *_parsers(),
            "",
        ]
    )


def _kind(kind: str) -> Iterator[str]:
    yield from (f"## {KINDS[kind]}", "")
    for hop in known_hops():
        if hop.kind == kind:
            yield from _hop(hop)


def _hop(hop: Known) -> Iterator[str]:
    yield from (f"### {hop.name}", "", "| where | what | weight |", "|---|---|---|")
    for mark in hop.marks:
        yield f"| {mark.at} | `{_cell(mark.match.pattern)}` | {mark.weight}, {CONFIDENCE[mark.weight]} |"
    yield ""


def _parsers() -> Iterator[str]:
    names = sorted({server for family in families() for server in family.parser})
    yield f"| the model writes | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for family in families():
        cells = (f"`{family.parser[name]}`" if name in family.parser else "-" for name in names)
        yield f"| {family.speaks} ({family.name}) | {' | '.join(cells)} |"


def commands() -> str:
    """Every command with its arguments and options."""
    top: Any = get_command(build())
    return "\n".join(
        [
            MADE.format(source="the commands themselves"),
            "# Commands",
            "",
            "A line without a command is `check`. `cab-check COMMAND --help` prints the same.",
            "",
            *(line for name, command in top.commands.items() for line in _listed(name, command)),
        ]
    )


def _listed(name: str, command: Any) -> Iterator[str]:
    return _sandbox() if name == "sandbox" else _command(f"cab-check {name}", command)


def _sandbox() -> Iterator[str]:
    """The one command that reads its own command line."""
    own = sandbox.parser()
    yield from (f"## {own.prog} [--] ARGV...", "", f"{own.description} {own.epilog}", "")
    rows = [row for row in own._actions if row.option_strings and row.dest != "help"]
    named = [(", ".join(f"`{name}`" for name in row.option_strings), row) for row in rows]
    yield from _table(
        ("option", "what it does"),
        [(f"{names} `{_cell(str(row.metavar))}`" if row.metavar else names, str(row.help)) for names, row in named],
    )


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [row for row in command.params if row.param_type_name == "argument"]
    options = [row for row in command.params if row.param_type_name == "option" and not row.hidden]
    words = " ".join([name, *(row.metavar or row.name.upper() for row in arguments)])
    yield from (f"## {words}", "", " ".join((command.help or "").split()), "")
    if options:
        yield from ("| option | what it does |", "|---|---|")
        yield from (f"| {_names(row)} | {_cell(row.help or '')} |" for row in options)
        yield ""
    for inner, nested in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {inner}", nested)


def _names(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    return names if option.is_flag or option.count else f"{names} `{_cell(option.metavar or option.name.upper())}`"


def agent_clis() -> str:
    """The form of a profile, then what each agent CLI sends and does."""
    measured = [profile for profile in profiles().values() if profile.version]
    named = [(one.title, one.what, one.why, f"{one.nearest}: {one.because}") for one in unmeasured().values()]
    return "\n".join(
        [
            MADE.format(source="cab_check/tuis: format.md, profiles/ and unmeasured.toml"),
            resources.files("cab_check.tuis").joinpath("format.md").read_text("utf-8"),
            "## Measured",
            "",
            "*tokens* is about how many the first request has, its bytes by four.",
            "",
            *_table(
                ("name", "API", "streamed", "tools", "tokens", "version", "measured"),
                [cells(profile, None)[:-1] for profile in measured],
            ),
            *(line for profile in measured for line in _agent_cli(profile)),
            "## Known and not measured",
            "",
            *_table(("name", "what", "why not", "nearest"), named),
        ]
    )


def _agent_cli(profile: Profile) -> Iterator[str]:
    yield from (f"## {profile.name}", "", f"{profile.title} {profile.version}, measured on {profile.measured_on}.", "")
    told = [
        (_findings(effect), effect.does, effect.says, effect.mode or effect.how)
        for effect in by_weight(profile.effects)
    ]
    told += [(reply.what, reply.does, reply.says, reply.mode) for reply in profile.replies]
    yield from _table(("when", "what it does", f"{profile.name} ...", "measured as"), told)
    if profile.setups:
        failures = [
            (setup.when, setup.shows, "-" if setup.exit is None else str(setup.exit), setup.mend)
            for setup in profile.setups
        ]
        yield from ("Failures of its own set-up:", "", *_table(("when", "it shows", "exit", "what mends it"), failures))
    if profile.not_measured:
        yield from (f"Not measured: {'; '.join(profile.not_measured)}.", "")


def _findings(effect: Effect) -> str:
    names = ", ".join(f"`{code}:{subject}`" if subject else f"`{code}`" for code, subject in effect.findings)
    narrow = ", ".join(filter(None, (effect.case, effect.variant)))
    return f"{names} ({narrow})" if narrow else names


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| {' | '.join(_cell(_plain(cell)) for cell in row)} |" for row in rows)
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text of ours with its angle brackets kept from being read as HTML."""
    return text.replace("<", "&lt;")


PAGES = {"findings.md": findings, "servers.md": servers, "commands.md": commands, "tuis.md": agent_clis}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that are stale."""
    pages = {DOCS / name: make().rstrip("\n") + "\n" for name, make in PAGES.items()}
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"docs/{path.name} is not what the data says: python tools/make_docs.py", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for path in stale:
        path.write_text(pages[path], "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
