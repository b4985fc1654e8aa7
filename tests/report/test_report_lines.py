"""The making of lines: whatever the text, nothing leaves the margin and no word is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cab_check.base.text import clean
from cab_check.report.figures import seconds, short, tokens, total
from cab_check.report.lines import change, cut, fold, hanging, height

WORDS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("漢字 \n\t\x1b\u202e\u200d🙂é")), max_size=200)


@given(WORDS, st.integers(4, 60))
def test_folded_lines_fit_and_hold_every_character(text: str, width: int) -> None:
    lines = fold(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean(text).split())


@given(WORDS, st.integers(4, 60))
def test_a_cut_line_fits_and_is_a_beginning(text: str, width: int) -> None:
    line, flat = cut(text, width), " ".join(clean(text).split())
    assert cell_len(line) <= width
    assert line == flat or (line.endswith("…") and flat.startswith(line[:-1].rstrip()))


@given(WORDS, st.integers(20, 60), st.integers(1, 4))
def test_hanging_lines_are_few_and_fit(text: str, width: int, limit: int) -> None:
    lines = hanging("Task      ", text, width, limit=limit)
    assert 1 <= len(lines) <= limit and all(line.cell_len <= width for line in lines)


def test_a_literal_line_is_whole_and_loses_its_indent_first() -> None:
    assert [line.plain for line in change("  " + "x" * 76, 7, 80)] == [" " * 4 + "x" * 76]
    (over,) = change("  " + "y" * 100, 7, 80)
    assert over.plain == "y" * 100 and height([over], 80) == 2
    spaced = 'export A="' + " b" * 50 + '"'
    assert change("  " + spaced, 7, 80)[0].plain == spaced
    assert change("\n".join("abcdefghijkl"), 7, 80)[-1].plain.strip() == "... 5 more lines with -v"


@given(st.lists(st.text("abc", min_size=1, max_size=30), min_size=1, max_size=30), st.integers(40, 90))
def test_prose_is_broken_between_words_under_its_indent(words: list[str], width: int) -> None:
    lines = change(" ".join(words), 7, width, limit=99)
    assert [word for line in lines for word in line.plain.split()] == words
    assert all(line.cell_len <= width and line.plain.startswith(" " * 7) for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04, "40 ms"),
        (0.0995, "0.1 s"),
        (8.12, "8.1 s"),
        (9.96, "10 s"),
        (41.2, "41 s"),
        (119.6, "2 min 0 s"),
        (230, "3 min 50 s"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (999.6, "1.0k"), (9949, "9.9k"), (9950, "10k"), (18_120, "18k"), (999_500, "1.0M")],
)
def test_counts(count: float, text: str) -> None:
    assert short(count) == text and tokens(count) == f"{text} tokens"


def test_an_unknown_part_makes_the_sum_unknown() -> None:
    assert (total(1, 2), total(1, None), total(), tokens(total(None))) == (3, None, 0, "tokens not counted")
