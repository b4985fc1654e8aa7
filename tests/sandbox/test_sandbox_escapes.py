"""Attempts to get out, in every engine that stands here, each with the proof that it gets through without walls.

`python tests/live/sandbox_table.py` prints the same table.
"""

from __future__ import annotations

import os

import pytest
from sandbox_outside import ENGINE_NAMES, standing, verdicts
from sandbox_payload import PROBES
from sandbox_table import (
    CONTROL_MAY_FAIL,
    HELD,
    NEEDS_ROOT,
    NO_CONTROL,
    OPEN,
    OPEN_AT_LEVEL_2,
    OPEN_WITHOUT_SCOPES,
    cell,
    control,
    counts,
    gap_of,
    printed,
    rows,
    walls_here,
)

from cab_check.sandbox import walls
from cab_check.sandbox.box import Isolation

WITH_A_CONTROL = 90  # for an ordinary user, at each level


def walls_of(name: str) -> Isolation:
    found = standing()[name]
    if isinstance(found, str):
        pytest.skip(found)
    return found


def test_at_least_one_engine_stands() -> None:
    assert walls_here(), f"no walls stand on this machine: {standing()}"


def test_every_name_in_the_lists_is_an_attempt() -> None:
    assert {*CONTROL_MAY_FAIL, *NEEDS_ROOT, *OPEN_AT_LEVEL_2, *OPEN_WITHOUT_SCOPES} <= set(PROBES)


@pytest.mark.parametrize("attempt", PROBES)
def test_attempt_gets_through_without_walls(attempt: str) -> None:
    found = control(attempt)
    if found != "works":
        pytest.skip(f"no control: {found.removeprefix('none: ')}")


@pytest.mark.parametrize("attempt", PROBES)
@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_attempt_is_held(name: str, attempt: str) -> None:
    isolation = walls_of(name)
    found = cell(attempt, name, isolation)
    gap = gap_of(attempt, isolation)
    assert found == HELD or (gap is not None and found == f"{OPEN}: {gap}"), verdicts(name)[attempt]


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_enough_attempts_have_a_control(name: str) -> None:
    walls_of(name)
    found = counts(list(rows()), name)
    assert sum(found.values()) - found[NO_CONTROL] >= WITH_A_CONTROL
    assert set(found) <= {HELD, OPEN, NO_CONTROL}


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_the_gaps_that_are_printed_are_those_that_attempts_go_through(name: str) -> None:
    """Besides these, level 2 names what a test of its own shows: what outlives the launcher, and what is missing."""
    isolation = walls_of(name)
    table = list(rows())
    passed = {row.cells[name].partition(": ")[2] for row in table if row.cells[name].startswith(OPEN)}
    without_controls = {gap_of(row.attempt, isolation) for row in table if not row.proves}
    elsewhere = {walls.OUTLIVING_GAP, walls.MISSING_GAP, walls.AS_ROOT_GAP}
    assert passed <= set(isolation.gaps) - elsewhere
    assert set(isolation.gaps) - elsewhere - passed <= without_controls


def test_the_table_says_what_was_found() -> None:
    table = list(rows())
    text = "\n".join(printed(table))
    for name, isolation in walls_here().items():
        assert f"level {isolation.level}, as {'root' if os.geteuid() == 0 else 'an ordinary user'}" in text
        found = counts(table, name)
        assert f"  {name}: {len(PROBES)} attempts, {len(PROBES) - found[NO_CONTROL]} with a working control" in text
    for row in table:
        assert f"  {row.attempt} " in text


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_selftest_reports_every_attempt(name: str) -> None:
    isolation = walls_of(name)
    assert len(isolation.selftest) >= 12
    assert set(isolation.selftest.values()) == {"held"}
