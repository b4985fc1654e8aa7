"""Documented failures of servers and providers reach a rule of ours, with the flag or field that mends them.

One line of `failures.jsonl` per failure. `body` (and `status`) is what a server says; `shape` what else shows it, with
its `words`. `code` and `subject` are what it must be called, and `change` stands in the line to change. Its `neighbour`
looks like it and is something else: another reply, or the same code for another hop. What no rule reaches says why,
under `unreached`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cab_check.chat.errors import read_error
from cab_check.knowledge.advice import advise, rules
from cab_check.knowledge.error_rules import classify_error
from cab_check.knowledge.finding import Finding, Hop
from cab_check.knowledge.fingerprint import known_hops
from cab_check.knowledge.vocabulary import code, codes, evidence, make

Row = dict[str, Any]
ROWS: list[Row] = [
    json.loads(line) for line in (Path(__file__).parent / "failures.jsonl").read_text("utf-8").splitlines()
]
REACHED = [row for row in ROWS if "unreached" not in row]
REFUSALS = [row for row in REACHED if "body" in row]
LOOKALIKES = [row for row in REACHED if "body" in row.get("neighbour", {})]
ELSEWHERE = [row for row in REACHED if "body" not in row.get("neighbour", {"body": ""})]
KINDS = {hop.name: hop.kind for hop in known_hops()}


def named(row: Row) -> tuple[str, str | None] | None:
    body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
    error = read_error(row["status"], body.encode())
    return classify_error(error, row["status"]) if error else None


def advised(name: str, row: Row, words: str = "") -> Finding:
    """The finding as a judge would have it, with the hop recognised."""
    hops = [Hop(row["hop"], KINDS[row["hop"]], None, "high", "test")] if "hop" in row else []
    seen = [evidence(1, "reply", words)] if words else []
    return advise(make(name, subject=row.get("subject"), evidence=seen), hops, model=row.get("model"))


def words_of(row: Row) -> str:
    return json.dumps(row["body"], ensure_ascii=False) if "body" in row else row.get("words", "")


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("row", REFUSALS, ids=ids(REFUSALS))
def test_the_words_of_a_server_are_called_by_the_right_code(row: Row) -> None:
    wanted = {row["code"], "key-rejected"} if row["code"] == "key-missing" else {row["code"]}
    found = named(row)
    assert found is not None and found[0] in wanted
    assert found[1] == row.get("subject")


@pytest.mark.parametrize("row", REACHED, ids=ids(REACHED))
def test_each_failure_reaches_the_line_that_mends_it(row: Row) -> None:
    finding = advised(row["code"], row, words_of(row))
    assert finding.cause and finding.sources
    assert row["change"] in (finding.fix or "")


@pytest.mark.parametrize("row", LOOKALIKES, ids=ids(LOOKALIKES))
def test_words_that_only_look_alike_are_called_something_else(row: Row) -> None:
    found = named(row["neighbour"])
    assert found is None or found[0] != row["code"]


@pytest.mark.parametrize("row", ELSEWHERE, ids=ids(ELSEWHERE))
def test_another_server_with_the_same_code_gets_another_line(row: Row) -> None:
    there = advised(row["code"], row["neighbour"], words_of(row["neighbour"]))
    here = advised(row["code"], row, words_of(row))
    assert there.fix and there.fix != here.fix
    own = [line for line in (there.fix or "").splitlines() if not line.startswith(tuple(f"{hop}: " for hop in KINDS))]
    assert row["change"] not in "\n".join(own)


def test_the_table_is_whole() -> None:
    assert len(set(ids(ROWS))) == len(ROWS) == 180
    assert [row["id"] for row in ROWS if "unreached" in row and len(row["unreached"]) < 40] == []
    assert len(LOOKALIKES) >= 25 and len(ELSEWHERE) >= 25
    for row in REACHED:
        assert code(row["code"]) and row["change"] and ("body" in row) != ("shape" in row)


GENERAL = {rule.code for rule in rules() if rule.hop is rule.text is rule.model is rule.subject is None}


def test_every_code_has_a_general_rule_but_the_one_that_guesses_no_cause() -> None:
    assert set(codes()) - GENERAL == {"unrecognised"}


def test_a_literal_line_is_one_that_can_be_pasted() -> None:
    """Lines that the report never breaks begin with two spaces, and hold a command or a setting, no sentence."""
    for rule in rules():
        first, *rest = rule.fix.splitlines()
        assert not first.startswith(" "), rule
        for line in rest:
            assert not line.startswith("  ") or not re.search(r"[^.]\.$", line), rule
