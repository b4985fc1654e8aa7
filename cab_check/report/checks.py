"""Checks folded into counts: one line per outcome, with denominators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from cab_check.handshake.check import NEEDLESS
from cab_check.report.lines import hanging, two_ends

GLYPHS = {
    "pass": ("ok", "green"),
    "warn": ("!", "yellow"),
    "fail": ("x", "red"),
    "crashed": ("x", "red"),
    "skipped": ("-", "dim"),
    "not_run": ("-", "dim"),
}

_WORDS = {"warn": "warned", "fail": "failed", "crashed": "crashed here", "skipped": "skipped", "not_run": "not run"}


def folded(record: Mapping[str, Any], width: int, *, limit: int = 2) -> list[Text]:
    """`ok` with its layers and `k of n`, then every other outcome that occurred with its checks and its count, each in
    at most `limit` lines.
    """
    checks = record["handshake"]["checks"]
    if not checks:
        return []
    passed = _of(checks, "pass")
    lines = _row("pass", ", ".join(_layers(checks)) or "nothing", f"{len(passed)} of {len(checks)}", width, limit)
    for status, word in _WORDS.items():
        every = _of(checks, status)
        rows = [row for row in every if not row["reason"].startswith(f"{NEEDLESS}: ")]
        if len(rows) < len(every):
            needless = [row for row in every if row not in rows]
            lines += _row(status, needless[0]["reason"], str(len(needless)), width, limit)
        if rows:
            names = ", ".join(row["id"] for row in rows)
            lines += _row(status, f"{word}{_without(rows, checks)}: {names}", str(len(rows)), width, limit)
    return lines


def _row(status: str, text: str, count: str, width: int, limit: int) -> list[Text]:
    glyph, style = GLYPHS[status]
    first, *rest = hanging(f"  {glyph:<3}", text, width - len(count) - 2, limit=limit, label_style=style)
    return [two_ends(first, count, width), *rest]


def _of(checks: Sequence[Mapping[str, Any]], status: str) -> list[Mapping[str, Any]]:
    return [check for check in checks if check["status"] == status]


def _layers(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Layers in which something passed; those in which not everything did say how much."""
    names = []
    for layer in dict.fromkeys(check["layer"] for check in checks):
        inside = [check for check in checks if check["layer"] == layer]
        passed = len(_of(inside, "pass"))
        if passed:
            names.append(layer if passed == len(inside) else f"{layer}({passed}/{len(inside)})")
    return names


def _without(rows: Sequence[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]]) -> str:
    """The failed checks for want of which these could not be asked."""
    failed = {check["id"] for check in checks if check["status"] in ("fail", "crashed")}
    missing = dict.fromkeys(need for row in rows for need in row["needs"] if need in failed)
    return f" for want of {', '.join(missing)}" if missing else ""
