"""The format unified diff: hunks in fences that open with ```diff ("udiff" in aider)."""

from __future__ import annotations

from collections.abc import Sequence

from cab_check.chat.edits.hunk_match import patched
from cab_check.chat.edits.hunks import Hunk, read_hunks
from cab_check.chat.edits.shown import Edited, Shown, Unreadable

_NAMELESS = "A diff names no file. Two lines, --- and +++ with the path of the file, must stand at its head."


def udiff(text: str, shown: Shown) -> Edited:
    """What the hunks in `text` come to. Those that fit are applied, the others are complained about."""
    try:
        hunks = read_hunks(text)
    except Unreadable as wrong:
        return Edited.refused(wrong)
    try:
        return _applied(hunks, shown)
    except Unreadable as wrong:
        return Edited.refused(wrong, len(hunks))


def _applied(hunks: Sequence[Hunk], shown: Shown) -> Edited:
    """A file that is named and not there is made, empty at first, even if the hunk then does not fit: so does aider."""
    tree = dict(shown.files)
    for hunk in hunks:
        if hunk.path is not None:
            tree.setdefault(shown.place(hunk.path), "")
    # The same hunk twice is one; one that changes nothing is none.
    different = dict.fromkeys(normal for hunk in hunks if (normal := hunk.normal()).lines)
    failed: list[str] = []
    nameless = any(hunk.path is None for hunk in different)
    for hunk in () if nameless else different:
        path = shown.place(hunk.path or "")
        new = patched(tree[path], hunk)
        if new is None:
            failed.append(_no_match(path, hunk))
        else:
            tree[path] = new
    changed = {path: text for path, text in tree.items() if shown.files.get(path) != text}
    if nameless:
        return Edited(changed, len(hunks), len(hunks), _NAMELESS, told=False)
    others = ["The other hunks were applied. Do not send them again."] if 0 < len(failed) < len(different) else []
    return Edited(changed, len(hunks), len(failed), "\n\n".join([*failed, *others]) or None)


def _no_match(path: str, hunk: Hunk) -> str:
    old = "".join(hunk.old)
    return (
        f"A hunk does not fit {path}: these {len(hunk.old)} lines are nowhere in it in a row.\n```\n{old}```\n"
        "Copy the lines that stay and those that go from the file exactly, blank lines and comments with them."
    )
