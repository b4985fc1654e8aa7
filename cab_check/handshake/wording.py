"""How the questions are phrased, and how the same phrases are recognised in any recording.

A judge learns what was wanted from the request itself, never from the name of a probe. The sentences are the plainest
there are: a model of two million parameters follows most of them, so a failure points away from the wording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

_SAY = re.compile(r"^Reply with exactly: (\S+)$")
_VALUE = r"(\"[^\"\n]*\"|\d+)"
_CALL = re.compile(rf"Call the (\w+) tool(?: with (\w+) {_VALUE})?(?: and (\w+) {_VALUE})?\.(?=\s|$)")
_WRITE = re.compile(
    r"^Call the (\w+) tool with (\w+) \"([^\"\n]*)\" and as (\w+) exactly the text between the fences[^\n]*"
)
_FENCED = re.compile(r"\n(`{3,})\n(.*?)\n\1(?:\n|$)", re.DOTALL)
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
_PIECE = re.compile(r"[\w-]+")
_ALIKE = 0.8  # of the eleven characters of a usual word, nine stand in their order
_RESULT_WORD = re.compile(r"\b[a-z]+-\d{4}\b")

_STATED = re.compile(r"^The name of this project is (\S+)\.")
RECALL = "Reply with the system mark, the user mark, the tool mark and the result mark, one per line."
_MARK = re.compile(r"\bThe (system|user|tool|result) mark is (\S+?)\.(?=\s|$)")
_NUMBERS = re.compile(r"\bthe numbers from 1 to (\d+), one per line\b")
_ABOUT = (
    ("context", re.compile(rf"{re.escape(RECALL)}$")),
    ("offer", re.compile(r"^Here are the tools of an agent\. Say \S+\.$")),
    ("long-file", re.compile(rf"^Call the \w+ tool with path \"[^\"]+\" and as content {_NUMBERS.pattern}\.$")),
    ("long-text", re.compile(rf"^Write {_NUMBERS.pattern}, and nothing else\.$")),
    ("limit", re.compile(r"^Reply with this word, and nothing else: \S+$")),
    ("edit", re.compile(r"^Replace \"\S+\" by \"\S+\" in \S+\.(?=\s|$)")),
    ("json", re.compile(r"^Answer with a JSON object that has one key, \"word\", with the value \"\S+\"\.$")),
)
"""Questions of which one check alone knows what an answer must be -> how they are phrased."""

STAND_IN = "stand-in"
MEND = "mend"
_STANDS_IN = re.compile(r"^Stand-in for the instructions of ([\w.-]+)\.")
_STANDS_IN_SOMEWHERE = re.compile(rb'"Stand-in for the instructions of ([\w.-]+)\.')

BOTH_AT_ONCE = "Make both calls in one reply."
THEN_SAY = "Then repeat what it says."
AGAIN = "Nothing was done. Make the call again, as it should be."
"""Ends the result of a call that is given back as broken."""
ASK_NAME = "What is the name of this project? Reply with the name only."
COUNT = "Write the numbers from 1 to 20, separated by spaces."
COUNT_FAR = "Write the numbers from 1 to 99, separated by spaces."
APART = (ASK_NAME, COUNT, COUNT_FAR)
"""The ends of questions about the request itself: what comes of them says nothing about plain chat or tools."""


@dataclass(frozen=True)
class WantedCall:
    """One call that a message asks for in so many words."""

    name: str
    arguments: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def verbatim(self) -> bool:
        """Whether the call carries a text that is hard to carry unchanged."""
        return any("\n" in value for value in self.arguments.values() if isinstance(value, str))


@dataclass(frozen=True)
class Wanted:
    """What the last word of a conversation asks for; nothing, where it is phrased in another way than ours."""

    word: str | None = None  # to be said as it is
    calls: tuple[WantedCall, ...] = ()
    result_word: str | None = None  # stands in the tool's result only
    about: str | None = None  # the check that alone can judge the answer


def say(word: str) -> str:
    """Ask for one word."""
    return f"Reply with exactly: {word}"


def call(tool: str, **arguments: str | int) -> str:
    """Ask for one tool call; text stands in quotes, a number without."""
    if not arguments:
        return f"Call the {tool} tool."
    pairs = " and ".join(f"{name} {_quoted(value)}" for name, value in arguments.items())
    return f"Call the {tool} tool with {pairs}."


def _quoted(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def write(tool: str, path: str, text: str) -> str:
    """Ask for a call that carries `text` (in `content`) unchanged."""
    return (
        f'Call the {tool} tool with path "{path}" and as content exactly the text between the fences, '
        f"without the fences.\n```\n{text}\n```"
    )


def word_only(word: str) -> str:
    """Ask for one word, where the output limit is the question."""
    return f"Reply with this word, and nothing else: {word}"


def state(word: str) -> str:
    """Say a word that `ASK_NAME` asks for."""
    return f"The name of this project is {word}."


def stated(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """The role of the first message that states a name, and the name."""
    found = ((message.get("role"), _STATED.match(text_of(message))) for message in messages)
    return next(((str(role), match.group(1)) for role, match in found if match), None)


def mark(name: str, word: str) -> str:
    """State one of the marks that `RECALL` asks for."""
    return f"The {name} mark is {word}."


def marks(text: str) -> dict[str, str]:
    """The marks that a text states, by name."""
    return dict(_MARK.findall(text))


def offer(word: str) -> str:
    """Ask next to nothing: the tools that are offered are the question."""
    return f"Here are the tools of an agent. Say {word}."


def numbers_file(tool: str, path: str, last: int) -> str:
    """Ask for a call that writes a long file whose content is known."""
    return f'Call the {tool} tool with path "{path}" and as content the numbers from 1 to {last}, one per line.'


def numbers_text(last: int) -> str:
    """Ask for a long text that is known."""
    return f"Write the numbers from 1 to {last}, one per line, and nothing else."


def last_number(text: str) -> int | None:
    """How far the numbers go that a message asks for."""
    found = _NUMBERS.search(text)
    return int(found.group(1)) if found else None


def replace_word(old: str, new: str, path: str) -> str:
    """Ask for one small change of a file, in whatever form of edits the instructions want."""
    return f'Replace "{old}" by "{new}" in {path}.'


def json_object(word: str) -> str:
    """Ask for JSON; OpenAI refuses `json_object` where no message says the word."""
    return f'Answer with a JSON object that has one key, "word", with the value "{word}".'


def stand_in(name: str) -> str:
    """Open a conversation that stands in for that of the agent CLI `name`."""
    return f"Stand-in for the instructions of {name}."


def stands_in_for(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """The agent CLI that a conversation stands in for."""
    found = _STANDS_IN.match(text_of(messages[0])) if messages else None
    return found.group(1) if found else None


def stands_in_for_bytes(body: bytes) -> str | None:
    """The same for a request of any API."""
    found = _STANDS_IN_SOMEWHERE.search(body)
    return found.group(1).decode() if found else None


def wanted(messages: Sequence[Mapping[str, Any]]) -> Wanted:
    """What the end of a conversation asks for."""
    asked = _wanted(messages)
    return replace(asked, about=STAND_IN) if stands_in_for(messages) else asked


def _wanted(messages: Sequence[Mapping[str, Any]]) -> Wanted:
    if not messages:
        return Wanted()
    last = messages[-1]
    if last.get("role") == "tool":
        if text_of(last).endswith(AGAIN):
            return Wanted(about=MEND)
        found = _RESULT_WORD.search(text_of(last))
        return Wanted(result_word=found.group() if found else None)
    if last.get("role") != "user":
        return Wanted()
    text = text_of(last)
    about = next((name for name, phrase in _ABOUT if phrase.search(text)), None)
    if about is not None:
        return Wanted(about=about)
    said = _SAY.match(text.rpartition("\n")[2])
    return Wanted(word=said.group(1)) if said else Wanted(calls=_wanted_calls(text))


def holds(text: str, word: str) -> bool:
    """Whether a text says a word of ours. Models capitalise, and write a typographic hyphen for the plain one."""
    return _folded(word) in _folded(text)


def nearly_holds(text: str, word: str, beside: str) -> bool:
    """Whether a text says a word of ours with a slip: a letter or two otherwise, or another mark between its halves.
    `beside` is what else was sent, since a word that stood there is no slip.
    """
    other = set(_PIECE.findall(_folded(beside)))
    pieces = [piece for piece in _PIECE.findall(_folded(text)) if piece not in other]
    near = any(SequenceMatcher(None, piece, _folded(word), autojunk=False).ratio() >= _ALIKE for piece in pieces)
    return near or _bare(word) in _bare(text)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", _folded(text))


def _folded(text: str) -> str:
    return text.translate(_HYPHENS).casefold()


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return "".join(text for text in texts if isinstance(text, str))


def _wanted_calls(text: str) -> tuple[WantedCall, ...]:
    written = _WRITE.match(text)
    if written:
        tool, path_name, path, text_name = written.groups()
        fenced = _FENCED.search(text)
        return (WantedCall(tool, {path_name: path, text_name: fenced.group(2)}),) if fenced else ()
    return tuple(
        WantedCall(tool, {name: _read(value) for name, value in ((one, first), (two, second)) if name})
        for tool, one, first, two, second in _CALL.findall(text)
    )


def _read(value: str) -> str | int:
    return value[1:-1] if value.startswith('"') else int(value)
