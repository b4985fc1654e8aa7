"""Edits in text: the format that aider relies on is tried, the others only to know what to change to."""

from __future__ import annotations

from typing import Any

import pytest
from faulty_endpoint import sound
from test_handshake_tui_replay import FAULTS, judged, recorded, row

from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.result import Handshake


def unfollowed(found: Handshake) -> dict[str | None, Any]:
    return {one.subject: one for one in found.findings if one.code == "edit-format-unfollowed"}


def check(found: Handshake) -> Any:
    return next(one for one in found.checks if one.id == "edit-format")


def test_a_format_that_is_kept_is_asked_once_and_the_others_not_at_all() -> None:
    found = judged(sound, "aider")
    assert (check(found).status, len(check(found).exchanges)) == ("pass", 1)
    assert (found.verdict, row(found, "aider").verdict) == ("works", "works")


@pytest.mark.parametrize(
    "laid", ["edit-format-unfollowed-marks", "edit-format-unfollowed-search", "edit-format-unfollowed-fence"]
)
def test_a_format_that_is_not_kept_degrades_where_another_one_is(laid: str) -> None:
    found = judged(FAULTS[laid], "aider")
    one = unfollowed(found)["search-replace"]
    assert set(unfollowed(found)) == {"search-replace"}
    assert (one.seen, one.owner, one.severity) == ((3, 3), "model", "degrades")
    assert any("whole-file: 1 of 1 apply" in item.excerpt for item in one.evidence)
    assert "--edit-format whole" in (one.fix or "")
    assert (found.verdict, found.exit_code, row(found, "aider").verdict) == ("degraded", 0, "degraded")


def test_a_model_that_keeps_no_format_blocks() -> None:
    found = judged(FAULTS["edit-format-unfollowed"], "aider")
    assert set(unfollowed(found)) == {"search-replace", "whole-file", "udiff"}
    assert {one.severity for one in unfollowed(found).values()} == {"blocks"}
    assert "--edit-format" not in (found.findings[0].fix or "")  # there is none to change to
    assert (found.verdict, found.exit_code, row(found, "aider").verdict) == ("blocked", 3, "blocked")


def test_a_fault_of_a_format_that_is_not_the_usual_one_is_not_looked_for() -> None:
    assert judged(FAULTS["edit-format-unfollowed-udiff"], "aider").verdict == "works"


@pytest.mark.parametrize("name", ["opencode", "generic"])
def test_nobody_else_is_asked_for_edits_in_text(name: str) -> None:
    found = judged(FAULTS["edit-format-unfollowed"], name)
    assert (check(found).status, unfollowed(found)) == ("skipped", {})
    assert found.verdict == "works"


@pytest.mark.parametrize("name", ["open-interpreter", "openhands-classic", "smolagents"])
def test_a_form_that_cannot_be_read_here_is_never_said_to_work(name: str) -> None:
    found = judged(sound, name)
    assert row(found, name).verdict == "unknown"
    assert "form of edits" in (row(found, name).what_happens or "")


def test_in_a_general_handshake_aider_is_not_said_to_work_either() -> None:
    found = judged(sound, "generic")
    assert (row(found, "aider").verdict, row(found, "opencode").verdict) == ("unknown", "works")


def test_the_judgement_needs_nothing_but_the_recording() -> None:
    recording, plan = recorded(FAULTS["edit-format-unfollowed-marks"], "aider")
    elsewhere = judge(recording, Plan(model=plan.model, nonce_seed="another"))
    assert set(unfollowed(elsewhere)) == {"search-replace"}
