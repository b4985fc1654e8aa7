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


def single(label: str, text: str, width: int, *, style: str = "", label_style: str = "") -> Text:
    """One line: `label`, then as much of `text` as fits behind it."""
    return Text.assemble((label, label_style), (cut(text, width - cell_len(label)), style))


def pasted(text: str, indent: int, width: int, *, limit: int = 8, style: str = "bold") -> list[Text]:
    """Lines to copy: none holds a line end of ours, however long it is, so that what is pasted is what was meant.

    The indent is given up as far as that brings the longest line inside `width`.
    """
    lines = clean(text).strip("\n").expandtabs(4).split("\n")
    left_out = len(lines) - limit
    if left_out > 0:
        lines = [*lines[: limit - 1], f"... {left_out + 1} more lines with -v"]
    spare = width - max(cell_len(line) for line in lines)
    indent = min(indent, spare) if spare >= GAP else indent
    return [Text.assemble(" " * indent, (_stretched(line.rstrip(), indent, width), style)) for line in lines]


def _stretched(line: str, indent: int, width: int) -> str:
    """`line` with spaces widened where the terminal will wrap it, so that it wraps between words, under its indent.

    More spaces between words change no command; inside double quotes they might, and there nothing is widened.
    """
    first, *words = line.split(" ")
    shown = first
    for word in words:
        used = (indent + cell_len(shown) - 1) % width + 1
        wraps = used + 1 + cell_len(word) > width >= indent + cell_len(word)
        shown += (" " * (width - used + indent) if wraps and shown.count('"') % 2 == 0 else " ") + word
    return shown


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
    return f"{label:<10}"
