"""Text by the yard: so many words, lines, sentences, items or paragraphs about something, and counting."""

from __future__ import annotations

import re
from collections.abc import Callable

WORDS_WHEN_UNSAID = 400
MOST = 50_000
_SPELLED = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twenty": 20, "fifty": 50, "a hundred": 100, "hundred": 100, "a thousand": 1000
}  # fmt: skip
_NUMBER = rf"(?P<n>\d[\d,]{{0,9}}|{'|'.join(_SPELLED)})"
_AMOUNT = re.compile(
    rf"\b{_NUMBER}(?:[ -]+(?:short|long|numbered|separate|different|full|bullet|english|or|more|random))*[ -]+"
    r"(?P<unit>word|line|sentence|paragraph|item|bullet|point|step|fact|token|character)s?\b",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\b(?:count|numbers|integers|list)\b[^.\n]{0,40}?\b(?:from\s+)?(?P<from>\d{1,6})\s*"
    r"(?:to|up to|through|until|-|–|\.\.)\s*(?P<to>\d{1,6})\b",
    re.IGNORECASE,
)
_COUNT_TO = re.compile(r"\bcount\s+(?:up\s+)?to\s+(?P<to>\d{1,6})\b", re.IGNORECASE)
_TIMES = re.compile(
    r"\b(?:write|say|repeat|print|output)\b[^\n]{0,40}?[\"'“`](?P<what>[^\"'”`\n]{1,80})[\"'”`][^\n]{0,20}?\b"
    r"(?P<n>\d{1,5})\s+times\b",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"\b(?:write|tell|compose|give|produce|generate|explain|describe)\b[^.\n]{0,60}"
    r"\b(?:story|essay|poem|article|long (?:text|answer|reply)|summary|overview|explanation|report)\b",
    re.IGNORECASE,
)
_WRITES = re.compile(
    r"\b(?:write|give|list|produce|generate|tell|name|compose|output|print|say|in|of|least)\b", re.IGNORECASE
)
_ABOUT = re.compile(r"\b(?:about|on|describing|explaining|for)\s+(?:the\s+)?(?P<topic>[\w'’ -]{2,60})", re.IGNORECASE)
_CLAUSES = (
    "begins with a look at {topic}",
    "asks why {topic} came to matter",
    "compares {topic} with what came before",
    "notes what people first said about {topic}",
    "lists what is still open about {topic}",
    "follows {topic} through an ordinary day",
    "tells how {topic} may go wrong, and how that is mended",
)


def long_text(ask: str) -> str | None:
    """The text that `ask` orders by its size, or None if it orders none. At most `MOST` words."""
    if times := _TIMES.search(ask):
        return " ".join([times["what"]] * min(int(times["n"]), MOST))
    if counted := _COUNT.search(ask) or _COUNT_TO.search(ask):
        return _counting(int(counted.groupdict().get("from") or 1), int(counted["to"]), ask)
    topic = _topic(ask)
    amount = _AMOUNT.search(ask)
    if amount and _WRITES.search(ask):
        return _MAKERS[amount["unit"].lower()](min(_number(amount["n"]), MOST), topic)
    return _words(WORDS_WHEN_UNSAID, topic) if _PROSE.search(ask) else None


def _number(text: str) -> int:
    return _SPELLED.get(text.lower()) or int(text.replace(",", ""))


def _topic(ask: str) -> str:
    found = _ABOUT.search(ask)
    return " ".join(found["topic"].split()[:6]) if found else "the matter"


def _counting(first: int, last: int, ask: str) -> str:
    step = 1 if last >= first else -1
    numbers = [str(number) for number in range(first, last + step, step)][:MOST]
    return ("\n" if re.search(r"\blines?\b", ask) else " " if "space" in ask else ", ").join(numbers)


def _clause(number: int, topic: str) -> str:
    return _CLAUSES[number % len(_CLAUSES)].format(topic=topic)


def _sentence(number: int, topic: str) -> str:
    return f"Sentence {number} {_clause(number, topic)}."


def _words(count: int, topic: str) -> str:
    words: list[str] = []
    number = 0
    while len(words) < count:
        number += 1
        words += _sentence(number, topic).split()
    return " ".join(words[:count])


def _sentences(count: int, topic: str) -> str:
    return " ".join(_sentence(number, topic) for number in range(1, count + 1))


def _lines(count: int, topic: str) -> str:
    return "\n".join(f"Line {number} {_clause(number, topic)}." for number in range(1, count + 1))


def _items(count: int, topic: str) -> str:
    return "\n".join(f"{number}. It {_clause(number, topic)}." for number in range(1, count + 1))


def _paragraphs(count: int, topic: str) -> str:
    return "\n\n".join(_sentences(5, f"{topic}, part {part},") for part in range(1, count + 1))


def _characters(count: int, topic: str) -> str:
    return _words(count, topic)[:count]


_MAKERS: dict[str, Callable[[int, str], str]] = {
    "word": _words, "token": _words, "sentence": _sentences, "line": _lines, "paragraph": _paragraphs,
    "character": _characters, **dict.fromkeys(("item", "bullet", "point", "step", "fact"), _items),
}  # fmt: skip
