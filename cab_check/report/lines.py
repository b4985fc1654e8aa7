"""The few ways in which a line of a terminal report is made. A line is a rich `Text`, never parsed as markup.

Everything is measured in terminal cells, so that wide characters do not break the margin.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from cab_check.base.text import clean

GAP = 2


def fold(text: str, width: int) -> list[str]:
    """`text` cleaned and broken at spaces into lines of at most `width` cells; a longer word is chopped."""
    lines: list[str] = []
    for word in clean(text).split():
        for piece in chop_cells(word, width) if cell_len(word) > width else [word]:
            if lines and cell_len(lines[-1]) + 1 + cell_len(piece) <= width:
                lines[-1] += f" {piece}"
            else:
                lines.append(piece)
    return lines


def cut(text: str, width: int) -> str:
    """`text` cleaned, on one line, at most `width` cells, an ellipsis where something was cut."""
    flat = " ".join(clean(text).split())
    return flat if cell_len(flat) <= width else set_cell_size(flat, max(0, width - 1)).rstrip() + "…"


def hanging(label: str, text: str, width: int, *, limit: int = 2, style: str = "", label_style: str = "") -> list[Text]:
    """`text` behind `label`, its further lines under its first; at most `limit` lines, the last one cut."""
    indent = cell_len(label)
    lines = fold(text, width - indent)
    if len(lines) > limit:
        lines = [*lines[: limit - 1], cut(" ".join(lines[limit - 1 :]), width - indent)]
    first, *rest = lines or [""]
    return [
        Text.assemble((label, label_style), (first, style)),
        *(Text.assemble(" " * indent, (line, style)) for line in rest),
    ]


def two_ends(left: Text, right: str, width: int, *, style: str = "") -> Text:
    """`left` at the left margin and `right` at the right one; `left` is cut if they would meet."""
    room = width - cell_len(right) - GAP
    if left.cell_len > room:
        left = left.copy()
        left.truncate(room, overflow="ellipsis")
    return Text.assemble(left, " " * (width - left.cell_len - cell_len(right)), (right, style))


def address(label: str, text: str) -> Text:
    """`label` and a web address behind it, on a line of its own however long it is: broken, nobody can follow it."""
    return Text.assemble(label, clean(text).strip())


def single(label: str, text: str, width: int, *, style: str = "", label_style: str = "") -> Text:
    """One line: `label`, then as much of `text` as fits behind it."""
    return Text.assemble((label, label_style), (cut(text, width - cell_len(label)), style))


def change(text: str, indent: int, width: int, *, limit: int = 8, style: str = "bold") -> list[Text]:
    """What to change. Lines are broken at words, but one that begins with two spaces is literal: a command or a
    setting to paste, which holds no line end of ours however long it is, and gives up its indent first.
    """
    lines: list[Text] = []
    for line in clean(text).strip("\n").expandtabs(4).split("\n"):
        if line.startswith("  "):
            literal = line.strip()
            lines.append(Text.assemble(" " * max(0, min(indent + 2, width - cell_len(literal))), (literal, style)))
        else:
            lines += [Text.assemble(" " * indent, (part, style)) for part in fold(line, width - indent)]
    left_out = len(lines) - limit
    if left_out > 0:
        lines = [*lines[: limit - 1], Text(f"{' ' * indent}... {left_out + 1} more lines with -v", style)]
    return lines


def height(lines: Sequence[Text], width: int) -> int:
    """How many rows a terminal of `width` cells needs for `lines`."""
    return sum(max(1, -(-line.cell_len // width)) for line in lines)


def page(lines: Sequence[Text]) -> Text:
    """The lines as one text, ending in a line end."""
    whole = Text(end="", no_wrap=True)
    for line in lines:
        whole.append_text(line)
        whole.append("\n")
    return whole


def key(label: str) -> str:
    """A label of the left column, padded."""
    return f"{label:<6}"
