"""Records from files: the shape is judged by the shipped schema, as a full JSON Schema validator judges it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from record_cases import all_records, record

from cab_check.base.errors import UsageError
from cab_check.record.document import dumps, loads
from cab_check.record.shape import problems, schema
from cab_check.record.store import Store

RECORDS = all_records()
VALIDATOR = Draft202012Validator(schema())
VALUES = st.sampled_from([None, True, 0, 1, 1.0, -1, 1.5, "", "x", "2026", [], [1], ["a", None], {}, {"reasons": ""}])


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in inside] + [place for _, item in inside for place in places(item)]


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_comes_back_whole(name: str) -> None:
    assert loads(dumps(RECORDS[name]), "run.json") == RECORDS[name]


@given(st.sampled_from(sorted(RECORDS)), st.integers(0), st.one_of(st.none(), VALUES.map(lambda value: [value])))
def test_damage_is_seen_exactly_where_a_full_validator_sees_it(name: str, where: int, change: list[Any] | None) -> None:
    document = copy.deepcopy(RECORDS[name])
    every = places(document)
    container, key = every[where % len(every)]
    if change is not None:
        container[key] = change[0]
    else:
        del container[key]
    added = {"additionalProperties"}  # what a later version added is let through
    expected = any(_words(error) - added for error in VALIDATOR.iter_errors(document))
    assert bool(list(problems(document))) is expected


def _words(error: Any) -> set[str]:
    """The keywords that an error comes down to."""
    return set().union(*map(_words, error.context)) if error.context else {error.validator}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("handshake",), None, "handshake \\(type\\)"),
        (("handshake", "verdict"), "fine", "handshake.verdict \\(enum\\)"),
        (("task", "trials", 0, "agent"), {}, "task"),
        (("notice",), "An official score", "notice \\(const\\)"),
        (("schema",), "cab-check/run/v9", "its schema is cab-check/run/v9"),
    ],
)
def test_a_damaged_record_is_refused_with_the_place(path: tuple[Any, ...], value: Any, words: str) -> None:
    document = copy.deepcopy(RECORDS["passed"])
    container: Any = document
    for key in path[:-1]:
        container = container[key]
    container[path[-1]] = value
    with pytest.raises(UsageError, match=words):
        loads(json.dumps(document), "run.json")


def test_a_stored_record_with_a_field_of_a_later_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(dumps({**record(), "invented_later": {"a": 1}}), encoding="utf-8")
    assert Store(tmp_path).load(str(path)).record["invented_later"] == {"a": 1}
