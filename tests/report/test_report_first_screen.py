"""The first screen answers in one look, in 25 lines of 80 columns, and shows hostile text as text."""

from __future__ import annotations

from typing import Any

import pytest
from record_cases import (
    MODEL,
    all_records,
    checks,
    handshake,
    parser_missing,
    record,
    task_run,
    trial,
)
from rich.cells import cell_len

from cab_check.base.errors import CabError
from cab_check.handshake.result import ModelFacts
from cab_check.knowledge.finding import Api, Evidence, Finding, Hop
from cab_check.report.terminal import LINES, first_screen, verdict_line

RECORDS = all_records()
NOTICE = "Provisional score — not for citation"


def screen(document: dict[str, Any], width: int = 80) -> list[str]:
    return first_screen(document, width=width).plain.splitlines()


def running(lines: list[str]) -> str:
    """The screen as running text, for words that may stand on two lines."""
    return " ".join(" ".join(lines).split())


def rows(lines: list[str], width: int = 80) -> int:
    return sum(max(1, -(-cell_len(line) // width)) for line in lines)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", RECORDS)
def test_every_screen_fits(name: str, width: int) -> None:
    lines = screen(RECORDS[name], width)
    assert rows(lines, width) <= LINES
    assert all(cell_len(line) <= width for line in lines)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("name", "first", "holds"),
    [
        ("passed", f"WORKS  {MODEL}: ", ["passed, 5 of 5 tests, 41 s, 18k tokens", "composite 0.891", NOTICE]),
        ("failed", f"WORKS  {MODEL}: ", ["failed, 3 of 5 tests, 41 s, 18k tokens", "bad_input_reports_index", NOTICE]),
        ("trials", f"WORKS  {MODEL}: ", ["1 of 3 trials passed", "pass 1 of 3 (6-79 %, Wilson 95 %)", "trial 2: "]),
        ("uncounted", f"WORKS  {MODEL}: ", ["tokens not counted", "no value: tokens/correct, refusal, integrity"]),
        ("no-call", f"WORKS  {MODEL}: ", ["no model call", "says nothing about the model", NOTICE]),
        ("blocked", f"BLOCKED  {MODEL}: ", ["tool-call-as-text (hermes) server, 5 of 5, sure", "6 findings from this"]),
        ("wrong-key", "NOT CHECKED  gpt-5-mini: ", ["key-rejected", "you, 2 of 2, sure", "2 of 14"]),
        ("unknown-model", "BLOCKED  qwen3-code: ", ["Change --model qwen3-coder-30b", "the nearest are qwen3"]),
        ("demo", "WORKS  cab-check-demo: ", ["this says nothing about any model", "(a script's)", NOTICE]),
        ("partial", "PARTIAL  stopped by Ctrl-C; what was found so far:", ["NOT CHECKED qwen3", "10 of 14"]),
        ("partial-task", "PARTIAL  stopped by ", ["interrupted after 6 turns", "25 requests, 22k tokens", NOTICE]),
        ("no-sandbox", "WORKS  ", ["not run: No walls stand on this machine", "kernel.unprivileged_userns_clone=1"]),
        ("usage-error", "NOT CHECKED  No endpoint was given.", ["Next cab-check --endpoint URL"]),
    ],
)  # fmt: skip
def test_each_screen_says_what_is_so(name: str, first: str, holds: list[str]) -> None:
    lines = screen(RECORDS[name])
    assert lines[0].startswith(first)
    assert [words for words in holds if words not in running(lines)] == []


@pytest.mark.parametrize("name", RECORDS)
def test_the_notice_stands_wherever_a_task_ran_and_a_composite_only_where_the_model_was_called(name: str) -> None:
    document, text = RECORDS[name], "\n".join(screen(RECORDS[name]))
    assert (NOTICE in text) is (document["task"] is not None)
    called = bool(document["scorers"]) and document["scorers"]["tokens"]["model_calls"] > 0
    assert ("composite" in text) is called
    assert document["notice"] == NOTICE


def test_the_line_to_change_can_be_pasted() -> None:
    fix = "vllm serve m --enable-auto-tool-choice --tool-call-parser hermes --reasoning-parser qwen3 --port 8000"
    shaken = parser_missing()
    literal = f"Restart vLLM with a parser for this model:\n  {fix}"
    shaken = handshake(verdict="blocked", findings=(shaken.findings[0].but(fix=literal), *shaken.findings[1:]))
    lines = screen(record(shaken, exit_code=3))
    (line,) = [line for line in lines if "vllm serve" in line]
    assert line.split() == fix.split()
    assert rows(lines) <= LINES


def test_checks_are_counted_with_their_denominator_and_their_want() -> None:
    text = running(screen(RECORDS["blocked"]))
    assert "ok address, network, auth, model, chat, streaming, usage 8 of 14" in text
    assert "x failed: tool-call, tool-call-stream 2" in text
    assert "- not run for want of tool-call: no-arguments, two-calls, second-turn," in text


def test_a_layer_that_passed_in_part_says_so() -> None:
    text = running(screen(record(handshake(checks=checks(two_calls="warn", second_turn="crashed")))))
    assert "tools-response(4/6)" in text and "12 of 14" in text
    assert "! warned: two-calls 1" in text and "x crashed here: second-turn 1" in text


def test_many_causes_are_counted_when_they_do_not_fit() -> None:
    one = Finding("code-0", "chat", "degrades", "server", "What was seen.", fix="one\ntwo\nthree")
    causes = tuple(one.but(code=f"code-{n}") for n in range(9))
    lines = screen(record(handshake(verdict="degraded", findings=causes), task_run(trial())))
    assert rows(lines) <= LINES
    assert "  !  code-0 " in "\n".join(lines)
    (rest,) = [line for line in lines if "more findings" in line]
    shown = sum(f"  !  code-{n} " in "\n".join(lines) for n in range(9))
    assert f"and {9 - shown} more findings: code-{shown}, " in rest


def test_a_finding_that_is_only_for_information_does_not_ask_for_a_change() -> None:
    info = Finding("model-id-ignored", "model", "info", "server", "Any id is accepted.")
    lines = screen(record(handshake(findings=(info,))))
    assert any(line.startswith("  i  model-id-ignored") for line in lines)
    assert "explain" not in "\n".join(lines)


def test_the_way_to_the_model_is_told() -> None:
    hops = (Hop("LiteLLM", "gateway", "1.74.3", "high", "header"), Hop("vLLM", "server", None, "low", "error text"))
    assert screen(record(handshake(hops=hops)))[1] == "You -> LiteLLM 1.74.3 -> vLLM at http://127.0.0.1:8000/v1"
    assert "a server that was not recognised" in screen(record(handshake(hops=())))[1]


def test_a_named_tui_stands_in_the_verdict() -> None:
    assert screen(record(handshake(for_=("aider", "codex"))))[0].startswith(f"WORKS  aider, codex + {MODEL}: ")


def test_the_model_is_named_once_and_not_taken_for_one_of_a_longer_name() -> None:
    asked = ModelFacts("coder", None, ("coder-30b",))
    near = record(handshake(headline="no such model (coder-30b)", model=asked))
    assert screen(near)[0] == "WORKS  coder: no such model (coder-30b)"
    own = record(handshake(headline="coder works.", model=asked))
    assert screen(own)[0] == "WORKS  coder works."


def test_a_defect_in_the_middle_of_a_task_is_not_hidden() -> None:
    document = record(run=task_run(trial()), exit_code=70, error=CabError("The grader lost its result."))
    assert "Error The grader lost its result." in screen(document)


def test_a_kept_run_tells_its_id() -> None:
    document = record()
    assert any(line.endswith("; not kept") for line in screen(document))
    assert any(line.endswith("kept as 20260616-020344-beef") for line in screen({**document, "files": ["record.json"]}))


HOSTILE = (
    "\x1b[2J\x1b]8;;http://evil\x07\x9b31m[red]bold[/red] [link=http://evil]x[/link] :bomb:"
    " \u202etxt.exe\u2066 <script>alert(1)</script>\r\n::error::gotcha\n\n\n" + "漢字" * 80
)


@pytest.mark.parametrize("width", [80, 44])
def test_hostile_text_stays_text_and_inside_the_margin(width: int) -> None:
    finding = Finding(
        "unrecognised",
        "any",
        "blocks",
        "server",
        HOSTILE,
        subject=HOSTILE,
        evidence=(Evidence(3, HOSTILE, HOSTILE),),
        cause=HOSTILE,
    )
    hop = Hop(HOSTILE, "server", HOSTILE, "low", "")
    shaken = handshake(verdict="blocked", findings=(finding,), model=ModelFacts(HOSTILE), hops=(hop,))
    # straight from a file, say: not cleaned by `compose`
    document = record(shaken, task_run(trial(), notes=(HOSTILE,)), exit_code=3)
    document["handshake"]["headline"] = document["task"]["trials"][0]["reason"] = HOSTILE
    lines = first_screen(document, width=width).plain.split("\n")
    assert not set("".join(lines)) & set("\x1b\x07\x9b\r\u202e\u2066")
    assert all(cell_len(line) <= width for line in lines)
    assert "[red]bold[/red]" in "".join(running(lines).split(" ")) and ":bomb:" in " ".join(lines)
    assert not any(line.startswith("::") for line in lines)


@pytest.mark.parametrize("name", RECORDS)
def test_the_same_record_gives_the_same_screen(name: str) -> None:
    assert first_screen(RECORDS[name]) == first_screen(RECORDS[name])


def test_quiet_is_the_verdict_alone() -> None:
    assert verdict_line(RECORDS["wrong-key"]).plain == "NOT CHECKED  gpt-5-mini: the endpoint refuses the key\n"


@pytest.mark.parametrize(
    ("code", "apis", "told"),
    [
        ("empty-reply", ("responses",), "empty-reply over /responses"),
        ("empty-reply", ("responses", "messages"), "empty-reply over /responses and /messages"),
        ("empty-reply", ("chat", "responses"), "empty-reply"),
        ("empty-reply", ("chat",), "empty-reply"),
        ("empty-reply", (), "empty-reply"),
        ("responses-api-broken", ("responses",), "responses-api-broken"),
    ],
)
def test_a_finding_of_another_api_says_over_which_it_was_seen(code: str, apis: tuple[Api, ...], told: str) -> None:
    finding = Finding(code, "chat", "info", "model", "Nothing came.", seen=(3, 3), apis=apis)
    lines = screen(record(handshake(verdict="works", findings=(finding,))))
    (line,) = [line for line in lines if line.startswith("  i  ")]
    assert line.split("  ")[2] == told
