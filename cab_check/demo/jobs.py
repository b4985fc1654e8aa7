"""Work on files that a user asks for: a bundled task, known by its instruction, or an edit that the words describe."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cab_check.demo.conversation import ChatRequest
from cab_check.demo.literals import Literal, literals, replaced, window
from cab_check.tasks.loader import bundled

_P = r"(?P<path>⟦\d+⟧|(?:[\w.~-]*/)*(?:[\w.-]*\.?[\w-]+\.[A-Za-z]\w{0,9}|Makefile|Dockerfile|LICENSE|README))"
_FILE = r"(?:the\s+|a\s+)?(?:new\s+)?(?:text\s+)?(?:file\s+)?(?:named\s+|called\s+|at\s+)?"
_THING = (
    r"(?:(?:the|a|single|one|exact|exactly|following|word|words|text|line|string|content|contents|sentence|this)\s+)*"
)
_C = r"(?:exactly\s+)?(?::\s*)?⟦(?P<text>\d+)⟧"
_WITH = (
    r"[\s,]*(?:and\s+)?(?:with|containing|that\s+contains|which\s+contains|whose\s+contents?\s+(?:is|are)|that\s+says|holding)"
    r"\s+(?:exactly\s+)?(?:the\s+|this\s+|a\s+)?(?:single\s+|one\s+|following\s+|exact\s+)?"
    r"(?:contents?|text|line|words?|string)?\s*"
)
_CREATE = re.compile(rf"\b(?:create|make|add|write|save|generate)\s+{_FILE}{_P}{_WITH}{_C}", re.IGNORECASE)
_PUT = re.compile(rf"\b(?:write|put|save)\s+{_THING}⟦(?P<text>\d+)⟧\s+(?:in|into|to)\s+{_FILE}{_P}", re.IGNORECASE)
_SWAP = rf"(?:replace|change)\s+{_THING}⟦(?P<old>\d+)⟧\s+(?:by|with|to|into)\s+{_THING}⟦(?P<new>\d+)⟧"
_REPLACE = (
    re.compile(rf"\b{_SWAP}\s+in\s+{_FILE}{_P}", re.IGNORECASE),
    re.compile(rf"\bin\s+{_FILE}{_P},?\s+(?:please\s+)?{_SWAP}", re.IGNORECASE),
)
_APPEND = re.compile(
    rf"\b(?:append|add)\s+{_THING}⟦(?P<text>\d+)⟧\s+(?:to|at)\s+(?:the\s+end\s+of\s+)?{_FILE}{_P}", re.IGNORECASE
)
CLOSING = "Done."


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of one file: `whole` is its new content, or `new` replaces `old`; an empty `old` is the end."""

    path: str
    whole: str | None = None
    old: str = ""
    new: str = ""

    def applied(self, content: str | None) -> str | None:
        """The file's new content, given the present one (None: no such file); None if the edit does not apply."""
        if self.whole is not None:
            return self.whole
        if content is None:
            return None
        if self.old:
            return content.replace(self.old, self.new) if self.old in content else None
        gap = "\n" if content and not content.endswith("\n") else ""
        return f"{content}{gap}{self.new}\n"


@dataclass(frozen=True, slots=True)
class Job:
    """`edits` to make; `at` is the message that asks for them, `words` the paragraph in it that does."""

    edits: tuple[Edit, ...]
    at: int
    words: str = ""

    @property
    def paths(self) -> str:
        """The files to change, for a sentence."""
        return ", ".join(edit.path for edit in self.edits)

    @property
    def closing(self) -> str:
        """What the model says when the work is done, and knows it by later."""
        return f"{CLOSING} I changed {self.paths} as asked."


def find_job(request: ChatRequest) -> Job | None:
    """The newest work on files that a user message asks for; none once it was closed and the user went on."""
    went_on = False
    for at in reversed(range(len(request.messages))):
        message = request.messages[at]
        if went_on and message.role == "assistant" and message.text.startswith(CLOSING):
            return None
        if message.role != "user":
            continue
        went_on = True
        edits = _bundled(_unquoted(message.text))
        if edits:
            return Job(edits, at)
        edit, words = _described(window(_unquoted(message.text)))
        if edit is not None:
            return Job((edit,), at, words)
    return None


def _unquoted(text: str) -> str:
    """`text` with each line that a client put into quotes as a whole out of them again."""
    return "\n".join(_bare(line) if line.startswith('"') and '\\"' in line else line for line in text.split("\n"))


def _bare(line: str) -> str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return value if isinstance(value, str) else line


def _bundled(text: str) -> tuple[Edit, ...]:
    flat = _flat(text)
    for task in bundled():
        if _flat(task.instruction) in flat:
            return _as_edits(task.solution())
    return ()


def _as_edits(files: Mapping[str, bytes]) -> tuple[Edit, ...]:
    return tuple(Edit(path, whole=content.decode()) for path, content in sorted(files.items()))


def _flat(text: str) -> str:
    return " ".join(text.split())


def _described(text: str) -> tuple[Edit | None, str]:
    found = literals(text)
    marked = _marked(text, found)
    for pattern in (*_REPLACE, _APPEND, _CREATE, _PUT):
        match = pattern.search(marked)
        if match is None:
            continue
        path = match["path"]
        if path.startswith("⟦"):
            path = found[int(path[1:-1])].value
        if "\n" in path or not path.strip("./~"):
            continue
        return _edit(path, match, found, exact="exact" in match[0]), _paragraph(marked, match)
    return None, ""


def _edit(path: str, match: re.Match[str], found: list[Literal], *, exact: bool) -> Edit:
    parts = {name: found[int(value)].value for name, value in match.groupdict().items() if name != "path"}
    if "old" in parts:
        return Edit(path, old=parts["old"], new=parts["new"])
    if match.re is _APPEND:
        return Edit(path, new=parts["text"])
    ended = parts["text"] if exact or parts["text"].endswith("\n") else parts["text"] + "\n"
    return Edit(path, whole=ended)


def _marked(text: str, found: list[Literal]) -> str:
    """`text` with each literal as ⟦number⟧."""
    return replaced(text.replace("⟦", "["), found, [f"⟦{number}⟧" for number in range(len(found))])


def _paragraph(marked: str, match: re.Match[str]) -> str:
    start = marked.rfind("\n", 0, match.start()) + 1
    end = marked.find("\n", match.end())
    return marked[start : end if end >= 0 else len(marked)]
