"""What changed between two runs: verdict, findings gone, new and the same, checks with another outcome, and axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cab_check.base.text import one_line
from cab_check.report.axes import AXES
from cab_check.report.issue_choice import key
from cab_check.report.verdict import WORDS

Row = Mapping[str, Any]

SCHEMA = "cab-check/runs-diff/v1"


def compare(before: Row, after: Row) -> dict[str, Any]:
    """The difference as plain JSON values. A finding is the same if its code and subject are."""
    old, new = _findings(before), _findings(after)
    return {
        "schema": SCHEMA,
        "runs": [_run(before), _run(after)],
        "verdict": [before["handshake"]["verdict"], after["handshake"]["verdict"]],
        "findings": {
            "gone": [old[name] for name in old if name not in new],
            "new": [new[name] for name in new if name not in old],
            "same": [new[name] for name in new if name in old],
        },
        "checks": _checks(before, after),
        "axes": {name: [_axis(before, name), _axis(after, name)] for name in AXES},
    }


def lines(difference: Row) -> Iterator[str]:
    """The difference to read."""
    for mark, run in zip("AB", difference["runs"], strict=True):
        yield _cut(
            f"{mark} {run['run_id']} {run['model'] or '-'} at {run['endpoint'] or '-'} {' > '.join(run['hops'])}"
        )
    first, second = (WORDS[verdict][0] for verdict in difference["verdict"])
    yield ""
    yield f"{first} -> {second}" if first != second else f"{first} in both"
    for kind, mark in (("gone", "-"), ("new", "+"), ("same", "=")):
        for finding in difference["findings"][kind]:
            yield _cut(f"  {mark} {kind}: {finding['key']} ({finding['severity']}): {finding['title']}")
    if not any(difference["findings"].values()):
        yield "  no findings in either"
    yield from _changed(difference["checks"])
    yield from _axis_lines(difference["axes"])


def _changed(checks: list[Row]) -> Iterator[str]:
    yield ""
    yield f"Checks with another outcome: {len(checks) or 'none'}"
    for check in checks:
        old, new = ((status or "not there").replace("_", " ") for status in check["status"])
        yield _cut(f"  {check['id']}: {old} -> {new}. {check['reason'] or ''}")


def _axis_lines(axes: Row) -> Iterator[str]:
    known = {name: pair for name, pair in axes.items() if any(item is not None for item in pair)}
    if not known:
        return
    yield ""
    yield f"{'':16}{'A':>24}{'B':>24}"
    for name, pair in known.items():
        label, form = AXES[name]
        shown = (one_line(form(item), 24) if item and item["value"] is not None else "no value" for item in pair)
        yield f"{label:16}{''.join(f'{text:>24}' for text in shown)}"


def _run(record: Row) -> dict[str, Any]:
    hops = [" ".join(filter(None, (hop["name"], hop["version"]))) for hop in record["endpoint"]["hops"]]
    return {
        "run_id": record["run_id"],
        "started_at": record["started_at"],
        "endpoint": record["endpoint"]["base_url"],
        "hops": hops,
        "model": record["model"]["requested"],
        "task": record["task"] and record["task"]["id"],
        "partial": record["partial"],
    }


def _findings(record: Row) -> dict[str, dict[str, Any]]:
    fields = ("code", "subject", "severity", "owner", "seen", "title")
    return {
        key(finding): {"key": key(finding), **{field: finding[field] for field in fields}}
        for finding in record["handshake"]["findings"]
    }


def _checks(before: Row, after: Row) -> list[dict[str, Any]]:
    """Those whose outcome is not the same, in the order of the later run; the reason is the later run's."""
    old, new = ({check["id"]: check for check in record["handshake"]["checks"]} for record in (before, after))
    pairs = {name: (old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))}
    return [
        {"id": name, "status": [a and a["status"], b and b["status"]], "reason": b and b["reason"]}
        for name, (a, b) in pairs.items()
        if (a and a["status"]) != (b and b["status"])
    ]


def _axis(record: Row, name: str) -> Any:
    return record["axes"][name] if record["axes"] else None


def _cut(text: str) -> str:
    return one_line(text, 200) if not text.startswith(" ") else f"  {one_line(text, 200)}"
