"""Two addresses side by side: how often each finding was seen at either, and so whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report.figures import many, seconds
from cab_check.report.findings import name, owner
from cab_check.report.lines import cut, hanging, key, single, two_ends
from cab_check.report.verdict import WORDS

Row = Mapping[str, Any]

_SHOWN = 6
_COLUMNS = f"{'gateway':>9}{'direct':>9}"


def table(record: Row, width: int) -> list[Text]:
    """The second address and what was seen where; nothing if there was no comparison."""
    twin = record["handshake"]["compared_to"]
    if twin is None:
        return []
    cost, word = twin["cost"], WORDS[twin["verdict"]][0]
    about = f"{twin['base_url']}: {word}, {many(cost['requests'], 'request')}, {seconds(cost['wall_ms'] / 1000)}"
    lines = [single(key("Twin"), about, width, label_style="bold")]
    findings = record["handshake"]["findings"]
    rows = [finding for finding in findings if finding["compare"] and finding["follows_from"] is None]
    if rows:
        lines.append(two_ends(Text(key("") + "seen:", "dim"), _COLUMNS, width, style="dim"))
    lines += [_row(finding, width) for finding in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        lines.append(single(key(""), f"and {len(rows) - _SHOWN} more with -v", width, style="dim"))
    untold = [name(finding) for finding in findings if not finding["compare"] and finding["follows_from"] is None]
    if untold:
        lines += hanging(key(""), f"not comparable, not answered there: {', '.join(untold)}", width, style="dim")
    return lines


def _row(finding: Row, width: int) -> Text:
    here, there = (f"{seen[0]}/{seen[1]}" for seen in (finding["seen"], finding["seen_there"]))
    whose = "only there" if finding["compare"] == "there" else owner(finding)
    return two_ends(Text(key("") + cut(f"{name(finding)}  {whose}", width - 26)), f"{here:>9}{there:>9}", width)
