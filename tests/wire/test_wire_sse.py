from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.wire.exchange import Piece
from cab_check.wire.sse import SseLimits, read_events

A, B = '{"n":1}', '{"n":2}'


@pytest.mark.parametrize(
    ("raw", "events", "kinds", "lenient"),
    [
        (f"data: {A}\n\ndata: {B}\n\ndata: [DONE]\n\n", [A, B, "[DONE]"], set(), None),
        (f"data: {A}\r\n\r\ndata: [DONE]\r\n\r\n", [A, "[DONE]"], set(), None),
        (f"data:{A}\n\n", [A], set(), None),
        ("data: one\ndata: two\n\n", ["one\ntwo"], set(), None),
        ("data:\n\n", [""], set(), None),
        ("data: \u2028é\n\n", ["\u2028é"], set(), None),
        ("id: 1\n\nevent: x\n\n: c\n\n", [], {"comment", "no-events"}, None),
        ("retry: 10\nevent: error\ndata: x\n\n", ["x"], set(), None),
        (f"data: {A}\r\rdata: {B}\r\r", [A, B], {"cr-only"}, None),
        (f"\ufeffdata: {A}\n\n", [A], {"bom"}, None),
        (f": ping\n\ndata: {A}\n\n", [A], {"comment"}, None),
        (f"data: {A}\n\ndata: {B}\n", [A], {"unterminated-event"}, [A, B]),
        (f"data: {A}\n\ndata: {B}", [A], {"unterminated-event"}, [A, B]),
        (f"data: {A}\ndata: {B}\n\n", [f"{A}\n{B}"], {"joined-events"}, [A, B]),
        (
            f"data: {A}\ndata: {B}\ndata: [DONE]\n",
            [],
            {"joined-events", "unterminated-event", "no-events"},
            [A, B, "[DONE]"],
        ),
        (f"{A}\n{B}\n", [], {"not-a-field", "no-events"}, [A, B]),
        ("<html>\n<body>Bad gateway</body>\n</html>", [], {"not-a-field", "no-events"}, []),
        (f"data: {A}\n\n{B}\n\n", [A], {"not-a-field"}, [A, B]),
        (f"datum: 1\ndata: {A}\n\n", [A], {"unknown-field"}, [A]),
        (f"data: [DONE]\n\ndata: {A}\n\n", ["[DONE]", A], {"after-done"}, None),
        ("", [], {"empty-stream"}, []),
    ],
)
def test_a_stream_and_its_deviations(raw: str, events: list[str], kinds: set[str], lenient: list[str] | None) -> None:
    reading = read_events(raw.encode())
    assert [event.data for event in reading.events] == events
    assert reading.kinds == kinds
    assert [event.data for event in reading.lenient] == (events if lenient is None else lenient)


def test_names_ids_and_offsets() -> None:
    raw = b": hi\nevent: delta\nid: 7\ndata: a\n\ndata: b\nid: x\0y\n\nid\ndata: c\n\n"
    reading = read_events(raw)
    assert [(event.event, event.id) for event in reading.events] == [("delta", "7"), ("message", "7"), ("message", "")]
    assert [raw[event.raw_offset :][:6] for event in reading.events] == [b"event:", b"data: ", b"id\ndat"]
    assert reading.comments == ("hi",)


def test_an_event_arrives_with_the_line_end_that_completes_it() -> None:
    reading = read_events((Piece(1.0, b"data: a\n"), Piece(2.0, b"\ndata: "), Piece(3.0, b"b\n\n"), Piece(4.0, b"")))
    assert [event.at_ms for event in reading.events] == [2.0, 3.0]


def test_invalid_utf8_is_told_where_it_stands_and_a_replacement_character_is_no_fault() -> None:
    reading = read_events(b"data: ok\n\ndata: a\xffb\n\n")
    assert [(d.kind, d.where) for d in reading.deviations] == [("invalid-utf8", "byte 10")]
    assert reading.events[1].data == "a\ufffdb"
    assert not read_events("data: \ufffd\n\n".encode()).deviations


def test_long_lines_and_events_are_told_and_read() -> None:
    limits = SseLimits(line_bytes=20, event_bytes=40)
    assert read_events(b"data: " + b"x" * 14 + b"\n\n", limits=limits).kinds == set()
    assert read_events(b"data: " + b"x" * 15 + b"\n\n", limits=limits).kinds == {"line-too-long"}
    many = read_events(b"data: 12345\n" * 4 + b"\n", limits=limits)
    assert many.kinds == {"event-too-long"} and len(many.events) == 1


def test_a_flood_of_one_deviation_is_counted_not_listed() -> None:
    reading = read_events(b": ping\n\n" * 500)
    assert len([d for d in reading.deviations if d.kind == "comment"]) == 11
    assert reading.deviations[-1].excerpt == "490 more" or "490 more" in [d.excerpt for d in reading.deviations]


STREAMS = st.lists(
    st.sampled_from(
        [
            b"data: ",
            b"data:",
            b"\n",
            b"\r\n",
            b"\r",
            b": c",
            b"id: 1",
            b"event: e",
            b"[DONE]",
            A.encode(),
            b"\xef\xbb\xbf",
        ]
    )
    | st.binary(max_size=6),
    max_size=20,
).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 80), max_size=8))
def test_where_the_pieces_end_changes_nothing(raw: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [Piece(0.0, raw[start:end]) for start, end in pairwise(borders)]
    assert read_events(pieces) == read_events(raw)


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_what_is_written_by_the_rules_is_read_back(texts: list[str]) -> None:
    raw = "".join(f"data: {json.dumps(text)}\n\n" for text in texts)
    reading = read_events(raw.encode())
    assert [json.loads(event.data) for event in reading.events] == texts
    assert reading.lenient == reading.events and not reading.deviations
