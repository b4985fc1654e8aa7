"""How text reaches a stream: its colours, and what its encoding can carry."""

from __future__ import annotations

from io import StringIO
from typing import TextIO

from rich.console import Console
from rich.text import Text

_PLAIN = str.maketrans({"—": "-", "–": "-", "…": "~", "×": "x", "‘": "'", "’": "'", "“": '"', "”": '"', "\ufffd": "?"})


def write(text: Text, stream: TextIO, *, color: bool = False) -> None:
    """Print `text` as it stands, with colours only if `color`, in characters that the stream's encoding has."""
    memory = StringIO()
    console = Console(
        file=memory,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(text, soft_wrap=True, end="")
    stream.write(encodable(memory.getvalue(), stream.encoding))


def encodable(text: str, encoding: str | None) -> str:
    """`text` in what `encoding` can carry: typographic marks get their ASCII look-alike, the rest a question mark."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text
