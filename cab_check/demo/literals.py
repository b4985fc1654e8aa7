"""Text that a person set apart in a sentence: fenced, quoted, or as JSON. It is to be kept to the letter.

A double-quoted literal with escaped quotes or backslashes is read as a JSON string, and so is every one where the
sentence speaks of JSON; all others are taken as they stand, a backslash included.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASK = "\x00"
LONGEST = 16 * 1024
"""Characters of a JSON string that are looked at; a longer text is set apart by a fence."""
WINDOW = 64 * 1024
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^`\n]*\n(.*?)\n?^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_TAGGED = re.compile(r"<(text|content|value|input|data|string)>\n?(.*?)\n?</\1>", re.DOTALL)
_JSON_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_CLOSES = re.compile(r"[\"'`”»](?=$|[\s.,;:!?)\]}])")
_CLOSED_BY = {'"': '"', "'": "'", "`": "`", "“": "”", "«": "»"}
_OPENS = re.compile(r"(?<![\w\"'\\])[\"'`“«]")


@dataclass(frozen=True, slots=True)
class Literal:
    """`value` as meant, and where it stands in the text, its quotes or fence included."""

    start: int
    end: int
    value: str
    fenced: bool = False


def literals(text: str) -> list[Literal]:
    """Every literal in `text`, in order; none lies within another."""
    found = [Literal(m.start(), m.end(), m[2], fenced=True) for m in _FENCE.finditer(text)]
    tagged = [Literal(m.start(), m.end(), m[2], fenced=True) for m in _TAGGED.finditer(mask(text, found))]
    free = mask(mask(text, found), tagged)
    return sorted([*found, *tagged, *_quotations(free, as_json="JSON" in text.upper())], key=lambda item: item.start)


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


def _quotations(text: str, *, as_json: bool) -> Iterator[Literal]:
    """What stands in quotation marks; a mark that nothing closes opens nothing."""
    closing: dict[str, list[int]] = {mark: [] for mark in _CLOSED_BY.values()}
    for match in _CLOSES.finditer(text):
        closing[match[0]].append(match.start())
    at = 0
    while (opened := _OPENS.search(text, at)) is not None:
        start, at = opened.start(), opened.end()
        literal = _json_string(text, start, as_json=as_json) if opened[0] == '"' else None
        if literal is None:
            ends = closing[_CLOSED_BY[opened[0]]]
            place = bisect_right(ends, start)
            literal = _plain(text, start, ends[place]) if place < len(ends) else None
        if literal is not None:
            at = literal.end
            yield literal


def _json_string(text: str, at: int, *, as_json: bool) -> Literal | None:
    found = _JSON_STRING.match(text, at, at + LONGEST)
    if found is None or "\\" not in found[0] or not (as_json or '\\"' in found[0] or "\\\\" in found[0]):
        return None
    try:
        return Literal(at, found.end(), json.loads(found[0], strict=False))
    except ValueError:
        return None  # backslashes that are no JSON escapes: the text is meant as it stands


def _plain(text: str, start: int, end: int) -> Literal | None:
    value = text[start + 1 : end]
    one_line = text[start] in "'`"
    return None if MASK in value or (one_line and "\n" in value) else Literal(start, end + 1, value)


def json_values(text: str, opening: str) -> list[Any]:
    """Every JSON value in `text` that begins with `opening` ("{" or "["); outermost ones only."""
    found, at = [], text.find(opening)
    while at >= 0:
        value, end = json_at(text, at)
        if end > at:
            found.append(value)
        at = text.find(opening, max(end, at + 1))
    return found


def json_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at `at`, and where it ends; None and `at` if none begins there."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at
