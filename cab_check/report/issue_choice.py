"""What of a run is passed on: one finding, the smallest exchange that shows it, and a sound one to set beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cab_check.base.errors import UnknownName
from cab_check.base.text import one_line
from cab_check.wire.exchange import Exchange, Recording

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """The exchange that shows a finding, and how many others do."""

    exchange: Exchange
    others: int


@dataclass(frozen=True)
class Twin:
    """A sound exchange of the same kind, and the fields of the request in which it differs."""

    exchange: Exchange
    differs: tuple[str, ...]


def choose(record: Row, wanted: str | None) -> Row:
    """The finding that was asked for (`code` or `code:subject`), else the first root cause that blocks, else the first.

    Raises UnknownName, naming the findings that the run has, if there is none such.
    """
    findings: list[Row] = record["handshake"]["findings"]
    if wanted is not None:
        for finding in findings:
            if wanted in (key(finding), finding["code"]):
                return finding
        has = ", ".join(dict.fromkeys(map(key, findings)))
        hint = f"It has: {has}." if has else "It has no finding at all."
        raise UnknownName(f"The run has no finding {one_line(wanted, 80)!r}.", hint)
    roots = [finding for finding in findings if finding["follows_from"] is None] or findings
    blocking = [finding for finding in roots if finding["severity"] == "blocks"]
    if not roots:
        raise UnknownName("The run has no finding to pass on.", "cab-check report ID -v shows what was checked.")
    return (blocking or roots)[0]


def key(finding: Row) -> str:
    """`code` or `code:subject`."""
    return f"{finding['code']}:{finding['subject']}" if finding["subject"] else str(finding["code"])


def smallest(finding: Row, recording: Recording) -> Shown | None:
    """The exchange with the fewest bytes, both ways, among those that the finding names. None if it names none."""
    named = {item["exchange"] for item in finding["evidence"]}
    showing = sorted((item for item in recording.exchanges if item.number in named), key=_size)
    return Shown(showing[0], len(showing) - 1) if showing else None


def twin(record: Row, recording: Recording, shown: Exchange) -> Twin | None:
    """The sound exchange whose request is most like the one shown: same method and route, a whole 2xx reply, part of a
    check that passed and of none that did not, and evidence of nothing that blocks or degrades."""
    good, bad = set[int](), set[int]()
    for check in record["handshake"]["checks"]:
        (good if check["status"] == "pass" else bad).update(check["exchanges"])
    for finding in record["handshake"]["findings"]:
        if finding["severity"] != "info":
            bad.update(item["exchange"] for item in finding["evidence"] if item["exchange"] is not None)
    sound = [
        Twin(item, _differences(item, shown))
        for item in recording.exchanges
        if item.number in good - bad - {shown.number}
        and item.ok
        and (item.sent.method, item.sent.route) == (shown.sent.method, shown.sent.route)
    ]
    return min(sound, key=lambda found: (len(found.differs), _size(found.exchange)), default=None)


def _size(exchange: Exchange) -> tuple[int, int]:
    return len(exchange.sent.body) + len(exchange.body), exchange.number


def _differences(one: Exchange, other: Exchange) -> tuple[str, ...]:
    """The top-level fields of the two JSON bodies that are not equal."""
    first, second = one.sent.json, other.sent.json
    if not isinstance(first, dict) or not isinstance(second, dict):
        return () if first == second else ("body",)
    names = dict.fromkeys((*second, *first))
    return tuple(name for name in names if first.get(name, ...) != second.get(name, ...))
