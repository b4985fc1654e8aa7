"""What a reply is read against, and what comes of it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Fence = tuple[str, str]
BACKTICKS = "```"
FENCES: tuple[Fence, ...] = (
    (BACKTICKS, BACKTICKS),
    ("````", "````"),
    *((f"<{tag}>", f"</{tag}>") for tag in ("source", "code", "pre", "codeblock", "sourcecode")),
)
LONGEST_NAME, LONGEST_PATH = 255, 1024  # bytes; what Linux takes for one name, and less than what it takes for a path


class Unreadable(ValueError):
    """A reply, or an edit in it, that cannot be made sense of, in words for the model.

    `told`: whether aider says so to the model. Over some replies it trips: it drops them and ends, without a word to
    the model.
    """

    def __init__(self, words: str, *, told: bool = True) -> None:
        super().__init__(words)
        self.told = told


@dataclass(frozen=True, slots=True)
class Shown:
    """The tree as it is: `files` are its text files by path relative to `root`, with newlines as `\\n`.

    `chat` are those whose text the model was given, sorted; `unreadable` those that are no text. `fence` is what
    stands around the text of a file: one that no line of a file in the chat begins with.
    """

    files: Mapping[str, str]
    chat: tuple[str, ...]
    fence: Fence = FENCES[0]
    root: str = ""
    unreadable: frozenset[str] = frozenset()

    def place(self, path: str) -> str:
        """`path` as a key of `files`. Raises Unreadable for what is no file below the root."""
        inside = path[len(self.root) :].lstrip("/") if self.root and path.startswith(f"{self.root}/") else path
        normal = posixpath.normpath(inside) if inside else ""
        if "\0" in normal:
            raise Unreadable("A file name holds a NUL character. No such file can exist.")
        if normal.startswith("/") or normal.split("/")[0] == "..":
            raise Unreadable(f"{path[:200]} is outside the project. Only files below its root can be edited.")
        if len(_bytes(normal)) > LONGEST_PATH or any(len(_bytes(name)) > LONGEST_NAME for name in normal.split("/")):
            raise Unreadable(f"The file name {path[:60]}... is too long.")
        if normal in ("", ".") or path.endswith("/") or self._is_folder(normal):
            raise Unreadable(f"{path[:200]!r} is not the name of a file.")
        if normal in self.unreadable:
            raise Unreadable(f"{path[:200]} is not a text file.")
        return normal

    def _is_folder(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in (*self.files, *self.unreadable))


@dataclass(frozen=True, slots=True)
class Edited:
    """What a reply comes to. `files` are the new texts of those that it changes or makes, by path.

    `edits` counts the edits found, `failed` those that could not be applied; `complaint` tells the model what was
    wrong, None if nothing was. A reply without an edit has neither: it is an answer in prose. `told` is False where
    aider ends in silence instead of telling the model.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    edits: int = 0
    failed: int = 0
    complaint: str | None = None
    told: bool = True

    @classmethod
    def refused(cls, wrong: Unreadable, edits: int = 1) -> Edited:
        """None of the reply's edits was applied, because of `wrong`."""
        return cls(edits=edits, failed=edits, complaint=str(wrong), told=wrong.told)


def fence_for(texts: Iterable[str]) -> Fence:
    """The first fence that no line of `texts` begins with; the plain one if there is none."""
    lines = [line for text in texts for line in text.splitlines()]
    return next((fence for fence in FENCES if not any(line.startswith(fence) for line in lines)), FENCES[0])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
