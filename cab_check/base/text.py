"""Text from outside (endpoint, model, task) made safe to show and to store.

Dropped: C0 controls but newline and tab, DEL, C1 controls, and the bidirectional controls that can reorder
a line (U+202A-202E, U+2066-2069, and the marks U+200E, U+200F, U+061C). What is dropped is shown as U+FFFD
where `mark` is set, so that a reader sees that something was there.
"""

from __future__ import annotations

import re

_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: str, *, mark: bool = True) -> str:
    """`text` without anything that a terminal, a viewer or a log could take as a command."""
    return _HOSTILE.sub("\ufffd" if mark else "", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 200) -> str:
    """`text` cleaned, on one line, at most `limit` characters, cut with an ellipsis."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def clean_bytes(data: bytes, limit: int = 64 * 1024) -> str:
    """Output of a program as text: at most `limit` bytes, the middle cut out, and cleaned."""
    if len(data) > limit:
        half = limit // 2
        cut = f"\n[... {len(data) - 2 * half} bytes left out ...]\n".encode()
        data = data[:half] + cut + data[-half:]
    return clean(data.decode("utf-8", "replace"))


def nearest(word: str, known: list[str], count: int = 3) -> list[str]:
    """The names in `known` that look most like `word`, best first; case is ignored."""
    from difflib import get_close_matches

    by_fold = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), list(by_fold), n=count, cutoff=0.5)
    inside = [fold for fold in by_fold if word.casefold() in fold and fold not in close]
    return [by_fold[fold] for fold in [*close, *inside][:count]]
