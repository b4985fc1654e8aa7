"""The first screen.

A pure function of the Record: does it work, whose fault is it, which line to change, what to type next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report import axes, checks, compare, findings, foot, task, tuis, verdict
from cab_check.report.lines import height, page

LINES = 25
NARROWEST = 40


def first_screen(record: Mapping[str, Any], *, width: int = 80) -> Text:
    """The first screen, for `write` or for `console.print(..., soft_wrap=True)`.

    At most 25 rows of `width` cells unless a line to change is longer than that: it is never cut or broken.
    """
    width = max(width, NARROWEST)
    head = [*verdict.verdict(record, width), *verdict.hops(record, width)]
    if not record["handshake"]["checks"] and record["error"]:
        return page([*head, *foot.next_step(record, width)])
    tail = [
        *tuis.summary(record, width),
        *compare.table(record, width),
        *task.summary(record, width),
        *axes.summary(record, width),
        *foot.error(record, width),
        *foot.cost(record, width),
        *foot.next_step(record, width),
    ]
    counts = checks.folded(record, width)
    room = LINES - height([*head, *counts, *tail], width) - 3
    told = findings.folded(record, width, room)
    if height(told, width) > room:  # the counts give way to what must be changed
        counts = checks.folded(record, width, limit=1)
    blocks = [head, told, counts, tail]
    return page([line for block in blocks if block for line in (*block, Text())][:-1])


def verdict_line(record: Mapping[str, Any], *, width: int = 80) -> Text:
    """The verdict alone, for `-q`."""
    return page(verdict.verdict(record, max(width, NARROWEST), alone=True))
