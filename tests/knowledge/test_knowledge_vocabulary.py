"""The codes are those of findings.toml, and nothing else passes."""

from __future__ import annotations

import pytest

from cab_check.base.errors import UnknownName
from cab_check.knowledge.vocabulary import code, codes, evidence, layer_rank, layers, make


def test_every_code_is_complete():
    assert len(codes()) > 100
    for entry in codes().values():
        assert entry.means.endswith(".")
        assert entry.severity in {"blocks", "degrades", "info"}
        assert entry.owner in {"server", "gateway", "account", "model", "client", "network", "user"}


def test_layers_stand_in_the_order_in_which_a_request_meets_them():
    assert layers()[:6] == ("address", "network", "auth", "model", "chat", "params")
    assert layers()[-1] == "any"
    assert layer_rank("auth") < layer_rank("streaming") < layer_rank("any") < layer_rank("nonsense")


def test_an_unknown_code_is_refused_with_its_neighbours():
    with pytest.raises(UnknownName, match="tool-call-txt") as raised:
        code("tool-call-txt")
    assert "tool-call-as-text" in raised.value.next_step


def test_a_finding_takes_its_defaults_from_the_vocabulary():
    finding = make(
        "tool-call-as-text", subject="hermes", seen=(5, 5), evidence=[evidence(3, "reply", "\x1b<tool_call>" * 99)]
    )
    assert (finding.layer, finding.severity, finding.owner, finding.key) == (
        "tools-response",
        "blocks",
        "server",
        "tool-call-as-text:hermes",
    )
    assert "\x1b" not in finding.evidence[0].excerpt and len(finding.evidence[0].excerpt) == 300
    assert make("rate-limited", owner="gateway", layer="chat", severity="info").owner == "gateway"
