"""The first lines: does it work, with what, why, and what stands between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cab_check.report.lines import hanging, single

WORDS = {
    "works": ("WORKS", "bold green"),
    "degraded": ("DEGRADED", "bold yellow"),
    "blocked": ("BLOCKED", "bold red"),
    "unchecked": ("NOT CHECKED", "bold magenta"),
}

_STOPPED = {
    "interrupt": "Ctrl-C",
    "terminate": "SIGTERM",
    "timeout": "the time limit of the job",
    "max-requests": "the ceiling --max-requests",
    "max-tokens-total": "the ceiling --max-tokens-total",
    "max-cost": "the ceiling --max-cost",
}


def verdict(record: Mapping[str, Any], width: int, *, alone: bool = False) -> list[Text]:
    """The verdict in one sentence, said to be partial or of the demo where it is.

    `alone`: nothing follows it, so the sentence names the change too; else the finding's own block below does.
    """
    handshake = record["handshake"]
    word, style = WORDS[handshake["verdict"]]
    first = next(iter(handshake["findings"]), None)
    told_below = not alone and first is not None and handshake["headline"].startswith(first["title"].rstrip("."))
    sentence = first["title"] if first is not None and told_below else handshake["headline"]
    return [
        *_partial(record, width),
        *hanging(f"{word}  ", _who(record) + sentence, width, limit=3, label_style=style),
        *_demo(record, width),
    ]


def hops(record: Mapping[str, Any], width: int) -> list[Text]:
    """What the requests went through, as far as it was recognised; nothing if there was no address."""
    endpoint = record["endpoint"]
    if endpoint["base_url"] is None:
        return []
    names = [" ".join(filter(None, (hop["name"], hop["version"]))) for hop in endpoint["hops"]]
    way = " -> ".join(["You", *(names or ["a server that was not recognised"])])
    return [single("", f"{way} at {endpoint['base_url']}", width, style="dim")]


def _who(record: Mapping[str, Any]) -> str:
    """The TUIs and the model, unless the headline names the model itself. The profile `generic` goes unnamed."""
    model = record["model"]["requested"] or record["model"]["answered"]
    asked = [name for name in record["handshake"]["for"] if name != "generic"]
    if model and re.search(rf"(?<![\w./:-]){re.escape(model)}(?![\w/:-])", record["handshake"]["headline"]):
        model = None
    named = [", ".join(asked), model]
    who = " + ".join(name for name in named if name)
    return f"{who}: " if who else ""


def _partial(record: Mapping[str, Any], width: int) -> list[Text]:
    if not record["partial"]:
        return []
    by = record["stopped_by"]
    ended = f"stopped by {_STOPPED.get(by, by)}" if by else "it ended early"
    return hanging("PARTIAL  ", f"{ended}; what was found so far:", width, label_style="bold yellow")


def _demo(record: Mapping[str, Any], width: int) -> list[Text]:
    if not record["demo"]:
        return []
    return hanging("DEMO  ", "a script of cab-check answered here: this says nothing about any model.", width)
