"""Markdown that outside text cannot break out of: no raw HTML, no mention, no link, no reference, no closed fence."""

from __future__ import annotations

import re

from cab_check.base.text import clean, one_line

_SPECIAL = re.compile(r"([\\`*_\[\]()~|!#{}+])")
_GAP = "\u200b"  # the way to write @name or #1 on GitHub without calling anybody: escapes and entities still call


def prose(text: str, limit: int = 600) -> str:
    """Text from outside as one line of ordinary Markdown that shows exactly it."""
    flat = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = _SPECIAL.sub(r"\\\1", flat)
    flat = re.sub(r"@(?=\w)", f"@{_GAP}", flat)
    flat = re.sub(r"(\\#|\bGH-)(?=\d)", rf"\1{_GAP}", flat)
    flat = re.sub(r"(?i)(:)(?=//)|(\bwww)(?=\.)", lambda found: f"{found[0]}{_GAP}", flat)
    return re.sub(r"^(\d+)([.)])(?=\s)", r"\1\\\2", re.sub(r"^([-=])", r"\\\1", flat))


def code(text: str, limit: int = 300) -> str:
    """Text from outside as an inline code span."""
    flat = one_line(text, limit) or " "
    ticks = "`" * (_longest_run(flat) + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{space}{flat}{space}{ticks}"


def fence(text: str, language: str = "") -> str:
    """Text in a block of its own, between fences longer than any run of backticks in it."""
    inside = clean(text).rstrip("\n")
    ticks = "`" * max(3, _longest_run(inside) + 1)
    return f"{ticks}{language}\n{inside}\n{ticks}"


def cut(text: str, limit: int) -> tuple[str, str]:
    """`text`, at most `limit` characters of it, and a sentence that says what was cut; empty if nothing was."""
    if len(text) <= limit:
        return text, ""
    return f"{text[:limit]}…", f"Cut here: the first {limit:,} of {len(text):,} characters are shown."


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
