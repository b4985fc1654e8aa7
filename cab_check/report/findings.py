"""Findings on the first screen: the root cause first, whose it is, how often it was seen, and the line to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from cab_check.report.figures import many
from cab_check.report.lines import change, cut, hanging, height, single, two_ends

Row = Mapping[str, Any]

GLYPHS = {"blocks": ("x", "bold red"), "degrades": ("!", "bold yellow"), "info": ("i", "dim")}
SURE = {"high": "sure", "medium": "likely", "low": "a guess"}
_INDENT = 5


def name(finding: Row) -> str:
    """`code` or `code (subject)`."""
    return f"{finding['code']} ({finding['subject']})" if finding["subject"] else str(finding["code"])


def over(finding: Row) -> str:
    """The API, where it was seen over others than chat completions alone; empty elsewhere.

    Codes that name their API say it themselves, and Records of older versions do not tell.
    """
    apis = [api for api in finding.get("apis") or () if not finding["code"].startswith(api)]
    return f" over {' and '.join(f'/{api}' for api in apis)}" if apis and "chat" not in apis else ""


def owner(finding: Row) -> str:
    """Whose it is to mend."""
    return "you" if finding["owner"] == "user" else str(finding["owner"])


def root_causes(record: Row) -> list[Row]:
    """The findings that follow from no other, as the handshake ordered them; not those of a second address alone."""
    found = record["handshake"]["findings"]
    return [finding for finding in found if finding["follows_from"] is None and finding["compare"] != "there"]


def folded(record: Row, width: int, room: int) -> list[Text]:
    """As many root causes as fit `room` rows, the first one always, and a last line for what is left out."""
    roots = root_causes(record)
    shown: list[Text] = []
    for number, root in enumerate(roots):
        left = room - height(shown, width) - (1 if number + 1 < len(roots) else 0)
        block = _block(record, root, width, left)
        if shown and height(block, width) > left:
            rest = roots[number:]
            return [*shown, single("  ", f"and {many(len(rest), 'more finding')}: {_names(rest)}", width, style="dim")]
        shown += block
    return shown


def _block(record: Row, root: Row, width: int, room: int) -> list[Text]:
    """One root cause in full; without its evidence, then without its cause, where the room is short."""
    head = _head(root, width, titled=record["handshake"]["findings"][0] is not root)
    fix, tail = _fix(root, width), _folded_followers(_followers(record, root), width)
    cause, evidence = _cause(root, width), _evidence(root, width)
    for block in ([*head, *cause, *evidence, *fix, *tail], [*head, *cause, *fix, *tail]):
        if height(block, width) <= room:
            return block
    return [*head, *fix, *tail]


def _head(finding: Row, width: int, *, titled: bool) -> list[Text]:
    """The finding's name and whose it is; `titled` says what it means too, which the verdict has said of the first."""
    glyph, style = GLYPHS[finding["severity"]]
    seen, asked = finding["seen"]
    title = Text.assemble("  ", (glyph, style), "  ", (cut(name(finding), width), "bold"), over(finding))
    facts = f"{owner(finding)}, {seen} of {asked}, {SURE[finding['confidence']]}"
    means = hanging(" " * _INDENT, finding["title"], width) if titled else []
    return [two_ends(title, facts, width), *means]


def _cause(finding: Row, width: int) -> list[Text]:
    return hanging(" " * _INDENT, finding["cause"], width) if finding["cause"] else []


def _evidence(finding: Row, width: int) -> list[Text]:
    """The words themselves, from the first place where they stand."""
    quoted = next((item for item in finding["evidence"] if item["excerpt"].strip()), None)
    if quoted is None:
        return []
    where = f"request {quoted['exchange']}: " if quoted["exchange"] is not None else ""
    return [single(" " * _INDENT, f"{where}{quoted['excerpt']}", width, style="dim")]


def _fix(finding: Row, width: int) -> list[Text]:
    if not finding["fix"]:
        return []
    return [Text(f"{' ' * _INDENT}Change"), *change(finding["fix"], _INDENT + 2, width)]


def _followers(record: Row, root: Row) -> list[Row]:
    """Everything that goes away with `root`, also through another finding."""
    keys, found = {root["code"]}, []
    for finding in record["handshake"]["findings"]:
        if finding["follows_from"] in keys:
            keys.add(finding["code"])
            found.append(finding)
    return found


def _folded_followers(followers: Sequence[Row], width: int) -> list[Text]:
    if not followers:
        return []
    text = f"{many(len(followers), 'finding')} from this: {_names(followers)}"
    return hanging(" " * _INDENT, text, width, style="dim")


def _names(findings: Sequence[Row]) -> str:
    return ", ".join(name(finding) for finding in findings)
