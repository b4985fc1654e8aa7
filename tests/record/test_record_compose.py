"""The Record: every kind validates against the schema that ships, every key is there, unknown is null with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from record_cases import STARTED, all_records, demo, handshake, parser_missing, record, recording, task_run, trial

from cab_check.base.errors import CabError, Stopped, UsageError
from cab_check.handshake.result import Cost, ModelFacts
from cab_check.knowledge.finding import Evidence, Finding
from cab_check.record.compose import error_document, new_run_id
from cab_check.record.document import dumps
from cab_check.record.tool import knowledge_version, tool_facts

SCHEMA = json.loads(files("cab_check.record").joinpath("schema.json").read_text(encoding="utf-8"))
RECORDS = all_records()


def test_the_schema_is_one_and_closes_every_object_of_the_contract() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    open_objects = [part for part in _objects(SCHEMA) if "additionalProperties" not in part]
    assert open_objects == [SCHEMA["$defs"]["span"]["properties"]["attributes"]]
    optional = {"apis", "mendings"}  # not in the Records that are stored of before them
    for part in _objects(SCHEMA):
        assert part.get("required", []) == [name for name in part.get("properties", {}) if name not in optional]


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_is_valid_and_survives_json(name: str) -> None:
    document = json.loads(dumps(RECORDS[name]))
    assert document == RECORDS[name]
    Draft202012Validator(SCHEMA).validate(document)


@pytest.mark.parametrize("name", RECORDS)
def test_every_reason_stands_beside_a_null_and_every_unknown_has_one(name: str) -> None:
    for part in _parts(RECORDS[name]):
        if "reasons" in part:
            assert all(part[field] is None for field in part["reasons"])
            nothing_to_tell = {"error", "stopped_by", "unfinished"}
            assert {field for field, value in part.items() if value is None} - nothing_to_tell == set(part["reasons"])


def test_the_order_of_keys_is_that_of_the_schema() -> None:
    for document in RECORDS.values():
        assert list(document) == SCHEMA["required"]
        assert list(document["handshake"]) == SCHEMA["$defs"]["handshake"]["required"]


def test_the_same_job_gives_the_same_bytes() -> None:
    again = all_records()
    for name in RECORDS.keys() - {"usage-error"}:  # this one takes the time and an id of its own
        assert dumps(again[name]) == dumps(RECORDS[name])


def test_a_blocked_handshake_has_no_task_and_no_score() -> None:
    blocked = record(parser_missing(), exit_code=3)
    assert (blocked["task"], blocked["axes"], blocked["scorers"], blocked["cell_id"]) == (None, None, None, None)
    assert set(blocked["reasons"].values()) == {"the handshake is blocked"}


def test_the_cell_says_that_the_own_loop_ran_and_not_a_tui() -> None:
    cell = "check-20260616/cab-loop:tools/qwen3-coder-30b/polyglot/python-error-handling"
    assert RECORDS["passed"]["cell_id"] == cell
    assert RECORDS["passed"]["task"]["agent"] == "cab-loop"


def test_no_finished_trial_has_no_score() -> None:
    document = RECORDS["partial-task"]
    assert document["task"]["trials"] == [] and document["axes"] is None
    assert document["reasons"]["axes"] == "no trial was finished"


@pytest.mark.parametrize(
    ("error", "code", "stopped_by", "partial"),
    [
        (UsageError("No endpoint was given.", "cab-check --endpoint URL"), 2, None, False),
        (CabError("something that should not be"), 70, None, False),
        (Stopped("Interrupted by Ctrl-C."), 130, "interrupt", True),
        (Stopped("Ended by SIGTERM.", exit_code=143, by="terminate"), 143, "terminate", True),
        (Stopped("The time limit of the job was reached.", exit_code=4, by="timeout"), 4, "timeout", True),
    ],
)
def test_an_error_before_anything_was_asked_is_a_whole_record(
    error: CabError, code: int, stopped_by: str | None, partial: bool
) -> None:
    document = error_document(error)
    Draft202012Validator(SCHEMA).validate(document)
    assert (document["exit_code"], document["stopped_by"], document["partial"]) == (code, stopped_by, partial)
    assert document["error"] == {"kind": error.kind, "message": error.message, "next_step": error.next_step}
    assert document["handshake"]["verdict"] == "unchecked" and document["endpoint"]["base_url"] is None


@pytest.mark.parametrize(
    ("model", "models", "expected"),
    [
        (ModelFacts("cab-check-demo", "cab-check-demo"), b"{}", True),
        (ModelFacts("mine", "cab-check-demo"), b"{}", True),
        (ModelFacts("mine", "mine"), b'{"data":[{"id":"mine","owned_by":"cab-check-demo"}]}', True),
        (ModelFacts("mine", "mine"), b'{"data":[{"id":"other","owned_by":"cab-check-demo"}]}', False),
        (ModelFacts("mine", "mine"), b'{"data":["cab-check-demo", {"id": 3}]}', False),
        (ModelFacts("mine", "mine"), b"[]", False),
    ],
)
def test_the_demo_is_known_by_the_model_that_answered(model: ModelFacts, models: bytes, expected: bool) -> None:
    assert record(handshake(model=model), asked=recording(("/models", models)))["demo"] is expected


def test_a_count_that_is_not_known_is_null_and_never_0() -> None:
    cost = record(handshake(cost=Cost(3)))["handshake"]["cost"]
    assert cost["prompt_tokens"] is None and cost["reasons"]["prompt_tokens"]
    agent = RECORDS["uncounted"]["task"]["trials"][0]["agent"]
    assert agent["prompt_tokens"] is None and agent["completion_tokens"] == 720


def test_hostile_text_is_stored_without_its_controls() -> None:
    finding = Finding(
        "unrecognised",
        "any",
        "blocks",
        "server",
        "\x1b]8;;http://evil\x07click",
        evidence=(Evidence(1, "x", "a\u202eb\ud800"),),
    )
    document = record(handshake(findings=(finding,), model=ModelFacts("m\x1b[31m\ud83d")))
    text = dumps(document)
    assert text.encode("utf-8")
    assert not set(text) & set("\x1b\x07\u202e") and "\\u001b" not in text
    assert document["model"]["requested"] == "m\ufffd[31m\ufffd"


def test_a_number_that_is_none_does_not_break_the_document() -> None:
    model = ModelFacts("m", sampling={"temperature": float("nan"), "top_p": 0.9})
    document = json.loads(dumps(record(handshake(model=model))))
    assert document["model"]["sampling"] == {"temperature": None, "top_p": 0.9}
    Draft202012Validator(SCHEMA).validate(document)


def test_spans_come_oldest_first() -> None:
    assert [span["id"] for span in RECORDS["passed"]["trace"]["spans"]] == ["a1", "b2"]


def test_run_ids_sort_by_time_in_any_zone() -> None:
    later = datetime.fromisoformat("2026-06-16T03:03:45+01:00")
    assert new_run_id(STARTED)[:15] == "20260616-020344" < new_run_id(later)[:15] == "20260616-020345"


def test_the_tool_tells_its_own_facts() -> None:
    facts = tool_facts()
    assert facts.name == "cab-check" and facts.knowledge_version == knowledge_version() and facts.cpus
    assert len(facts.knowledge_version) == 12


def test_a_demo_record_is_marked_through_a_task_too() -> None:
    assert record(demo(), task_run(trial()))["demo"] is True
    assert datetime.fromisoformat(RECORDS["passed"]["started_at"]) == STARTED.astimezone(UTC)


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for item in schema.values():
            yield from _objects(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _objects(item)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)
