"""Everything behind the first screen: `-v` gives each check, finding and test, `-vv` the spans and the wire too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from cab_check.base.text import clean, one_line
from cab_check.report import tuis
from cab_check.report.axes import AXES
from cab_check.report.checks import GLYPHS
from cab_check.report.figures import many, seconds
from cab_check.report.findings import GLYPHS as FINDING_GLYPHS
from cab_check.report.findings import SURE, name, over, owner
from cab_check.report.lines import address, change, hanging, page
from cab_check.report.terminal import NARROWEST, first_screen
from cab_check.wire.exchange import Exchange, Recording

Row = Mapping[str, Any]

_UNCUT = 1000
_EXCERPT = 600
_SHOWS = {
    None: None,
    "both": "at both addresses",
    "here": "only at the address asked about",
    "there": "only at the second address",
}


def verbose(record: Row, level: int = 1, *, width: int = 80, recording: Recording | None = None) -> Text:
    """The first screen and what is behind it. The wire is shown at level 2 where `recording` is at hand."""
    width = max(width, NARROWEST)
    sections: list[tuple[str, Callable[[Row, int], Iterator[Text]]]] = [
        ("Checks", _checks),
        ("Findings", _findings),
        ("Agent CLIs", _tuis),
        ("What the openai SDK makes of it", _sdk_view),
        ("On the way", _hops),
        ("Walls", _walls),
        ("Trials", _trials),
        ("Axes", _axes),
        ("Not known", _unknown),
    ]
    if level >= 2:
        sections.append(("Spans", _spans))
    lines: list[Text] = []
    for title, section in sections if level >= 1 else []:
        lines += _titled(title, list(section(record, width)))
    if level >= 2 and recording is not None:
        lines += _titled("Wire", [line for item in recording.exchanges for line in _exchange(item, width)])
    return first_screen(record, width=width).append_text(page(lines))


def _titled(title: str, lines: Sequence[Text]) -> list[Text]:
    return [Text(), Text(title, style="bold underline"), *lines] if lines else []


def _checks(record: Row, width: int) -> Iterator[Text]:
    for check in record["handshake"]["checks"]:
        glyph, style = GLYPHS[check["status"]]
        took = "" if check["ms"] is None else f", {seconds(check['ms'] / 1000)}"
        asked = f" [request {', '.join(str(number) for number in check['exchanges'])}]" if check["exchanges"] else ""
        needs = f" (needs {', '.join(check['needs'])})" if check["status"] == "not_run" and check["needs"] else ""
        status = check["status"].replace("_", " ")
        text = f"{check['id']} ({check['layer']}): {status}{took}. {check['reason']}{needs}{asked}"
        yield from hanging(f"  {glyph:<3}", text, width, limit=_UNCUT, label_style=style)


def _tuis(record: Row, width: int) -> Iterator[Text]:
    for row in record["handshake"]["tuis"]:
        yield from tuis.every(row, width)


def _findings(record: Row, width: int) -> Iterator[Text]:
    for finding in record["handshake"]["findings"]:
        glyph, style = FINDING_GLYPHS[finding["severity"]]
        seen, asked = finding["seen"]
        facts = f"{name(finding)}{over(finding)}: {owner(finding)}, {seen} of {asked}, {SURE[finding['confidence']]}"
        yield from hanging(f"  {glyph}  ", facts, width, limit=_UNCUT, style="bold", label_style=style)
        yield from _said(finding, width)
        if finding["fix"]:
            yield Text("     Change")
            yield from change(finding["fix"], 7, width, limit=_UNCUT)


def _said(finding: Row, width: int) -> Iterator[Text]:
    pairs = [("", finding["title"]), ("cause: ", finding["cause"]), ("fixed in: ", finding["fixed_in"])]
    pairs.append(("follows from: ", finding["follows_from"]))
    pairs.append(("shows: ", _SHOWS[finding["compare"]]))
    pairs += [("seen: ", _place(item)) for item in finding["evidence"]]
    for label, text in pairs:
        if text:
            yield from hanging(f"     {label}", text, width, limit=_UNCUT)
    for source in finding["sources"]:
        yield address("     source: ", source)


def _place(evidence: Row) -> str:
    where = evidence["where"]
    if evidence["exchange"] is not None:
        where = f"request {evidence['exchange']}, {where}"
    return f"{where}: {evidence['excerpt']}"


def _sdk_view(record: Row, width: int) -> Iterator[Text]:
    for view in record["handshake"]["sdk_view"]:
        text = f"{view['outcome']} (openai {view['sdk_version']})"
        yield from hanging(f"  request {view['exchange']}: ", text, width, limit=_UNCUT)


def _hops(record: Row, width: int) -> Iterator[Text]:
    for hop in record["endpoint"]["hops"]:
        text = f"{hop['name']} {hop['version'] or ''} ({hop['kind']}, {SURE[hop['confidence']]}): {hop['evidence']}"
        yield from hanging("  ", text, width, limit=_UNCUT)


def _walls(record: Row, width: int) -> Iterator[Text]:
    if record["task"] is None:
        return
    isolation = record["task"]["isolation"]
    yield from hanging(
        "  ", f"{isolation['engine']} {isolation['engine_version'] or ''} level {isolation['level']}", width
    )
    for wall, how in isolation["walls"].items():
        yield from hanging("  ", f"{wall}: {how}", width, limit=_UNCUT)
    for gap in isolation["gaps"]:
        yield from hanging("  ", f"not walled off: {gap}", width, limit=_UNCUT)


def _trials(record: Row, width: int) -> Iterator[Text]:
    if record["task"] is None:
        return
    for trial in record["task"]["trials"]:
        agent, changes = trial["agent"], trial["changes"]
        ended = f"{agent['end']} after {many(agent['turns'], 'turn')}: {agent['detail']}"
        yield from hanging(f"  {trial['number']}  ", f"{trial['reason']}; agent {ended}", width, limit=_UNCUT)
        for test in trial["tests"]:
            glyph, style = GLYPHS["pass" if test["state"] == "passed" else "fail"]
            yield from hanging(f"     {glyph:<3}", f"{test['name']}: {test['state']}", width, label_style=style)
        for kind in ("added", "removed", "modified", "unexpected"):
            if changes[kind]:
                yield from hanging(f"     {kind}: ", ", ".join(changes[kind]), width, limit=_UNCUT)
        for stream in ("stdout_tail", "stderr_tail"):
            if not trial["passed"] and trial[stream].strip():
                yield Text(f"     {stream.removesuffix('_tail')} of the tests, its end:", style="dim")
                yield from (Text(f"       {line}") for line in clean(trial[stream]).strip("\n").split("\n")[-40:])
    for gap in record["task"]["grading_gaps"]:
        yield from hanging("  ", f"grading cannot rule out: {gap}", width, limit=_UNCUT)


def _axes(record: Row, width: int) -> Iterator[Text]:
    for axis, (label, form) in AXES.items() if record["axes"] else ():
        row = record["axes"][axis]
        value = "no value" if row["value"] is None else form(row)
        spread = "" if row["spread"] is None else f", from {row['spread'][0]:g} to {row['spread'][1]:g}"
        yield from hanging("  ", f"{label}: {value}{spread} ({row['unit']}, n = {row['n']}): {row['reason']}", width)


def _unknown(record: Row, width: int) -> Iterator[Text]:
    for path, reason in _reasons(record, ""):
        yield from hanging("  ", f"{path}: {reason}", width, limit=_UNCUT)


def _reasons(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every reason beside an unknown value, with the dotted place of that value."""
    if isinstance(value, Mapping):
        for field, item in value.items():
            if field == "reasons":
                yield from ((f"{path}{unknown}", reason) for unknown, reason in item.items())
            else:
                yield from _reasons(item, f"{path}{field}.")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _reasons(item, f"{path}{number}.")


