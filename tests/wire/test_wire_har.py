from __future__ import annotations

import json
import stat
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.base.errors import OutputError, UsageError
from cab_check.wire.exchange import End, Exchange, Facts, Got, Piece, Recording, Sent, Times, TlsFacts
from cab_check.wire.har import from_har, load, save, to_har

TEXT = st.text(max_size=12)
MS = st.floats(0, 1e7, allow_nan=False)
HEADERS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
METHODS = st.sampled_from(["GET", "POST"])
MAYBE = st.none() | TEXT
URLS = TEXT.map(lambda tail: f"http://127.0.0.1:8000/v1{tail}")


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    pieces = tuple(Piece(draw(MS), data) for data in draw(st.lists(st.binary(max_size=8), max_size=3)))
    got = draw(st.none() | st.builds(Got, st.integers(1, 999), TEXT, TEXT, HEADERS, st.just(pieces)))
    raw = got.raw if got else b""
    return Exchange(
        number=draw(st.integers(1)),
        sent=draw(st.builds(Sent, METHODS, URLS, HEADERS, st.binary(max_size=8), TEXT, st.booleans())),
        got=got,
        end=draw(st.sampled_from(get_args(End))),
        detail=draw(TEXT),
        started_at="2026-01-02T03:04:05.678+00:00",
        times=Times(*(draw(st.none() | MS) for _ in range(5)), end=draw(MS)),
        body=draw(st.just(raw) | st.binary(max_size=8) | TEXT.map(lambda text: text.encode("utf-8", "replace"))),
        decode_error=draw(MAYBE),
        peer=draw(st.sampled_from([None, "127.0.0.1:1", "[::1]:1"])),
        tls=draw(st.none() | st.builds(TlsFacts, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE)),
        redacted=draw(st.booleans()),
        follows_redirect=draw(st.none() | st.integers(1, 9)),
    )  # fmt: skip


FACTS = Facts(
    base_url="http://127.0.0.1:8000/v1",
    given="127.0.0.1:8000",
    address_notes=("scheme-added",),
    resolves=True,
    addresses=("127.0.0.1",),
    key_given=True,
    key_source="--key",
    key_shape={"short": False},
    key_length=20,
    loopback_or_private=True,
    model_requested="m",
    nonce_seed="n",
    clock="2026-01-02T03:04:05+00:00",
    inside="container",
)
JSON_TYPE = (("Content-Type", "application/json"),)
SIMPLE = Exchange(
    number=1,
    sent=Sent("POST", "http://127.0.0.1:8000/v1/chat?a=1", JSON_TYPE, b"{}", "/chat", True),
    got=Got(200, "OK", "HTTP/1.1", JSON_TYPE, (Piece(3.5, b'{"a":'), Piece(4.5, b"1}"))),
    end="complete",
    detail="",
    started_at="2026-01-02T03:04:05.678+00:00",
    times=Times(1.0, None, 2.0, 3.0, 3.5, 5.0),
    body=b'{"a":1}',
    peer="127.0.0.1:8000",
)


def test_the_examples_leave_no_field_at_its_default() -> None:
    bare = Facts("", "")
    same = {f.name for f in fields(Facts) if getattr(FACTS, f.name) == getattr(bare, f.name)}
    assert same <= {"via_proxy", "profile"}


@given(st.lists(exchanges(), max_size=3))
def test_a_recording_comes_back_equal(items: list[Exchange]) -> None:
    recording = Recording(FACTS, tuple(items))
    assert from_har(json.loads(json.dumps(to_har(recording)))) == recording


def test_a_file_comes_back_equal_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.har"
    path.write_text("older")
    recording = Recording(FACTS, (SIMPLE,))
    save(recording, path)
    assert load(path) == recording
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save(Recording(FACTS), tmp_path / "missing" / "x.har")


def test_a_body_is_where_viewers_look_for_it() -> None:
    (entry,) = to_har(Recording(FACTS, (SIMPLE,)))["log"]["entries"]
    assert entry["response"]["content"] == {"size": 7, "mimeType": "application/json", "text": '{"a":1}'}
    assert entry["request"]["postData"]["text"] == "{}"
    assert entry["request"]["queryString"] == [{"name": "a", "value": "1"}]
    assert entry["serverIPAddress"] == "127.0.0.1"
    packed = replace(SIMPLE, body=b"\xff\x00")
    (entry,) = to_har(Recording(FACTS, (packed,)))["log"]["entries"]
    assert entry["response"]["content"]["encoding"] == "base64"


PAIR = {"required": ["name", "value"], "additionalProperties": {"type": "string"}}
PAIRS = {"type": "array", "items": PAIR}


def holds(names: str, **properties: object) -> dict[str, object]:
    """An object with at least these names."""
    return {"type": "object", "required": names.split(), "properties": properties}


