"""Every fault: its own code first, beside it only what follows from it, the right owner and exit code."""

from __future__ import annotations

import pytest
from faulty_endpoint import handshake_with, sound
from handshake_faults import CASES, EXPECTED, NOT_ASKED, NOT_YET

from cab_check.demo.faults.table import FAULTS
from cab_check.knowledge.vocabulary import code


@pytest.mark.parametrize("name", list(CASES))
def test_a_fault_is_named_first_and_alone(name: str) -> None:
    case = CASES[name]
    judged = handshake_with(case.fault, **case.setting)
    roots = [finding.key for finding in judged.findings if finding.follows_from is None and finding.severity != "info"]
    first = judged.findings[0]
    assert first.key == case.root
    assert roots == ([] if first.severity == "info" else [case.root])
    assert first.owner == case.owner
    assert judged.exit_code == case.exit_code
    assert first.evidence, "a finding without evidence"
    assert not [check for check in judged.checks if check.status == "crashed"]


def test_every_fault_is_named_after_a_code_and_the_table_knows_it() -> None:
    assert list(EXPECTED) == list(FAULTS)
    assert set(NOT_ASKED) <= {name for name, found in EXPECTED.items() if found is NOT_YET}
    for fault in FAULTS.values():
        over = next((api for api in ("responses-", "messages-") if fault.name.startswith(api)), "")
        assert fault.name.startswith((fault.code, f"{over}{fault.code}")) and code(fault.code)


def test_the_sound_twin_has_no_finding() -> None:
    judged = handshake_with(sound)
    assert judged.findings == ()
    assert (judged.verdict, judged.exit_code) == ("works", 0)
    assert set(judged.capabilities.values()) == {"yes"}
    assert 14 <= judged.cost.requests <= 28
    assert 0 < (judged.cost.completion_tokens or 0) <= 4000
