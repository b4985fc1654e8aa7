"""The solution as a unified diff: for people, and for the record. Made by difflib; no git looks at the tree."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from cab_check.base.text import clean

DIFF_CHARS = 200_000  # of the whole diff

# difflib takes quadratic time on long files that share little
_FILE_BYTES = 128 * 1024
_FILE_LINES = 3000

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # other line ends of Unicode are text


def unified(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """What turns `before` into `after`, by file name; cleaned, and at most DIFF_CHARS long."""
    text = ""
    for name in sorted({*before, *after}):
        text += _one(name, before.get(name), after.get(name))
        if len(text) > DIFF_CHARS:
            return text[:DIFF_CHARS] + "\n[... the rest of the diff is left out ...]\n"
    return text


def _one(name: str, before: bytes | None, after: bytes | None) -> str:
    if before == after:
        return ""
    shown = clean(name).replace("\n", "\ufffd")
    old, new = "/dev/null" if before is None else f"a/{shown}", "/dev/null" if after is None else f"b/{shown}"
    left, right = before or b"", after or b""
    if _unfit(left) or _unfit(right):
        return f"Files {old} and {new} differ: binary or large, {len(left)} -> {len(right)} bytes\n"
    lines = list(difflib.unified_diff(_lines(left), _lines(right), old, new))
    if not lines:
        return f"Files {old} and {new} differ in what is not shown: line ends, or nothing in them at all\n"
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _unfit(data: bytes) -> bool:
    return b"\0" in data or len(data) > _FILE_BYTES or data.count(b"\n") > _FILE_LINES


def _lines(data: bytes) -> list[str]:
    return _LINE.findall(clean(data.decode("utf-8", "replace")))
