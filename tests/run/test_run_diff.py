"""The diff of a solution."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cab_check.run.diff import DIFF_CHARS, unified


def test_a_changed_an_added_and_a_removed_file() -> None:
    text = unified({"a.py": b"one\ntwo\n", "gone": b"x\n"}, {"a.py": b"one\n2\n", "new": b"y"})
    assert text.splitlines() == [
        *("--- a/a.py", "+++ b/a.py", "@@ -1,2 +1,2 @@", " one", "-two", "+2"),
        *("--- a/gone", "+++ /dev/null", "@@ -1 +0,0 @@", "-x"),
        *("--- /dev/null", "+++ b/new", "@@ -0,0 +1 @@", "+y", "\\ No newline at end of file"),
    ]


def test_nothing_changed_is_an_empty_diff() -> None:
    assert unified({"a": b"x"}, {"a": b"x"}) == ""


def test_binary_large_and_invisible_changes_are_said_and_not_shown() -> None:
    text = unified({"b": b"\0", "l": b"x" * 10**6, "e": b"a\r\n"}, {"b": b"\0\0", "l": b"", "e": b"a\n"})
    assert text.splitlines() == [
        "Files a/b and b/b differ: binary or large, 1 -> 2 bytes",
        "Files a/e and b/e differ in what is not shown: line ends, or nothing in them at all",
        "Files a/l and b/l differ: binary or large, 1000000 -> 0 bytes",
    ]


def test_an_added_empty_file_is_not_passed_over() -> None:
    assert "Files /dev/null and b/empty differ" in unified({}, {"empty": b""})


def test_many_files_are_cut() -> None:
    assert len(unified({}, {f"f{n}": b"x\n" * 2000 for n in range(200)})) < DIFF_CHARS + 100


def test_hostile_names_and_text_are_cleaned() -> None:
    text = unified({}, {"a\n+++ b/x\x1b[2J": "\x1b]0;t\x07\u202e\n".encode()})
    assert not any(character in text for character in "\x1b\x07\u202e")
    assert text.count("\n+++ ") == 1


@given(left=st.text("ab \n\x0c\u2028", max_size=60), right=st.text("ab \n\x0c\u2028", max_size=60))
def test_there_is_a_diff_exactly_where_there_is_a_difference(left: str, right: str) -> None:
    assert (unified({"f": left.encode()}, {"f": right.encode()}) == "") == (left == right)
