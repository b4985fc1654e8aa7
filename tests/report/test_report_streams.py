"""How a report reaches a stream: colour only when asked for, in the characters it can carry, JSON as one document."""

from __future__ import annotations

import io
import json
import re

import pytest
from record_cases import all_records, handshake, record

from cab_check.handshake.result import ModelFacts
from cab_check.report.as_json import as_json, write_json
from cab_check.report.stream import write
from cab_check.report.terminal import first_screen

RECORDS = all_records()


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def written(out: io.TextIOWrapper) -> str:
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return out.buffer.getvalue().decode(out.encoding)


@pytest.mark.parametrize("name", RECORDS)
def test_colour_adds_nothing_but_colour(name: str) -> None:
    screen, plain, coloured = first_screen(RECORDS[name]), stream("utf-8"), stream("utf-8")
    write(screen, plain)
    write(screen, coloured, color=True)
    assert written(plain) == screen.plain and "\x1b" not in written(plain)
    assert "\x1b[1;3" in written(coloured)
    assert re.sub(r"\x1b\[[0-9;]*m", "", written(coloured)) == written(plain)


@pytest.mark.parametrize(("encoding", "dash"), [("ascii", "-"), ("latin-1", "-"), ("cp1252", "—"), ("utf-8", "—")])
def test_a_stream_gets_what_it_can_carry(encoding: str, dash: str) -> None:
    out = stream(encoding)
    write(first_screen(record(handshake(model=ModelFacts("模型-é")), None)), out)
    write(first_screen(RECORDS["passed"]), out)
    assert f"Provisional score {dash} not for citation" in written(out)
    assert written(out).startswith("WORKS  ")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
@pytest.mark.parametrize("name", RECORDS)
def test_json_is_one_document_in_every_encoding(name: str, encoding: str) -> None:
    out = stream(encoding)
    write_json(RECORDS[name], out)
    assert json.loads(written(out)) == RECORDS[name]
    assert written(out).endswith("}\n")


def test_json_keeps_the_order_of_the_record_and_readable_text() -> None:
    text = as_json(RECORDS["passed"])
    assert list(json.loads(text)) == list(RECORDS["passed"]) and "Provisional score — not" in text
