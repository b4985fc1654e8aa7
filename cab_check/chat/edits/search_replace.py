"""The format search/replace: blocks that name a file, what to find in it and what to put there ("diff" in aider)."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from cab_check.chat.edits.blocks import DIVIDER, HEAD, TAIL, Block, read_blocks
from cab_check.chat.edits.matching import replaced
from cab_check.chat.edits.shown import Edited, Shown, Unreadable

_LIKE, _AROUND = 0.6, 5  # how like a passage must be to be shown, and how many lines around it


def search_replace(text: str, shown: Shown) -> Edited:
    """What the blocks in `text` come to. A block that cannot be read undoes all; one that does not match, itself."""
    try:
        blocks = read_blocks(text, shown.fence, shown.chat)
    except Unreadable as wrong:
        return Edited.refused(wrong)
    try:
        return _applied(blocks, shown)
    except Unreadable as wrong:
        return Edited.refused(wrong, len(blocks))


def _applied(blocks: Sequence[Block], shown: Shown) -> Edited:
    """Each block where it says, else in the first other file of the chat that holds its lines.

    A file that is named and not there is made, empty at first, even if the block then does not match: so does aider.
    """
    tree, chat = dict(shown.files), list(shown.chat)
    targets = [_target(block, shown.place(block.path), tree, chat, shown)[0] for block in blocks]
    for path in targets:
        tree.setdefault(path, "")
        if path not in chat:
            chat.append(path)
    failed: list[tuple[Block, str]] = []
    for block, named in zip(blocks, targets, strict=True):
        path, new = _target(block, named, tree, chat, shown)
        if new is None:
            failed.append((block, named))
        else:
            tree[path] = new
    changed = {path: text for path, text in tree.items() if shown.files.get(path) != text}
    complaint = _complaint(failed, len(blocks), tree, shown) if failed else None
    told = all(block.search for block, _ in failed)  # aider trips over explaining a block with nothing to find
    return Edited(changed, len(blocks), len(failed), complaint, told)


def _target(
    block: Block, named: str, tree: dict[str, str], chat: Sequence[str], shown: Shown
) -> tuple[str, str | None]:
    """The file that the block changes, and its new content; the named one and None if none holds its lines."""
    others = chat if block.search.strip() else ()
    for path in (named, *others):
        if path in tree:
            new = replaced(path, tree[path], block.search, block.replace, shown.fence)
            if new is not None:
                return path, new
    return named, None


def _complaint(failed: Sequence[tuple[Block, str]], of: int, tree: dict[str, str], shown: Shown) -> str:
    """What the model is told of blocks that did not match."""
    told = [f"{len(failed)} of {of} blocks could not be applied."]
    for block, path in failed:
        told.append(
            f"The lines to find of this block are not in {path}:\n"
            f"{HEAD}\n{block.search}{DIVIDER}\n{block.replace}{TAIL}"
        )
        if like := _most_like(block.search, tree.get(path, "")):
            told.append(f"These lines of {path} come nearest:\n{shown.fence[0]}\n{like}\n{shown.fence[1]}")
        if block.replace and block.replace in tree.get(path, ""):
            told.append(f"The new lines of that block already stand in {path}. Is it still needed?")
    told.append("The lines to find must be copied from the file exactly, with every blank and every comment.")
    if len(failed) < of:
        told.append("All other blocks were applied. Do not send them again: send only what could not be applied.")
    return "\n\n".join(told)


def _most_like(search: str, content: str) -> str:
    """The passage of `content` that is most like `search`, with some lines around it; empty if none is like it."""
    wanted, lines = search.splitlines(), content.splitlines()
    best, at = 0.0, 0
    for start in range(len(lines) - len(wanted) + 1):
        ratio = SequenceMatcher(None, wanted, lines[start : start + len(wanted)]).ratio()
        if ratio > best:
            best, at = ratio, start
    return "\n".join(lines[max(0, at - _AROUND) : at + len(wanted) + _AROUND]) if best >= _LIKE else ""
