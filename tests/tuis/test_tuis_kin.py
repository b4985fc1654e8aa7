"""Findings that look the same to a client: what was measured with one holds for another, and mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cab_check.tuis.check import check_file, kin_mistakes
from cab_check.tuis.kin import FILE, is_refusal, kin_of, kin_rows, words_for
from cab_check.tuis.loader import profiles

ROW = """
[[kin]]
findings = ["gateway-timeout"]
like = ["server-crashed"]
why = "the request ends with a status of 500 or more"
says = { "stops in silence" = "says nothing" }
"""


def check(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / FILE
    path.write_text(text, "utf-8")
    return check_file(path)[1]


def test_our_own_table_has_no_mistakes() -> None:
    assert list(kin_mistakes(kin_rows())) == []


def test_each_row_leads_to_something_that_was_measured() -> None:
    measured = {found for profile in profiles().values() for effect in profile.effects for found in effect.findings}
    measured |= {(code, None) for code, _ in measured}
    for row in kin_rows():
        for name in row.findings:
            code, _, subject = name.partition(":")
            assert measured & set(kin_of(code, subject or None)), name


def test_the_nearest_kin_comes_first_and_theirs_after_it() -> None:
    assert kin_of("model-retired") == (("model-not-found", None),)
    assert kin_of("responses-api-broken", "store")[:2] == (("param-rejected", "store"), ("tools-rejected", None))
    assert kin_of("responses-api-broken", "events") == kin_of("stream-cut") == ()
    assert (kin_of("context-counts-output")[0], is_refusal("context-counts-output")) == (
        ("context-too-small", None),
        True,
    )
    assert ("tools-rejected", None) not in kin_of("tools-rejected")


def test_a_refusal_is_told_from_other_likenesses() -> None:
    assert is_refusal("role-rejected") and not is_refusal("gateway-timeout") and not is_refusal("empty-reply")


def test_text_that_holds_no_call_has_words_of_its_own() -> None:
    assert "text that comes" in (words_for("tools-ignored", "takes it as the answer") or "")
    assert words_for("tools-ignored", "recovers") is None and words_for("empty-reply", "recovers") is None


def test_a_sound_table_has_no_mistakes(tmp_path: Path) -> None:
    assert check(tmp_path, ROW) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"gateway-timeout"',
            '"gateway-timout"',
            "kin[0].findings: No finding is called 'gateway-timout'. Did you mean gateway-timeout",
        ),
        ('"server-crashed"', '"server-loading:x"', "kin[0].like: server-loading has no subject"),
        ('"server-crashed"', '"usage-missing:x"', "kin[0].like: 'x' is none of"),
        ('["server-crashed"]', "[]", "kin[0].like: at least one finding is wanted"),
        ('why = "the request ends with a status of 500 or more"\n', "", "kin[0].why: is missing"),
        ("why =", "refused = 1\nwhy =", "kin[0].refused: true or false is wanted"),
        ("stops in silence", "shrugs", "kin[0].says: 'shrugs' is nothing that a CLI does"),
        ("\n[[kin]]", f"{ROW}[[kin]]", "kin[1].findings: gateway-timeout stands in another row"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    (mistake,) = check(tmp_path, ROW.replace(old, new, 1))
    assert told in mistake
