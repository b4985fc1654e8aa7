"""Faults of edits in the text: what a model makes of a form that it does not keep. Other text stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.parts import both, calls, choice_deltas, chunks, deltas, message, plain, said, speak

_CODE = "edit-format-unfollowed"
_SEARCH = re.compile(r"(<<<<<<< SEARCH\n)(.*?)(=======\n)", re.DOTALL)
_REPLACED = re.compile(r"=======\n(.*?)>>>>>>> REPLACE", re.DOTALL)
_DIFF_LINE = re.compile(r"^([ -])(\S.*|\s+\S.*)$", re.MULTILINE)


def reworded(change: Callable[[str], str]) -> After:
    """The model's text as `change` makes it, plain and streamed; calls stay."""

    def in_plain(value: Any) -> None:
        text = message(value).get("content")
        if not calls(value) and isinstance(text, str) and change(text) != text:
            speak(value, change(text))

    def in_stream(events: list[Any]) -> list[Any]:
        text = "".join(str(delta.get("content") or "") for delta in choice_deltas(events))
        return events if list(deltas(events)) or change(text) == text else said(events, change(text))

    return both(plain(in_plain), chunks(in_stream))


def _other_marks(text: str) -> str:
    return text.replace("<<<<<<< SEARCH", "<<<<<<< ORIGINAL").replace(">>>>>>> REPLACE", ">>>>>>> UPDATED")


def _from_memory(text: str) -> str:
    """Lines to look for as the model remembers them: a word more in each."""
    return _SEARCH.sub(lambda found: found[1] + re.sub(r"(?m)(\S)$", r"\1  # as it was", found[2]) + found[3], text)


def _new_lines_only(text: str) -> str:
    """The new lines in a bare fence, as if they were the whole file."""
    new = _REPLACED.search(text)
    return f"Here is the new version.\n\n```python\n{new[1]}```" if new else text


def _diff_from_memory(text: str) -> str:
    return _DIFF_LINE.sub(r"\1\2  # as it was", text) if "```diff" in text else text


def _prose(text: str) -> str:
    return "I would change that line." if "```" in text or "<<<<<<< SEARCH" in text else text


FAULTS = (
    Fault(
        "edit-format-unfollowed-marks",
        _CODE,
        "Search/replace blocks carry marks of their own; whole files and diffs are sound.",
        after=reworded(_other_marks),
        subject="search-replace",
    ),
    Fault(
        "edit-format-unfollowed-search",
        _CODE,
        "The lines that a block looks for are not as they stand in the file.",
        after=reworded(_from_memory),
        subject="search-replace",
    ),
    Fault(
        "edit-format-unfollowed-fence",
        _CODE,
        "Where blocks are wanted, the new lines come alone in a fence.",
        after=reworded(_new_lines_only),
        subject="search-replace",
    ),
    Fault(
        "edit-format-unfollowed-udiff",
        _CODE,
        "The lines of unified diffs are not as they stand in the file.",
        after=reworded(_diff_from_memory),
        subject="udiff",
    ),
    Fault(
        "edit-format-unfollowed",
        _CODE,
        "Where an edit is wanted, the model says in prose what it would change, whatever the format.",
        after=reworded(_prose),
        subject="search-replace",
    ),
)
