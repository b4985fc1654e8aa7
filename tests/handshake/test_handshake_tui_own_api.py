"""What came over an agent CLI's own API goes before what was refused over chat completions."""

from __future__ import annotations

import pytest
from faulty_endpoint import both, error, has_tools, on_chat
from test_handshake_tui_replay import judged, row

from cab_check.demo.faults.calls import as_text, hermes
from cab_check.demo.faults.over import over
from cab_check.handshake.result import Handshake

_NO_PARSER = error(
    400,
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    type="BadRequestError",
)
REFUSED = on_chat(_NO_PARSER, has_tools)
AS_TEXT = both(REFUSED, over("responses", as_text(hermes)))
"""vLLM without a parser: tools are refused over chat completions; over /responses the call comes as text."""


def codes(found: Handshake, name: str) -> list[str]:
    return [key.partition(":")[0] for key in row(found, name).because]


@pytest.mark.parametrize("names", ["codex", "codex,opencode"])
def test_a_call_that_comes_as_text_is_told_where_chat_refuses_the_tools(names: str) -> None:
    found = judged(AS_TEXT, names)
    codex = row(found, "codex")
    assert codex.verdict == "blocked"
    assert codes(found, "codex") == ["tool-call-as-text"]
    assert "as text" in (codex.what_happens or "")
    if "opencode" in names:
        assert codes(found, "opencode") == ["tool-parser-disabled"]


def test_where_the_own_api_does_all_the_refusal_over_chat_is_nothing_to_it() -> None:
    found = judged(REFUSED, "codex")
    assert (row(found, "codex").verdict, found.exit_code) == ("works", 0)


def test_in_the_general_table_each_cli_has_the_cause_of_its_own_api() -> None:
    found = judged(AS_TEXT, "generic")
    assert codes(found, "codex") == ["tool-call-as-text"]
    assert codes(found, "opencode") == ["tool-parser-disabled"]
