"""A tool call written as text in a form that no table knows: the tool that was asked for and the values that it was to
get, with nothing between them but marks and the words that calls are made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cab_check.base.text import one_line
from cab_check.chat.markup import Markup
from cab_check.chat.problems import EXCERPT

FAMILY = "other"
_REACH = 400
"""Characters from the tool's name to the last of its values."""
_OF_CALLS = frozenset(
    {"arg", "args", "argument", "arguments", "call", "calls", "fn", "function", "functions", "input", "invoke", "json"}
    | {"key", "name", "object", "param", "parameter", "parameters", "string", "text", "tool", "tools", "type", "value"}
    | {"begin", "end", "start", "id", "index", "true", "false"}
)
_TAG = re.compile(r"<[^<>]*>?")
_MARKS = re.compile(r"[<>{}\[\]()|｜=]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_QUOTED = re.compile(r"`[^`\n]+`")


def find_unknown_call(text: str, name: str, arguments: Mapping[str, str]) -> Markup | None:
    """A call of `name` with these values in a form of its own; None for prose that only talks of it.

    Without values there is nothing to know a call by. What stands before the name on its line must be marks too, so
    that a sentence in which a call is named is none.
    """
    if not arguments or _QUOTED.search(text):
        return None
    for found in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text):
        start = text.rfind("\n", 0, found.start()) + 1
        region = text[found.end() : found.end() + _REACH]
        places = [region.find(value) for value in arguments.values()]
        if any(place < 0 for place in places):
            continue
        between = region[: max(places)]
        for value in arguments.values():
            between = between.replace(value, " ")
        around = text[start : found.start()] + between
        words = {word.lower() for part in _WORD.findall(_TAG.sub(" ", around)) for word in re.split(r"_", part)}
        known = _OF_CALLS | {part for key in arguments for part in key.lower().split("_")}
        if words <= known and _MARKS.search(around):
            return Markup(FAMILY, name, one_line(text[start : start + EXCERPT], EXCERPT), start)
    return None
