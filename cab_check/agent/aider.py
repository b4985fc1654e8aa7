"""The dialects of aider's edit formats `diff`, `whole` and `udiff`."""

from __future__ import annotations

from cab_check.agent.text_edits import TextEdits

AIDER_DIFF = TextEdits("aider-diff", "search-replace")
AIDER_WHOLE = TextEdits("aider-whole", "whole-file")
AIDER_UDIFF = TextEdits("aider-udiff", "udiff")
