"""`-v` shows every check, finding, test and reason; `-vv` the spans and the wire as well."""

from __future__ import annotations

import pytest
from record_cases import all_records, handshake, parser_missing, record, recording, task_run, trial
from rich.cells import cell_len

from cab_check.report.terminal import first_screen
from cab_check.report.verbose import verbose

RECORDS = all_records()
HOSTILE = "\x1b[2J[red]x[/red]\u202e" + "W" * 300


@pytest.mark.parametrize("name", RECORDS)
def test_it_begins_with_the_first_screen_and_keeps_the_margin(name: str) -> None:
    text = verbose(RECORDS[name], 2, recording=recording(("/models", b"{}"))).plain
    assert text.startswith(first_screen(RECORDS[name]).plain)
    assert all(cell_len(line) <= 80 for line in text.split("\n"))


def test_every_check_and_finding_is_there() -> None:
    document = record(parser_missing(), exit_code=3)
    text = verbose(document).plain
    for check in document["handshake"]["checks"]:
        assert f"{check['id']} ({check['layer']}): {check['status'].replace('_', ' ')}" in text
    for finding in document["handshake"]["findings"]:
        assert f"{finding['code']}" in text.partition("Findings\n")[2]
    assert "second-turn: not_run (needs tool-call)" in " ".join(text.split())
    assert "source: https://docs.vllm.ai/en/latest/features/tool_calling.html" in text
    assert "request 7: a tool call with arguments (openai 3.54.0)" in text


def test_every_unknown_value_is_named_with_its_reason() -> None:
    text = " ".join(verbose(RECORDS["uncounted"]).plain.split())
    assert "task.trials.0.agent.prompt_tokens: the endpoint did not count them in every reply" in text
    assert "tokens/correct: no value (tokens per passed trial, n = 1): the endpoint did not count" in text


def test_a_failed_trial_shows_its_tests_and_the_end_of_their_output() -> None:
    text = verbose(RECORDS["failed"]).plain
    assert "x  bad_input_reports_index: failed" in text and "ok happy_path: passed" in text
    assert "ValueError: invalid literal" in text
    assert "grading cannot rule out: a solution that patches the test runner" in text
    assert "ValueError: invalid literal" not in verbose(RECORDS["passed"]).plain


def test_the_wire_and_the_spans_come_at_level_2_only() -> None:
    asked = recording(("/chat/completions", b'{"choices":[{"message":{"content":"pong"}}]}'))
    one, two = (verbose(RECORDS["passed"], level, recording=asked).plain for level in (1, 2))
    for words in ("POST /chat/completions -> 200, complete", '"content":"pong"', "model_call turn 1"):
        assert words in two and words not in one
    assert "Wire" not in verbose(RECORDS["passed"], 2).plain


def test_hostile_text_is_shown_as_text() -> None:
    run = task_run(trial(passed=False, diff=HOSTILE), notes=(HOSTILE,))
    document = record(handshake(headline=HOSTILE), run, exit_code=1)
    document["task"]["trials"][0]["stdout_tail"] = HOSTILE
    document["handshake"]["checks"][0]["reason"] = HOSTILE
    text = verbose(document, 2, recording=recording(("/models", HOSTILE.encode()))).plain
    assert not set(text) & {"\x1b", "\u202e"} and "[red]x[/red]" in text
