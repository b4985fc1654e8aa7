"""`cab-check rules check`: for contributors, whether a new rule finds its recording and leaves its neighbours alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cab_check.chat.errors import read_error
from cab_check.cli.screen import columns, put
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.knowledge.advice import Rule, rules, winner
from cab_check.knowledge.error_rules import ErrorRule, classify_error, error_rules
from cab_check.knowledge.finding import Hop
from cab_check.knowledge.fingerprint import Known, known_hops, recognise
from cab_check.knowledge.rulefile import RuleFile, read_rules
from cab_check.report.lines import change, hanging
from cab_check.wire import har
from cab_check.wire.exchange import Recording

app = typer.Typer(help="For contributors: check new rules (docs/rules.md).", rich_markup_mode=None)
_WORDS = 4000  # characters of a reply that advice looks at, as in a handshake


@dataclass(frozen=True)
class Hit:
    """One rule that held in a recording, and what it said there."""

    rule: Rule | ErrorRule | Known
    said: str
    paste: str = ""


@app.callback()
def rules_group() -> None:
    """For contributors: check new rules (docs/rules.md)."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="RULES.toml")],
    recordings: Annotated[list[Path], typer.Argument(metavar="RECORDING.har...")],
    neighbours: Annotated[
        list[Path] | None, typer.Option("--not", metavar="OTHER.har", help="a recording that no new rule may hold in")
    ] = None,
) -> int:
    """Whether each new rule speaks for one of its recordings, and none for a neighbour. Exit code 1 if not."""
    new = read_rules(file)
    wanted: list[Rule | ErrorRule | Known] = [*new.hops, *new.errors, *new.advice]
    reached: list[Rule | ErrorRule | Known] = []
    for path in recordings:
        found = list(hits(new, har.load(path)))
        reached += [hit.rule for hit in found]
        put(_told(path, found))
    wrong = 0
    for path in neighbours or []:
        found = list(hits(new, har.load(path)))
        wrong += len(found)
        put(_told(path, found) if found else [f"{path}: left alone"])
    missed = [rule for rule in wanted if rule not in reached]
    put(f"never speaks: {_name(rule)}" for rule in missed)
    put([f"{len(wanted) - len(missed)} of {len(wanted)} rules speak for a recording; {wrong} for a neighbour"])
    return 1 if missed or wrong else 0


def hits(new: RuleFile, recording: Recording) -> Iterator[Hit]:
    """Where a rule of `new`, put before ours, decides."""
    names = {own.name for own in new.hops}
    hops = recognise(recording, [*new.hops, *(known for known in known_hops() if known.name not in names)])
    for own in new.hops:
        yield from (Hit(own, f"{own.name}, {hop.confidence}: {hop.evidence}") for hop in hops if hop.name == own.name)
    yield from _error_hits(new.errors, hops, recording)
    plan = plan_of(recording)
    for finding in judge(recording, plan).findings:
        numbers = {item.exchange for item in finding.evidence}
        words = [exchange.text[:_WORDS] for exchange in recording.exchanges if exchange.number in numbers]
        best = winner(dict.fromkeys([*new.advice, *rules()]), finding, hops, words, plan.model)
        if best is not None and best in new.advice:
            yield Hit(best, f"{finding.key}: {best.cause}", best.fix)


def _error_hits(new: Sequence[ErrorRule], hops: Sequence[Hop], recording: Recording) -> Iterator[Hit]:
    among = tuple(dict.fromkeys([*new, *error_rules()]))
    for exchange in recording.exchanges:
        error = read_error(exchange.status, exchange.body) if exchange.got else None
        if error is None or exchange.got is None:
            continue
        asked = (error, exchange.status, exchange.got.headers, hops)
        first = next((rule for rule in among if classify_error(*asked, among=[rule]) is not None), None)
        if first is not None and first in new:
            yield Hit(first, f"request {exchange.number}, {first.code}: {error.message[:200]}")


def _told(path: Path, found: Sequence[Hit]) -> list[Text | str]:
    lines: list[Text | str] = [f"{path}: {len(found)} hits" if found else f"{path}: no rule speaks"]
    for hit in found:
        lines += hanging("  ", hit.said, columns(), limit=6)
        lines += change(hit.paste, 4, columns(), limit=20) if hit.paste else []
    return lines


def _name(rule: Rule | ErrorRule | Known) -> str:
    if isinstance(rule, Known):
        return rule.name
    text = f", text /{rule.text.pattern}/" if rule.text else ""
    return f"{rule.code}, {rule.hop or 'any server'}{text}"
