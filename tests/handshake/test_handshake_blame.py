"""Whose fault: a call in the text is the server's only if the right parser would have taken it, or never takes one.

Each case goes over real sockets, with a fault that depends on how often it was asked.
"""

from __future__ import annotations

from typing import Any

import pytest
from faulty_endpoint import Fault, chunks, deltas, handshake_with
from handshake_faults import hermes, said

from cab_check.demo.faults.table import FAULTS

WELL = hermes("write_file", '{"path": "a", "content": "b"}')
BADLY = '<tool_call>\n{"name": "write_file", "arguments": {"path": "a"}}}}\n</tool_call>'


def test_counts_that_never_change_are_no_proof_that_tools_are_dropped() -> None:
    """The model answers in prose, and the server says 11 tokens whatever is sent: only the first is known."""
    prose, constant = (FAULTS[name].after for name in ("tool-call-missing", "usage-implausible-constant"))
    assert prose is not None and constant is not None
    judged = handshake_with(lambda request, reply: constant(request, prose(request, reply)))
    assert judged.findings[0].code == "tool-call-missing"
    assert "tools-ignored" not in {finding.code for finding in judged.findings}


def writes(body: dict[str, Any]) -> bool:
    """The question about difficult text: the only one that offers a tool which writes."""
    return any(tool["function"]["name"] == "write_file" for tool in body.get("tools") or ())


def times(most: int, fault: Fault) -> Fault:
    """`fault` for the first `most` requests that it would change."""
    left = [most]

    def some(request: Any, reply: Any) -> Any:
        changed = fault(request, reply)
        if changed is reply or left[0] == 0:
            return reply
        left[0] -= 1
        return changed

    return some


def in_text(text: str) -> Fault:
    return chunks(lambda events: said(events, text) if list(deltas(events)) else events, writes)


def emptied(events: list[Any]) -> list[Any]:
    for entry in deltas(events):
        entry["function"]["arguments"] = ""
    return events


@pytest.mark.parametrize(
    ("fault", "count", "found"),
    [
        (in_text(BADLY), 1, None),  # a lapse
        (in_text(BADLY), 9, ("tool-call-as-text:hermes", "model")),
        (in_text(WELL), 1, None),  # the parser takes this model's calls elsewhere
        (in_text(WELL), 9, ("tool-call-as-text:hermes", "server")),
        (chunks(lambda events: said(events, ""), writes), 1, None),  # swallowed once
        (chunks(lambda events: said(events, ""), writes), 9, ("tool-call-swallowed", "server")),
        (chunks(emptied, writes), 1, None),  # empty where the tool wants arguments: no form of {}
        (chunks(emptied, writes), 9, ("tool-arguments-invalid-json", "model")),
    ],
)
def test_one_lapse_is_nobodys_fault_and_a_habit_has_an_owner(
    fault: Fault, count: int, found: tuple[str, str] | None
) -> None:
    judged = handshake_with(times(count, fault))
    roots = [(item.key, item.owner) for item in judged.findings if item.severity != "info" and not item.follows_from]
    assert roots == ([found] if found else [])
    assert judged.exit_code == (3 if found else 0)
