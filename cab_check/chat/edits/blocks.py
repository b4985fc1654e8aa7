"""Reads search/replace blocks out of a reply.

A block is a line of 5 to 9 `<` and ` SEARCH`, the lines to find, a line of 5 to 9 `=`, the lines to put there, and a
line of 5 to 9 `>` and ` REPLACE`. Its file is named in the lines above it, or else is that of the block before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cab_check.chat.edits.names import ABOVE, name_above
from cab_check.chat.edits.shown import BACKTICKS, Fence, Unreadable

HEAD, DIVIDER, TAIL = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
_HEAD, _DIVIDER, _TAIL = (re.compile(rule) for rule in (r"<{5,9} SEARCH>?$", r"={5,9}$", r">{5,9} REPLACE$"))
_SHELLS = tuple(
    BACKTICKS + name
    for name in ("bash", "sh", "cmd", "batch", "powershell", "ps1", "zsh", "fish", "ksh", "csh", "tcsh")
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: the file as it is named, the lines to find and those to put in their place."""

    path: str
    search: str
    replace: str


def read_blocks(text: str, fence: Fence, chat: Sequence[str]) -> list[Block]:
    """All blocks in `text`, in their order. Raises Unreadable for the first that is not whole or names no file."""
    return list(_Reader(text, fence, chat).blocks())


class _Reader:
    """Goes through the lines once. `at` is the line that is looked at."""

    def __init__(self, text: str, fence: Fence, chat: Sequence[str]) -> None:
        self.lines = text.splitlines(keepends=True)
        self.fence, self.chat = fence, chat
        self.at = 0

    def blocks(self) -> Iterator[Block]:
        path: str | None = None
        while self.at < len(self.lines):
            if self._at_shell_commands():
                self._pass_shell_commands()
                continue
            if self._is(_HEAD, self.at):
                path = self._name() or path
                if path is None:
                    raise self._wrong(
                        "No file is named here. The line directly above the opening fence must hold the path of the "
                        "file, and nothing else."
                    )
                search = self._until("a line ======= must follow the lines to find", _DIVIDER)
                replace = self._until("a line >>>>>>> REPLACE must end the block", _TAIL, _DIVIDER)
                yield Block(path, search, replace)
            self.at += 1

    def _is(self, rule: re.Pattern[str], at: int) -> bool:
        return at < len(self.lines) and rule.match(self.lines[at].strip()) is not None

    def _at_shell_commands(self) -> bool:
        """A fence of a shell, unless a block stands in it."""
        is_fence = self.lines[self.at].strip().startswith(_SHELLS)
        return is_fence and not any(self._is(_HEAD, self.at + ahead) for ahead in (1, 2))

    def _pass_shell_commands(self) -> None:
        self.at += 1
        while self.at < len(self.lines) and not self.lines[self.at].strip().startswith(BACKTICKS):
            self.at += 1
        self.at += 1

    def _name(self) -> str | None:
        """A block with nothing to find makes a new file: its name is not compared with those in the chat."""
        above = self.lines[max(0, self.at - ABOVE) : self.at][::-1]
        return name_above(above, self.fence, () if self._is(_DIVIDER, self.at + 1) else self.chat)

    def _until(self, lacking: str, *rules: re.Pattern[str]) -> str:
        """The lines below this one up to the first that fits a rule, which is looked at next."""
        self.at += 1
        start = self.at
        while self.at < len(self.lines):
            if any(self._is(rule, self.at) for rule in rules):
                return "".join(self.lines[start : self.at])
            self.at += 1
        raise self._wrong(f"This block is not whole: {lacking}.")

    def _wrong(self, why: str) -> Unreadable:
        so_far = "".join(self.lines[: self.at + 1])
        return Unreadable(f"{so_far.rstrip()}\n\n^ {why}")