# What the HAR 1.2 specification requires of a log, in the words of JSON Schema.
REQUEST = holds(
    "method url httpVersion cookies headers queryString headersSize bodySize",
    headers=PAIRS,
    queryString=PAIRS,
    cookies=PAIRS,
    postData=holds("mimeType text"),
)
RESPONSE = holds(
    "status statusText httpVersion cookies headers content redirectURL headersSize bodySize",
    status={"type": "integer"},
    headers=PAIRS,
    cookies=PAIRS,
    redirectURL={"type": "string"},
    content=holds("size mimeType", size={"type": "integer"}, text={"type": "string"}),
)
ENTRY = holds(
    "startedDateTime time request response cache timings",
    startedDateTime={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d$"},
    time={"type": "number", "minimum": 0},
    cache={"type": "object"},
    request=REQUEST,
    response=RESPONSE,
    timings={**holds("send wait receive"), "additionalProperties": {"type": "number", "minimum": -1}},
)
LOG = holds(
    "version creator entries",
    version={"const": "1.2"},
    creator=holds("name version"),
    entries={"type": "array", "items": ENTRY},
)
HAR = holds("log", log=LOG)


@given(exchanges())
def test_every_document_is_a_har(exchange: Exchange) -> None:
    jsonschema.validate(json.loads(json.dumps(to_har(Recording(FACTS, (exchange,))))), HAR)


def test_the_phases_add_up_to_the_time() -> None:
    (entry,) = to_har(Recording(FACTS, (SIMPLE,)))["log"]["entries"]
    phases = [entry["timings"][name] for name in ("connect", "send", "wait", "receive")]
    assert sum(phases) == entry["time"]


SECRET = "sk-test-not-a-key-0123456789"


def foreign_entry(**response: Any) -> dict[str, Any]:
    """As a browser's developer tools write it."""
    return {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "time": 12.5,
        "_priority": "High",
        "request": {
            "method": "POST",
            "url": "https://llm.example/api/v1/chat/completions",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": "authorization", "value": f"Bearer {SECRET}"},
                {"name": "cookie", "value": "session=cookie-value"},
            ],
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 13,
            "postData": {"mimeType": "application/json", "text": '{"model":"m"}'},
        },
        "response": {
            "status": 401,
            "statusText": "Unauthorized",
            "httpVersion": "http/2.0",
            "headers": [{"name": "content-encoding", "value": "br"}],
            "cookies": [],
            "content": {"size": 9, "mimeType": "application/json", "text": f'{{"error":"{SECRET}"}}'},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            **response,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 1, "receive": 2},
    }


def foreign(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "1"}, "entries": list(entries)}}


def test_a_browsers_recording_is_read_as_far_as_it_goes() -> None:
    socket = foreign_entry()
    socket["request"]["url"] = "wss://llm.example/live"
    recording = from_har(foreign(socket, foreign_entry(), foreign_entry(status=0)))
    first, failed = recording.exchanges
    assert (first.number, first.status, first.sent.route, first.sent.keyed) == (1, 401, "/chat/completions", True)
    assert first.json == {"error": "[redacted]"} and first.sent.json == {"model": "m"}
    assert (first.times.headers, first.times.end) == (None, 12.5)
    assert failed.got is None and failed.end != "complete"
    facts = recording.facts
    assert (facts.base_url, facts.model_requested, facts.key_given) == ("https://llm.example/api/v1", "m", True)
    assert facts.resolves is None and facts.key_length is None
    assert SECRET not in repr(recording) and "cookie-value" not in repr(recording)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"log": {}}',
        b'{"log": {"entries": [{}]}}',
        b'{"log": {"entries": [{"request": {"url": "http://a"}}]}}',
        b'{"log": {"entries": [1]}}',
        b'{"log": {"_cab": {"version": 99}, "entries": []}}',
        b'{"log": {"_cab": {"version": 1, "facts": {"nonsense": 1}}, "entries": []}}',
    ],
)
def test_what_is_no_recording_is_refused_with_a_next_step(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.har"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.exit_code == 2 and caught.value.next_step


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.har")


@pytest.mark.parametrize("damage", ["end", "pieces", "number"])
def test_a_recording_of_ours_that_was_damaged(damage: str) -> None:
    document = to_har(Recording(FACTS, (SIMPLE,)))
    own = document["log"]["entries"][0]["_cab"]
    if damage == "pieces":
        own["got"]["pieces"][0][1] += 1
    elif damage == "end":
        own["end"] = "well"
    else:
        del own["number"]
    with pytest.raises(UsageError, match="damaged"):
        from_har(document)


def test_an_empty_recording_is_a_recording() -> None:
    assert from_har(foreign()).exchanges == ()
