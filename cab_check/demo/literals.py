"""Text that a person set apart in a sentence: fenced, quoted, or as JSON. It is to be kept to the letter.

A double-quoted literal with escaped quotes or backslashes is read as a JSON string, and so is every one where the
sentence speaks of JSON; all others are taken as they stand, a backslash included.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

MASK = "\x00"
LONGEST = 20_000
"""Characters between quotes; more is set apart by a fence, or was never one quotation."""
WINDOW = 64 * 1024
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^`\n]*\n(.*?)\n?^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_TAGGED = re.compile(r"<(text|content|value|input|data|string)>\n?(.*?)\n?</\1>", re.DOTALL)
_JSON_STRING = re.compile(rf'"(?:\\.|[^"\\]){{0,{LONGEST}}}"', re.DOTALL)
_ENDS = r"(?=$|[\s.,;:!?)\]}])"
_QUOTED = {
    '"': re.compile(rf'"(.{{0,{LONGEST}}}?)"{_ENDS}', re.DOTALL),
    "'": re.compile(rf"'([^'\n]*?)'{_ENDS}"),
    "`": re.compile(r"`([^`\n]+)`"),
    "“": re.compile(r"“([^”]*)”"),
    "«": re.compile(r"«([^»]*)»"),
}
_OPENS = re.compile("(?<![\\w\"'])[\"'`“«]")


@dataclass(frozen=True, slots=True)
class Literal:
    """`value` as meant, and where it stands in the text, its quotes or fence included."""

    start: int
    end: int
    value: str
    fenced: bool = False


def literals(text: str) -> list[Literal]:
    """Every literal in `text`, in order; none lies within another."""
    as_json = "JSON" in text.upper()
    found = [Literal(m.start(), m.end(), m[2], fenced=True) for m in _FENCE.finditer(text)]
    tagged = [Literal(m.start(), m.end(), m[2], fenced=True) for m in _TAGGED.finditer(mask(text, found))]
    free, at = mask(mask(text, found), tagged), 0
    quoted: list[Literal] = []
    while (opened := _OPENS.search(free, at)) is not None:
        literal = _quoted(free, opened.start(), as_json=as_json)
        at = literal.end if literal else opened.end()
        if literal is not None:
            quoted.append(literal)
    return sorted([*found, *tagged, *quoted], key=lambda item: item.start)


def window(text: str) -> str:
    """`text`, or its two ends if it is longer than `WINDOW`: instructions stand there, and patterns stay quick."""
    return text if len(text) <= WINDOW else f"{text[: WINDOW // 2]}\n{text[-WINDOW // 2 :]}"


def mask(text: str, found: list[Literal]) -> str:
    """`text` with the literals blotted out, every place kept, so that patterns see the sentence only."""
    return replaced(text, found, [MASK * (item.end - item.start) for item in found])


def replaced(text: str, found: list[Literal], words: list[str]) -> str:
    """`text` with each literal, in order, exchanged for the word at the same place in `words`."""
    pieces, at = [], 0
    for item, word in zip(found, words, strict=True):
        pieces += [text[at : item.start], word]
        at = item.end
    return "".join([*pieces, text[at:]])


def _quoted(text: str, at: int, *, as_json: bool) -> Literal | None:
    escaped = _JSON_STRING.match(text, at)
    if escaped and "\\" in escaped[0] and (as_json or '\\"' in escaped[0] or "\\\\" in escaped[0]):
        try:
            return Literal(at, escaped.end(), json.loads(escaped[0], strict=False))
        except ValueError:
            pass  # backslashes that are no JSON escapes: taken as they stand, below
    found = _QUOTED[text[at]].match(text, at)
    return Literal(at, found.end(), found[1]) if found and MASK not in found[1] else None


def json_values(text: str, opening: str) -> list[tuple[int, int, Any]]:
    """Every JSON value in `text` that begins with `opening` ("{" or "["): start, end, value; outermost only."""
    decoder, found, at = json.JSONDecoder(strict=False), [], text.find(opening)
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
            found.append((at, end, value))
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find(opening, end)
    return found
