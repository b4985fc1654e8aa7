"""Every reply of the corpus comes to the same files as by aider 0.86.2's own parser, whose outcome stands beside it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from edit_cases import CORPUS, ours

CASES: list[dict[str, Any]] = json.loads(CORPUS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", ["search-replace", "whole-file", "udiff"])
def test_a_reply_comes_to_what_it_comes_to_in_aider(form: str) -> None:
    cases = [case for case in CASES if case["format"] == form]
    disagree = [case["about"] for case in cases if ours(case) != case["aider"] and "differs" not in case]
    assert disagree == []
    assert len(cases) >= 40
    assert {"applied", "nothing", "complaint"} <= set(Counter(case["aider"]["kind"] for case in cases))


def test_the_replies_on_which_we_differ_are_those_that_write_outside_the_project() -> None:
    differing = [case for case in CASES if "differs" in case]
    assert len(differing) == 3
    for case in differing:
        assert "../outside.txt" in case["aider"]["files"]
        assert ours(case) == {**case["aider"], "kind": "complaint", "files": {}}
