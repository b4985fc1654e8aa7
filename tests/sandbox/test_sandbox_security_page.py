"""SECURITY.md names every gap in the words in which it is printed, and every level and engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from cab_check.sandbox import walls

PAGE = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").split())
GAPS = (
    *walls.LEVEL_2_GAPS,
    *walls.CONTAINER_GAPS,
    *walls.SEATBELT_GAPS,
    *walls.LEVEL_0_GAPS,
    walls.AS_ROOT_GAP,
    walls.SIGNAL_GAP,
)


@pytest.mark.parametrize("gap", GAPS)
def test_every_gap_stands_there(gap: str) -> None:
    assert gap in PAGE


def test_what_was_not_tried_is_said_to_be_that() -> None:
    rows = (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    for engine in ("seatbelt", "docker"):
        row = next(line for line in rows if line.startswith("|") and engine in line)
        assert "not tried by us" in row
