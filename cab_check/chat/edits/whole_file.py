"""The format whole file: a path, and below it the whole new text of that file in a fence ("whole" in aider).

Whatever stands in a fence becomes a file. With one file in the chat a fence without a name is taken for it, whatever
it holds: commands, a tool call, a block of another format. That is measured of aider, and so it is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cab_check.chat.edits.shown import Edited, Shown, Unreadable

LONGEST = 250  # characters of a line above a fence that may be a name
_BY_TRUST = ("above", "mentioned", "only file")


@dataclass(frozen=True, slots=True)
class Listing:
    """The text of a file as the reply has it; `named` says how its name was come by."""

    path: str
    named: str
    text: str


def whole_file(text: str, shown: Shown) -> Edited:
    """What the listings in `text` come to; nothing, if one of them has no name."""
    try:
        listings = read_listings(text, shown)
        taken: dict[str, str] = {}
        places: dict[str, str] = {}
        for trust in _BY_TRUST:
            for listing in listings:
                if listing.named == trust and listing.path not in taken:
                    taken[listing.path] = listing.text
                    places[shown.place(listing.path)] = listing.text
    except Unreadable as wrong:
        return Edited.refused(wrong)
    changed = {path: content for path, content in places.items() if shown.files.get(path) != content}
    return Edited(changed, len(taken))


def read_listings(text: str, shown: Shown) -> list[Listing]:
    """Every fenced text with its name. Raises Unreadable if one has none and it is not clear which file it is."""
    found: list[Listing] = []
    lines = text.rstrip().splitlines(keepends=True)
    mentioned: str | None = None
    open_: tuple[str, str] | None = None
    body: list[str] = []
    for at, line in enumerate(lines):
        if line.startswith(shown.fence):
            if open_ is None:
                open_ = _named(lines[at - 1] if at else "", mentioned, shown)
                continue
            found.append(Listing(*open_, "".join(body)))
            open_, body, mentioned = None, [], None
        elif open_ is not None:
            body.append(line)
        else:
            mentioned = _mention(line, shown.chat) or mentioned
    if open_ is not None:
        found.append(Listing(*open_, "".join(body)))
    return found


def _named(above: str, mentioned: str | None, shown: Shown) -> tuple[str, str]:
    """The path that a fence below the line `above` is for, and how it is known."""
    name = above.strip().strip("*").rstrip(":").strip("`").lstrip("#").strip()
    if name and len(name) <= LONGEST:
        last = PurePosixPath(name).name
        return (last if name not in shown.chat and last in shown.chat else name), "above"
    if mentioned:
        return mentioned, "mentioned"
    if len(shown.chat) == 1:
        return shown.chat[0], "only file"
    raise Unreadable(
        f"A text in a fence {shown.fence[0]} has no file's name. The line directly above the fence must hold the path "
        "of the file, and nothing else."
    )


def _mention(line: str, chat: Sequence[str]) -> str | None:
    """The last file of the chat that `line` names in backticks."""
    words = [word.rstrip(".:,;!") for word in line.split()]
    named = [path for word in words for path in chat if word == f"`{path}`"]
    return named[-1] if named else None
