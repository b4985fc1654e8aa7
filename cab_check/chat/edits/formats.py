"""The formats by the names that findings use for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cab_check.chat.edits import prompt_search_replace, prompt_udiff, prompt_whole_file
from cab_check.chat.edits.prompt import Prompt
from cab_check.chat.edits.search_replace import search_replace
from cab_check.chat.edits.shown import Edited, Shown
from cab_check.chat.edits.udiff import udiff
from cab_check.chat.edits.whole_file import whole_file

Read = Callable[[str, Shown], Edited]

FORMATS: Mapping[str, Read] = {"search-replace": search_replace, "whole-file": whole_file, "udiff": udiff}

PROMPTS: Mapping[str, Prompt] = {
    "search-replace": prompt_search_replace.PROMPT,
    "whole-file": prompt_whole_file.PROMPT,
    "udiff": prompt_udiff.PROMPT,
}
