"""What the vocabulary has no word for ends as `unrecognised`, or as what the bytes prove, with the evidence shown."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from faulty_endpoint import Fault, always, error, handshake_with, has_result, has_tools, on_chat, raw

from cab_check.chat.errors import read_error
from cab_check.demo.http import HttpReply
from cab_check.knowledge.error_rules import classify_error

TRACE = (
    b"Traceback (most recent call last):\n"
    b'  File "/srv/app/handlers/chat.py", line 212, in handle\n    out = await pipe.run(req)\n'
    b"ZeroDivisionError: float division by zero\n"
)
UNNAMED = "unrecognised"


@dataclass(frozen=True)
class Case:
    """A failure nobody has described. `codes`: what may honestly be said of it; `shows`: words of the evidence."""

    fault: Fault
    codes: frozenset[str]
    shows: str
    exit_codes: frozenset[int] = frozenset({3, 4})


def case(fault: Fault, shows: str, *codes: str) -> Case:
    return Case(fault, frozenset(codes or (UNNAMED,)), shows)


def of_tools(answer: HttpReply) -> Fault:
    return on_chat(answer, has_tools)


def of_streams(answer: HttpReply) -> Fault:
    return on_chat(answer, lambda body: bool(body.get("stream")))


def of_results(answer: HttpReply) -> Fault:
    return on_chat(answer, has_result)


TEAPOT = raw(418, b'{"pot":"short and stout","spout":1}')
GERMAN = error(400, "Die Anfrage verletzt die Richtlinie 7b: Wert liegt au\u00dferhalb des Kontingents.")
CHINESE = error(400, "\u8bf7\u6c42\u7684\u65b9\u8a00\u4e0d\u88ab\u63a5\u53d7\uff1a\u6708\u4eae\u672a\u5347\u8d77")
CASES = {
    "a teapot": case(on_chat(TEAPOT), "short and stout"),
    "a teapot for everything": case(always(TEAPOT), "short and stout"),
    "validation in German": case(on_chat(GERMAN), "Richtlinie 7b"),
    "validation in Chinese": case(on_chat(CHINESE), "\u6708\u4eae"),
    "a refusal in one word": case(on_chat(error(400, "Nope")), "Nope"),
    "a refusal without a word": case(on_chat(raw(400, b"")), "HTTP 400"),
    "a refusal in numbers": case(on_chat(raw(400, b'{"code":83011,"data":null}')), "83011"),
    "a gone route": case(on_chat(error(410, "The moon has set on this one.")), "moon has set"),
    "a conflict": case(on_chat(error(409, "Another astronaut holds the lock.")), "astronaut"),
    "a precondition": case(on_chat(error(412, "flux capacitor not charged")), "flux capacitor"),
    "unprocessable": case(on_chat(error(422, "The frobnicator rejected widget 9.")), "frobnicator"),
    "too early": case(on_chat(raw(425, b"Too Early", "text/plain")), "Too Early"),
    "legal reasons": case(on_chat(error(451, "Withheld in your region by order 66.")), "order 66", UNNAMED,
        "region-blocked", "key-lacks-permission"),
    "a status nobody has": case(on_chat(raw(499, b"client closed?", "text/plain")), "client closed"),
    "another status nobody has": case(on_chat(raw(799, b'{"why":"because"}')), "because"),
    "an unknown 5xx": case(on_chat(raw(598, b"", "text/plain")), "HTTP 598"),
    "not extended": case(on_chat(error(510, "extension of the third kind missing")), "third kind"),
    "a stack trace without a page": case(on_chat(raw(500, TRACE, "text/plain")), "ZeroDivisionError", UNNAMED,
        "server-crashed"),
    "another API's JSON": case(on_chat(HttpReply(200, {"weather": {"temp": 21, "sky": "clear"}})), "weather",
        "response-shape", UNNAMED),
    "a list under 200": case(on_chat(HttpReply(200, [1, 2, 3])), "1", "response-shape", UNNAMED),
    "a number under 200": case(on_chat(raw(200, b"42")), "42", "response-shape", UNNAMED),
    "text under 200": case(on_chat(raw(200, b"It works!", "text/plain")), "It works", "response-not-json", UNNAMED),
    "XML under 200": case(on_chat(raw(200, b"<?xml version='1.0'?><ok/>", "application/xml")), "<ok/>",
        "response-not-json", UNNAMED),
    "an empty object under 200": case(on_chat(HttpReply(200, {})), "{}", "response-shape", "empty-reply", UNNAMED),
    "nothing under 200": case(on_chat(raw(200, b"")), "", "response-not-json", "empty-reply", UNNAMED),
    "no content": case(on_chat(HttpReply(204)), "", "response-not-json", "empty-reply", UNNAMED),
    "choices of another kind": case(on_chat(HttpReply(200, {"choices": ["hello"]})), "hello", "response-shape"),
    "bytes under 200": case(on_chat(raw(200, bytes(range(128, 256)), "application/octet-stream")), "",
        "response-not-json", UNNAMED),
    "a job to be waited for": case(on_chat(HttpReply(202, {"job": "j-1", "state": "queued"})), "queued",
        "response-shape", UNNAMED),
    "tools: a refusal in German": case(of_tools(GERMAN), "Richtlinie 7b", UNNAMED, "tools-rejected"),
    "tools: a teapot": case(of_tools(TEAPOT), "short and stout", UNNAMED, "tools-rejected"),
    "tools: another API's JSON": case(of_tools(HttpReply(200, {"weather": 1})), "weather", "response-shape"),
    "streams: a refusal in Chinese": case(of_streams(CHINESE), "\u6708\u4eae", UNNAMED, "stream-rejected"),
    "streams: a teapot": case(of_streams(TEAPOT), "short and stout", UNNAMED, "stream-rejected"),
    "results: a refusal in German": case(of_results(GERMAN), "Richtlinie 7b", UNNAMED, "tool-result-rejected"),
    "results: a teapot": case(of_results(TEAPOT), "short and stout", UNNAMED, "tool-result-rejected"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_a_failure_without_a_name_gets_no_confident_one(name: str) -> None:
    wanted = CASES[name]
    judged = handshake_with(wanted.fault)
    roots = [finding for finding in judged.findings if finding.follows_from is None and finding.severity != "info"]
    assert roots, "the failure was passed over"
    assert {finding.code for finding in roots} <= wanted.codes
    assert judged.exit_code in wanted.exit_codes
    assert any(wanted.shows in item.excerpt for finding in roots for item in finding.evidence), roots
    for finding in roots:
        assert finding.confidence != "high" or finding.code in {"response-shape", "response-not-json", "empty-reply"}
    assert not [check for check in judged.checks if check.status == "crashed"]


TEMPTING = (
    (500, "temperature sensor of rack 7 is offline"),
    (400, "The tool shed is closed until Monday"),
    (400, "role of admin is required to use this workspace"),
    (500, "The stream of upstream events dried up"),
    (400, "no credit was given to the author"),
    (400, "The context of this request was lost on the way"),
    (400, "model rockets are not supported on this pad"),
    (400, "image registry is not reachable"),
    (400, "The schema version of the audit log must be 4"),
    (400, "session token bucket not initialised"),
    (404, "document not found in index"),
    (400, "Maximum length of the boat exceeded"),
    (400, "Unsupported value: 'blue' for the colour"),
    (422, "field required: moon_phase"),
    (400, "messages queue is full"),
    (400, "developer portal is closed"),
    (400, "tool calls must be made by telephone"),
    (400, "parallel universes are disabled"),
    (400, "reasoning behind the request is unclear"),
)
"""Refusals that use the field's words for something else."""


@pytest.mark.parametrize(("status", "words"), TEMPTING, ids=[words for _, words in TEMPTING])
def test_words_of_the_field_in_another_sense_name_nothing(status: int, words: str) -> None:
    refusal = read_error(status, json.dumps({"error": {"message": words}}).encode())
    assert refusal is not None
    assert classify_error(refusal, status, ()) is None


def test_nothing_is_guessed_about_the_unnamed() -> None:
    found = handshake_with(CASES["validation in German"].fault).findings[0]
    assert found.code == UNNAMED
    assert "Richtlinie" not in (found.fix or "")
