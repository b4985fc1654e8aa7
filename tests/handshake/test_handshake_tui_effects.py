"""What a finding means for one agent CLI is what was measured with it, in the very case that the bytes show."""

from __future__ import annotations

import pytest
from faulty_endpoint import handshake_with

from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.tuis.effects import case_of, impact
from cab_check.knowledge.finding import Finding
from cab_check.knowledge.vocabulary import make
from cab_check.tuis.loader import profile


def found(fault: str, subject: str | None) -> Finding:
    """The finding that a fault of the demo leads to."""
    judged = handshake_with(FAULTS[fault].after)
    return next(one for one in judged.findings if (one.code, one.subject) == (FAULTS[fault].code, subject))


@pytest.mark.parametrize(
    ("fault", "subject", "case"),
    [
        ("stream-tool-index", "missing", None),
        ("stream-tool-index-one-chunk", "missing", "one-chunk"),
        ("tool-call-id-missing-stream", "stream", None),
        ("tool-call-id-missing", "stream", "empty"),
        ("tool-call-id-missing", "plain", "empty"),
        ("tool-call-id-missing-plain", "plain", None),
    ],
)
def test_the_case_of_a_finding_is_read_from_its_evidence(fault: str, subject: str, case: str | None) -> None:
    assert case_of(found(fault, subject)) == case


@pytest.mark.parametrize(
    ("name", "fault", "verdict", "mode"),
    [
        ("opencode", "stream-tool-index", "blocked", "noindex"),
        ("opencode", "stream-tool-index-one-chunk", "works", "noindex1"),
        ("qwen", "stream-tool-index", "works", "noindex"),
        ("opencode", "tool-call-id-missing-stream", "blocked", "noid"),
        ("opencode", "tool-call-id-missing", "works", "emptyid"),
        ("continue", "tool-call-id-missing", "blocked", "emptyid"),
    ],
)
def test_a_cli_does_what_it_was_seen_to_do_in_that_case(name: str, fault: str, verdict: str, mode: str) -> None:
    subject = "missing" if fault.startswith("stream") else "stream"
    met = impact(profile(name), found(fault, subject))
    assert met is not None and met.effect is not None
    assert (met.verdict, met.effect.mode, met.says) == (verdict, mode, met.effect.says)


@pytest.mark.parametrize(("name", "verdict"), [("pi", "blocked"), ("continue", "blocked"), ("opencode", "blocked")])
def test_a_call_that_is_lost_each_time_blocks_though_the_model_is_told(name: str, verdict: str) -> None:
    met = impact(profile(name), found("tool-arguments-object", None))
    assert met is not None and met.verdict == verdict


def test_a_mistake_of_the_models_own_that_it_is_told_of_only_degrades() -> None:
    met = impact(profile("pi"), found("tool-name-wrong", None).but(seen=(2, 3)))
    assert met is not None and (met.verdict, met.effect and met.effect.does) == ("degraded", "tells the model")


@pytest.mark.parametrize("name", ["pi", "codex", "claude"])
def test_a_mistake_that_the_model_makes_every_time_blocks(name: str) -> None:
    mistake = found("tool-name-wrong", None)
    met = impact(profile(name), mistake)
    assert mistake.seen[0] == mistake.seen[1] >= 3
    assert met is not None and (met.verdict, met.finding.code) == ("blocked", "tool-name-wrong")


def test_arguments_that_break_the_schema_every_time_block_only_if_the_model_is_told_in_vain() -> None:
    mistake = found("tool-arguments-schema-mismatch", "path")
    met, untold = (impact(profile("pi"), one) for one in (mistake, mistake.but(mendings=())))
    assert met is not None and (met.verdict, "each time the model was told" in met.says) == ("blocked", True)
    assert untold is not None and (untold.verdict, "times of" in untold.says) == ("degraded", True)


def test_text_where_no_call_was_tried_is_not_called_one() -> None:
    met = impact(profile("codex"), found("tool-call-missing", None))
    assert met is not None and (met.verdict, met.says.partition(" that ")[0]) == ("blocked", "shows the text")


def test_a_body_that_a_proxy_refuses_concerns_every_api() -> None:
    """nginx counts bytes, whichever route they are for; what is smaller than the limit that is told passes."""
    refused = make("request-too-large", layer="context")
    told = impact(profile("claude"), refused, api_works=True)
    assert told is not None and told.verdict != "works"
    assert impact(profile("claude"), refused.but(subject="1048576"), api_works=True) is None
