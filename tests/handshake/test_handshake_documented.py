"""Every documented failure that shows in a moment, through a real handshake: the right code first, and its fix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from documented import MARKS, Seen, documented, figures, shake

ROWS = documented()
QUICK = [row for row in ROWS.values() if not {"unseen", "slow", "silent"} & set(row)]


@pytest.fixture(scope="module")
def every() -> list[Seen]:
    """What the handshake makes of each, several at a time: most of their time is waiting."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(shake, QUICK))


def test_each_failure_is_called_by_a_right_name_first_and_its_fix_holds_the_decisive_word(every: list[Seen]) -> None:
    missed = {seen.row["id"]: [finding.key for finding in seen.judged.findings] for seen in every if not seen.right}
    unfixed = {seen.row["id"]: seen.first and seen.first.fix for seen in every if not seen.fixed}
    assert (missed, unfixed) == ({}, {})
    assert all(MARKS[name](share)[1] for name, (_, share) in figures(every).items())


def test_no_failure_is_missing_and_what_no_handshake_sees_says_why() -> None:
    assert len(ROWS) == 177 and len(QUICK) >= 160
    for row in ROWS.values():
        assert len(row.get("unseen", "x" * 40)) >= 40, row["id"]
        assert ("also" in row) == ("because" in row), row["id"]
        shown = {"faults", "when", "silent", "call_as", "stream_call_as", "name_as", "around", "ends", "unseen"}
        assert shown & set(row), row["id"]
