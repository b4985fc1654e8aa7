"""`cab-check explain CODE`: what a finding means, who can mend it, and how it is mended where we know."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from cab_check.cli.screen import columns, put
from cab_check.knowledge.advice import Rule, rules_for
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import Code, code, codes, layers
from cab_check.report.lines import change, hanging


def explain(name: Annotated[str | None, typer.Argument(metavar="CODE")] = None) -> None:
    """A finding: what it means, who is hit, how it is mended. Without CODE: all of them."""
    if name is None:
        for layer in layers():
            put(
                [
                    Text(layer, style="bold"),
                    *(row for entry in codes().values() if entry.layer == layer for row in _row(entry)),
                ]
            )
        return
    entry = code(name.partition(":")[0])
    facts = [
        ("layer", entry.layer),
        ("severity", f"{entry.severity} (for a client that streams chat and uses tools over two turns)"),
        ("mended by", f"{entry.owner}, unless the bytes show another"),
        *([("subject", entry.subject)] if entry.subject else []),
    ]
    put(change(f"{entry.code}: {entry.means}", 0, columns()))
    put(line for label, text in facts for line in hanging(f"{label:10}", text, columns(), limit=9))
    for rule, advised in rules_for(entry.code):
        put(["", *_case(rule, advised)])


def _row(entry: Code) -> list[Text]:
    return hanging(f"  {entry.code:30} ", entry.means, columns(), limit=4)


def _case(rule: Rule, advised: Finding) -> list[Text]:
    """One case: where it holds, why it happens, the line to change, and where both are said."""
    where = [rule.hop or "any server", *([rule.subject] if rule.subject else [])]
    words = [f"where the reply matches /{rule.text.pattern}/"] if rule.text else []
    model = [f"for models like /{rule.model.pattern}/"] if rule.model else []
    width = columns()
    return [
        *hanging("", ", ".join([*where, *words, *model]), width, limit=4, style="bold"),
        *hanging("  cause   ", advised.cause or "", width, limit=9),
        Text("  change"),
        *change(advised.fix or "", 4, width, limit=40),
        *(hanging("  since   ", advised.fixed_in, width) if advised.fixed_in else []),
        *(Text(f"  source  {url}") for url in advised.sources),
    ]
