"""HARs of other programs: what each leaves out or writes otherwise is read, and nothing is made up."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from cab_check.wire.exchange import Exchange, Recording
from cab_check.wire.har import from_har, to_har

URL = "https://llm.example/gateway/v3/deployments/m/v1/chat/completions"
REPLY = '{"choices":[]}'


def entry(*, at: int = 0, url: str = URL, status: Any = 200, content: Any = None, **more: Any) -> dict[str, Any]:
    """The least that a script writes."""
    return {
        "startedDateTime": f"2026-01-02T03:04:0{at}Z",
        "request": {"method": "POST", "url": url, "headers": [], "postData": {"text": '{"model":"m"}'}},
        "response": {"status": status, "headers": [], "content": {"text": REPLY} if content is None else content},
        **more,
    }


def read(*entries: dict[str, Any], creator: str = "some") -> Recording:
    return from_har({"log": {"creator": {"name": creator}, "entries": list(entries)}})


def only(*entries: dict[str, Any], **more: Any) -> Exchange:
    (exchange,) = read(*entries, **more).exchanges
    return exchange


def test_a_bare_entry_is_a_whole_exchange() -> None:
    exchange = only(entry())
    assert (exchange.end, exchange.status, exchange.body) == ("complete", 200, REPLY.encode())
    assert exchange.sent.json == {"model": "m"}
    assert exchange.got is not None and exchange.got.pieces == ()  # nobody knows when it came


def test_a_known_route_ends_any_base_path() -> None:
    recording = read(entry())
    assert recording.exchanges[0].sent.route == "/chat/completions"
    assert recording.facts.base_url == URL.removesuffix("/chat/completions")
    assert recording.facts.given == ""


def test_entries_are_told_in_the_order_in_which_they_were_sent() -> None:
    urls = [f"https://llm.example/v1/{name}" for name in ("models", "a", "b")]
    recording = read(entry(at=3, url=urls[2]), entry(at=1, url=urls[0]), entry(at=2, url=urls[1]))
    assert [exchange.sent.url for exchange in recording.exchanges] == urls
    assert [exchange.number for exchange in recording.exchanges] == [1, 2, 3]


def test_pseudo_headers_are_no_headers() -> None:
    some = entry()
    some["request"]["headers"] = [{"name": ":authority", "value": "llm.example"}, {"name": "accept", "value": "*/*"}]
    assert only(some).sent.headers == (("accept", "*/*"),)


@pytest.mark.parametrize(
    "content",
    [
        {"text": base64.b64encode(REPLY.encode()).decode(), "encoding": "base64"},
        {"text": base64.encodebytes(REPLY.encode()).decode(), "encoding": "BASE64"},
        {"text": REPLY, "size": len(REPLY), "compression": 0},
        {"text": REPLY, "size": 3},  # the size on the wire
        {"text": REPLY, "size": -1},
        {"text": base64.b64encode(gzip.compress(REPLY.encode())).decode(), "encoding": "base64"},
    ],
)
def test_a_body_is_read_however_it_is_written(content: dict[str, Any]) -> None:
    some = entry(content=content)
    some["response"]["headers"] = [{"name": "content-encoding", "value": "gzip"}]
    exchange = only(some)
    assert (exchange.end, exchange.body, exchange.decode_error) == ("complete", REPLY.encode(), None)


@pytest.mark.parametrize("content", [{"size": 14}, {"size": 100_000, "text": REPLY}, {"size": 14, "comment": "gone"}])
def test_a_body_that_was_not_kept_is_unrecorded(content: dict[str, Any]) -> None:
    exchange = only(entry(content=content))
    assert (exchange.end, exchange.status, exchange.body) == ("unrecorded", 200, b"")


def test_a_body_of_which_the_head_tells_is_unrecorded_and_an_empty_one_is_empty() -> None:
    some = entry(content={"size": 0})
    some["response"]["headers"] = [{"name": "Content-Length", "value": "14"}]
    assert only(some).end == "unrecorded"
    assert only(entry(content={"size": 0})).end == "complete"


@pytest.mark.parametrize(
    ("error", "end"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", "dns"),
        ("net::ERR_CONNECTION_REFUSED", "refused"),
        ("net::ERR_CERT_AUTHORITY_INVALID", "tls"),
        ("net::ERR_EMPTY_RESPONSE", "reset"),
        ("net::ERR_ABORTED", "interrupted"),
        ("net::ERR_FAILED", "unrecorded"),
        (None, "unrecorded"),
    ],
)
def test_why_there_is_no_reply_is_known_only_where_the_recorder_says_it(error: str | None, end: str) -> None:
    exchange = only(entry(status=0, content={"size": 0}, **({"_error": error} if error else {})))
    assert (exchange.got, exchange.end) == (None, end)


def test_a_reply_that_broke_off_or_was_given_up() -> None:
    assert only(entry(_error="net::ERR_INCOMPLETE_CHUNKED_ENCODING")).end == "cut"
    assert only(entry(_charlesStatus="ABORTED")).end == "interrupted"
    assert only(entry(_charlesStatus="COMPLETE")).end == "complete"


def test_the_time_of_an_entry_without_a_total() -> None:
    timings = {"blocked": -1, "send": 1, "wait": 20.5, "receive": 3}
    assert only(entry(time=-1, timings=timings)).times.end == 24.5
    assert only(entry(time=7)).times.end == 7.0
    assert only(entry()).times.end == 0.0


@pytest.mark.parametrize(
    ("creator", "status", "words", "keyed"),
    [
        ("WebInspector", 200, REPLY, True),
        ("WebInspector", 401, "Incorrect API key provided", True),
        ("WebInspector", 401, "No API key was given", False),
        ("Firefox", 401, "Incorrect API key provided", False),
    ],
)
def test_a_browser_that_leaves_credentials_out_does_not_say_that_there_were_none(
    creator: str, status: int, words: str, keyed: bool
) -> None:
    assert only(entry(status=status, content={"text": words}), creator=creator).sent.keyed is keyed


def test_a_redirect_and_what_followed_it() -> None:
    moved = entry(at=1, url=f"{URL}/", status=307, content={"size": 0})
    moved["response"]["headers"] = [{"name": "Location", "value": URL}]
    first, second = read(moved, entry(at=2)).exchanges
    assert (first.follows_redirect, second.follows_redirect) == (None, 1)


def test_another_programs_recording_can_be_kept_as_one_of_ours() -> None:
    recording = read(entry(), entry(at=2, status=0, content={"size": 0}))
    assert from_har(to_har(recording)) == recording
