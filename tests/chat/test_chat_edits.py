"""Edits in text: what holds for every reply and every file, and the words in which a model is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cab_check.chat.edits.common_lines import common_lines
from cab_check.chat.edits.formats import FORMATS
from cab_check.chat.edits.indents import RelativeIndents
from cab_check.chat.edits.shown import FENCES, Shown, fence_for

LINES = st.lists(st.sampled_from(["a", "b", "  a", "\tb", "", "...", "```", "a.py", "=======", "--- a.py"]), max_size=8)
TEXTS = LINES.map(lambda lines: "".join(f"{line}\n" for line in lines))
PIECES = st.lists(
    st.sampled_from(
        [
            "a.py\n", "b/c.txt\n", "../x\n", "/etc/passwd\n",
            "a\0b\n", "```\n", "```diff\n", "````\n", "<<<<<<< SEARCH\n",
            "=======\n", ">>>>>>> REPLACE\n", "--- a.py\n", "+++ a.py\n", "+++ b/a.py\n", "@@ @@\n", "-a\n", "+b\n",
            " a\n", "a\n", "  a\n", "\n", "\r\n", "x", "\u2028", "...\n", "`a.py`\n", "```bash\n",
        ]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@given(reply=PIECES, content=TEXTS)
@settings(max_examples=300, deadline=None)
def test_whatever_a_reply_holds_it_is_read_and_stays_below_the_root(form: str, reply: str, content: str) -> None:
    shown = Shown({"a.py": content, "b/c.txt": "a\n"}, ("a.py",), fence_for([content]))
    edited = FORMATS[form](reply, shown)
    assert all(not path.startswith(("/", "../")) and "\0" not in path for path in edited.files)
    assert all(shown.files.get(path) != text for path, text in edited.files.items())
    assert edited.failed <= max(edited.edits, 1)
    assert (edited.complaint is None) == (edited.failed == 0)


@given(before=TEXTS, after=TEXTS)
@settings(max_examples=200, deadline=None)
def test_a_whole_file_arrives_as_it_was_written(before: str, after: str) -> None:
    fence = fence_for([before, after])
    shown = Shown({"a.py": before}, ("a.py",), fence)
    edited = FORMATS["whole-file"](f"a.py\n{fence[0]}\n{after}{fence[1]}", shown)
    assert {**shown.files, **edited.files} == {"a.py": after}


@given(lines=st.lists(st.integers(0, 9), min_size=1, max_size=12, unique=True), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_block_changes_the_lines_that_it_names_and_no_other(lines: list[int], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    text = [f"line {number}\n" for number in lines]
    search, replace = "".join(text[start:end]), "new\n"
    reply = f"a.py\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```"
    edited = FORMATS["search-replace"](reply, Shown({"a.py": "".join(text)}, ("a.py",)))
    assert edited.files == {"a.py": "".join([*text[:start], replace, *text[end:]])}


@given(lines=st.lists(st.integers(0, 9), min_size=3, max_size=12, unique=True), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_hunk_with_a_line_on_either_side_changes_one_line(lines: list[int], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(lines) - 2))
    text = [f"the line {number}\n" for number in lines]
    hunk = f" {text[at - 1]}-{text[at]}+the new line\n {text[at + 1]}"
    reply = f"```diff\n--- a.py\n+++ a.py\n@@ @@\n{hunk}```"
    edited = FORMATS["udiff"](reply, Shown({"a.py": "".join(text)}, ("a.py",)))
    assert edited.files == {"a.py": "".join([*text[:at], "the new line\n", *text[at + 1 :]])}


@given(text=TEXTS.filter(lambda text: "\t" not in text))
def test_relative_indentation_leads_back(text: str) -> None:
    indents = RelativeIndents([text])
    assert indents.absolute(indents.relative(text)) == text


@given(left=st.lists(st.integers(0, 3), max_size=12), right=st.lists(st.integers(0, 3), max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_more_lines_can_be_common_than_are_found(left: list[int], right: list[int]) -> None:
    ours = common_lines([str(item) for item in left], [str(item) for item in right])
    most = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            most[i + 1][j + 1] = most[i][j] + 1 if one == other else max(most[i][j + 1], most[i + 1][j])
    assert all(left[i] == right[j] for i, j in ours)
    assert ours == sorted(set(ours)) and len({j for _, j in ours}) == len(ours)
    # A long common middle is taken at once: that is quick, and can cost a line elsewhere.
    assert len(ours) <= most[-1][-1]
    assert bool(ours) == bool(most[-1][-1])


def test_the_fence_is_one_that_no_file_holds() -> None:
    assert fence_for(["x\n"]) == FENCES[0]
    assert fence_for(["```\n"]) == FENCES[1]
    assert fence_for(["````\n"]) == FENCES[2]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "outside the project"),
        ("../../x", "outside the project"),
        ("a/../../x", "outside the project"),
        ("n" * 300 + ".py", "too long"),
        ("src", "not the name of a file"),
        ("logo.png", "not a text file"),
        ("a\0b.py", "NUL"),
    ],
)
def test_a_path_that_is_no_file_of_the_project_is_refused_in_words(path: str, words: str) -> None:
    shown = Shown({"src/a.py": "a\n"}, ("src/a.py",), unreadable=frozenset({"logo.png"}))
    block = f"{path}\n```\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n```"
    diff = f"```diff\n--- {path}\n+++ {path}\n@@ @@\n+x\n```"
    replies = {"search-replace": block, "udiff": diff}
    if len(path) < 200:
        replies["whole-file"] = f"{path}\n```\nx\n```"
    for form, reply in replies.items():
        edited = FORMATS[form](reply, shown)
        assert edited.files == {}, form
        assert words in (edited.complaint or "") and edited.told, form


def test_an_absolute_path_below_the_root_is_that_file() -> None:
    shown = Shown({"a.py": "a\n"}, ("a.py",), root="/app")
    assert FORMATS["whole-file"]("/app/a.py\n```\nb\n```", shown).files == {"a.py": "b\n"}


def test_a_block_that_does_not_match_is_shown_with_the_lines_that_come_nearest() -> None:
    content = "one = 1\ntwo = 2\nthree = 3\nfour = 4\n"
    good = "a.py\n```\n<<<<<<< SEARCH\none = 1\n=======\none = 11\n>>>>>>> REPLACE\n```\n"
    bad = "a.py\n```\n<<<<<<< SEARCH\ntwo = 2\nthree = 33\nfour = 4\n=======\nx\n>>>>>>> REPLACE\n```\n"
    edited = FORMATS["search-replace"](good + bad, Shown({"a.py": content}, ("a.py",)))
    assert (edited.edits, edited.failed) == (2, 1)
    assert edited.files == {"a.py": content.replace("one = 1", "one = 11")}
    assert edited.complaint is not None
    for words in ("1 of 2 blocks", "three = 33", "three = 3\n", "Do not send them again"):
        assert words in edited.complaint
