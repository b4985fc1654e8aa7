"""The corpus of replies with edits, each with what aider 0.86.2 made of it, and what we make of one.

`tests/live/aider_parser.py` writes the outcomes down and compares anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cab_check.chat.edits.formats import FORMATS
from cab_check.chat.edits.shown import Shown, fence_for

CORPUS = Path(__file__).parent / "edit_corpus.json"


def ours(case: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the files by our own parser, in the form in which aider's outcome is kept."""
    files = {name: text.replace("\r\n", "\n") for name, text in case["files"].items()}
    shown = Shown(files, tuple(case["chat"]), fence_for(files[name] for name in case["chat"]))
    edited = FORMATS[case["format"]](case["reply"].strip(), shown)
    kind = ("complaint" if edited.told else "dropped") if edited.complaint else "applied" if edited.edits else "nothing"
    return {"kind": kind, "files": dict(sorted(edited.files.items())), "fence": shown.fence[0]}
