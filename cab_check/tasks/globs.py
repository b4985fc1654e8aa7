"""The path patterns of a task.toml: `*` and `?` stay within one name, `**` stands for any number of folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

_PARTS = {"**/": "(?:[^/]+/)*", "/**": "/.+", "**": ".+", "*": "[^/]*", "?": "[^/]"}
_SPECIAL = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?")


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether the relative `path`, with `/` between names, fits one of `patterns` as a whole."""
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    text, at = "", 0
    for special in _SPECIAL.finditer(pattern):
        text += re.escape(pattern[at : special.start()]) + _PARTS[special.group()]
        at = special.end()
    return re.compile(text + re.escape(pattern[at:]), re.DOTALL)
