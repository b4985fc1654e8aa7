"""A tool's result that is repeated with a slip was read: the model's fault, and nobody dropped it on the way."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest
from faulty_endpoint import handshake_with, record, serving, sound
from test_handshake_tui_replay import judged, row

from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.checks.turns import is_slip
from cab_check.handshake.result import Handshake
from cab_check.handshake.seen import Seen
from cab_check.handshake.wording import nearly_holds

SLIP = FAULTS["tool-arguments-unfaithful-result"]


@cache
def met(name: str) -> Handshake:
    return handshake_with(FAULTS[name])


def test_a_slip_in_what_a_tool_returned_is_the_models_and_stops_nobody() -> None:
    handshake = met("tool-arguments-unfaithful-result")
    slip = next(finding for finding in handshake.findings if finding.key == "tool-arguments-unfaithful:result")
    assert (slip.owner, slip.severity, slip.seen[0]) == ("model", "degrades", slip.seen[1])
    assert "the server is not to blame" in (slip.cause or "")
    assert "tool-result-ignored" not in {finding.code for finding in handshake.findings}
    assert (handshake.verdict, handshake.exit_code) == ("degraded", 0)
    assert handshake.capabilities["second_turn"] == "yes"


@pytest.mark.parametrize("name", ["tool-result-ignored", "tool-result-ignored-unheard"])
def test_a_result_that_is_not_in_the_answer_is_still_called_ignored(name: str) -> None:
    handshake = met(name)
    assert "tool-result-ignored" in {finding.code for finding in handshake.findings}
    assert "tool-arguments-unfaithful:result" not in {finding.key for finding in handshake.findings}
    assert handshake.exit_code == 3


def test_a_sound_answer_is_no_slip() -> None:
    with serving(sound) as server:
        recording, _ = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    answers = [turn for turn in Seen(recording).turns if turn.has_results]
    assert answers
    assert not any(map(is_slip, answers))


def test_a_cli_that_is_asked_about_is_degraded_by_it() -> None:
    handshake = judged(SLIP, "opencode")
    assert (handshake.verdict, row(handshake, "opencode").verdict) == ("degraded", "degraded")


@pytest.mark.parametrize(
    ("said", "near"),
    [
        ("The file says: 8asper-7992", True),
        ("jasper 7992", True),
        ("It says jasper-7929.", True),
        ("jaspr-7992", True),
        ("amber-4821", False),
        ("I read maple-7982.md, and it is empty.", False),  # the file's own name
        ("I have no access to that file.", False),
        ("", False),
    ],
)
def test_what_is_near_to_a_word_and_what_is_another(said: str, near: bool) -> None:
    beside = 'Call the read_file tool with path "maple-7982.md".'
    word = "maple-7992" if "maple" in said else "jasper-7992"
    assert nearly_holds(said, word, beside) is near
