"""The agent CLIs: those asked about a line or two each, the others folded by what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report.lines import hanging, key, single

Row = Mapping[str, Any]

WORDS = {
    "works": ("works", "green"),
    "degraded": ("degraded", "yellow"),
    "blocked": ("blocked", "red"),
    "unknown": ("not known", "dim"),
}
_ALONE, _BESIDE = 4, 2
"""So many groups of CLIs that were not asked about are shown: alone, and beside one that was."""
_ORDER = ("works", "degraded", "blocked", "unknown")


def summary(record: Row, width: int) -> list[Text]:
    """The rows of the CLIs asked about, then the others by verdict and shared cause; nothing if none was judged."""
    rows = record["handshake"]["tuis"]
    if not rows:
        return []
    asked = [row for row in rows if row["tui"] in record["handshake"]["for"]]
    others = [row for row in rows if row not in asked]
    if record["handshake"]["verdict"] == "unchecked":
        others = []
    elif asked:
        others = [row for row in others if row["verdict"] != "unknown"]
    lines = [line for row in asked for line in _asked(row, width)]
    return _labelled(lines + _folded(others, width, _BESIDE if asked else _ALONE))


def every(row: Row, width: int) -> list[Text]:
    """One CLI with all that is known of it here, for `-v`."""
    word, style = WORDS[row["verdict"]]
    about = f" ({', '.join(row['because'])})" if row["because"] else ""
    said = f": {row['what_happens']}" if row["what_happens"] else ""
    return hanging(f"  {row['tui']:18}", f"{word}{about}{said}. {versions(row)}", width, limit=6, label_style=style)


def versions(row: Row) -> str:
    """Which version was measured and when, and which one is installed here."""
    here = f"; {row['version_installed']} is installed here" if row["version_installed"] else ""
    return f"{row['product']} {row['version_measured']} measured on {row['measured_on']}{here}"


def _asked(row: Row, width: int) -> list[Text]:
    """What it will do here; with the version that was measured, and the installed one where that is another."""
    word, style = WORDS[row["verdict"]]
    said = row["what_happens"] or "nothing stands in its way here"
    cause = f" ({_code(row)})" if row["because"] and row["verdict"] != "works" else ""
    measured, here = row["version_measured"], row["version_installed"]
    version = f" {measured}" if here in (None, measured) else f" {measured} (here {here})"
    return hanging(f"{key('')}{row['tui']}{version}  {word}  ", f"{said}{cause}", width, limit=2, label_style=style)


def _folded(rows: list[Row], width: int, most: int) -> list[Text]:
    """A line for each verdict and cause; what is more than a screen can hold is counted."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: _ORDER.index(row["verdict"])):
        cause = _code(row) if row["because"] and row["verdict"] in ("degraded", "blocked") else ""
        label = f"{WORDS[row['verdict']][0]}{f' by {cause}' if cause else ''}"
        groups.setdefault(label, []).append(row)
    lines = []
    for label, members in list(groups.items())[:most]:
        names, style = ", ".join(row["tui"] for row in members), WORDS[members[0]["verdict"]][1]
        lines.append(single(f"{key('')}{len(members)} {label}: ", names, width, style="dim", label_style=style))
    left = sum(len(members) for members in list(groups.values())[most:])
    more = [single(key(""), f"{left} more with -v", width, style="dim")] if left else []
    return [*lines, *more]


def _code(row: Row) -> str:
    """The first finding that makes it so, without its subject."""
    return str(row["because"][0]).partition(":")[0]


def _labelled(lines: list[Text]) -> list[Text]:
    """The block's label in front of its first line."""
    if not lines:
        return []
    first = lines[0]
    return [Text.assemble((key("CLIs"), "bold"), first[len(key("")) :]), *lines[1:]]
