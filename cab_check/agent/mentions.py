"""Which files of the tree a text mentions that are not in the chat: aider adds those and asks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath


def mentioned(text: str, tree: Iterable[str], chat: Iterable[str]) -> list[str]:
    """The files in `tree`, sorted, that `text` names by their path, or by a last part that only one of them has.

    A last part counts only if it could be no plain word, and if no file in the chat has it, too.
    """
    words = {word.rstrip(",.!;:?").strip("\"'`*_") for word in text.split()}
    in_chat = set(chat)
    others = [path for path in tree if path not in in_chat]
    taken = {PurePosixPath(path).name for path in in_chat}
    count = Counter(PurePosixPath(path).name for path in others)

    def by_name(path: str) -> bool:
        name = PurePosixPath(path).name
        return count[name] == 1 and name not in taken and name in words and any(mark in name for mark in ".-_")

    return sorted(path for path in others if path in words or by_name(path))