def _spans(record: Row, width: int) -> Iterator[Text]:
    spans = record["trace"]["spans"]
    parents = {span["id"]: span["parent"] for span in spans}
    for span in spans:
        depth, above = 0, span["parent"]
        while above in parents and depth < len(spans):
            depth, above = depth + 1, parents[above]
        failed = f"; {span['error']}" if span["error"] else ""
        text = f"{span['kind']} {span['name']}, {seconds(span['duration_ms'] / 1000)}{failed}"
        yield from hanging(f"  {span['start_ms'] / 1000:8.2f} s {'  ' * min(depth, 8)}", text, width)


def _exchange(exchange: Exchange, width: int) -> Iterator[Text]:
    ended = exchange.end if exchange.status is None else f"{exchange.status}, {exchange.end}"
    detail = f" ({exchange.detail})" if exchange.detail else ""
    head = f"{exchange.sent.method} {exchange.sent.route} -> {ended}{detail}, {seconds(exchange.times.end / 1000)}"
    yield from hanging(f"  {exchange.number:>3}  ", head, width, style="bold")
    bodies = ((">", exchange.sent.body.decode("utf-8", "replace")), ("<", exchange.text))
    for direction, body in bodies:
        if body:
            yield from hanging(f"       {direction} ", one_line(body, _EXCERPT), width, limit=_UNCUT, style="dim")
