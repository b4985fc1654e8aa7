"""A HAR gives the findings of the run: our own to the byte, another program's as far as it was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from handshake_faults import EXPECTED
from har_dialects import DIALECTS, Document, chrome, without_bodies
from har_same import LACKING, live_recording, told

from cab_check.demo.faults.table import FAULTS
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import plan_of
from cab_check.handshake.result import Handshake
from cab_check.wire import har

SAMPLE = tuple(name for name in FAULTS if EXPECTED[name] is not None)[::8]
"""Every eighth fault that shows; `python tests/live/hars.py` takes all of them, and a real proxy's recording."""


def diagnosed(document: Document) -> Handshake:
    """The judgement of a HAR document, through JSON as from a file."""
    recording = har.from_har(json.loads(json.dumps(document)))
    return judge(recording, plan_of(recording))


@pytest.mark.parametrize("name", SAMPLE)
def test_a_saved_run_gives_the_same_findings_to_the_byte(name: str, tmp_path: Path) -> None:
    recording, plan = live_recording(name)
    har.save(recording, tmp_path / "run.har")
    loaded = har.load(tmp_path / "run.har")
    live, again = judge(recording, plan), judge(loaded, plan_of(loaded))
    assert again.findings == live.findings and again.findings
    assert (again.verdict, again.headline, again.exit_code) == (live.verdict, live.headline, live.exit_code)


@pytest.mark.parametrize("name", [name for name in SAMPLE if name not in LACKING])
def test_other_programs_hars_give_the_same_findings(name: str) -> None:
    recording, plan = live_recording(name)
    live = told(judge(recording, plan))
    assert live
    for dialect, write in DIALECTS.items():
        assert told(diagnosed(write(recording))) == live, dialect


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_sound_endpoint_has_no_finding_in_any_dialect(dialect: str) -> None:
    recording, _ = live_recording(None)
    judged = diagnosed(DIALECTS[dialect](recording))
    assert (judged.verdict, judged.findings) == ("works", ())
    status = {check.id: (check.status, check.reason) for check in judged.checks}
    assert status["address"][0] == status["piecewise"][0] == "skipped"
    assert "recording" in status["address"][1] and "recording" in status["piecewise"][1]
    assert status["chat"][0] == status["tool-call-stream"][0] == status["context"][0] == "pass"


def test_what_the_recording_lacks_is_skipped_with_the_reason_and_never_passed() -> None:
    recording, _ = live_recording(None)
    judged = diagnosed(without_bodies(chrome(recording)))
    assert judged.findings == ()
    assert judged.verdict == "unchecked"
    passed = [check.id for check in judged.checks if check.status == "pass"]
    assert passed == ["reach"]  # a status line came
    skipped = [check for check in judged.checks if check.status == "skipped"]
    assert all("not in the recording" in check.reason for check in skipped)
    assert "yes" not in judged.capabilities.values()


def test_a_reply_that_is_missing_without_a_word_is_nobodys_fault() -> None:
    recording, _ = live_recording("endpoint-unreachable")
    silent = DIALECTS["firefox"](recording)
    assert diagnosed(silent).findings == ()
    said = diagnosed(chrome(recording)).findings
    assert [finding.key for finding in said] == ["endpoint-unreachable:reset"]


def test_arrival_times_are_not_made_up() -> None:
    """A long stream that came all at once, as far as its HAR tells, is not said to have been buffered."""
    recording, _ = live_recording(None)
    long = [replace(exchange, times=replace(exchange.times, end=60_000.0)) for exchange in recording.exchanges]
    judged = diagnosed(chrome(replace(recording, exchanges=tuple(long))))
    assert judged.findings == ()


def test_a_redirect_is_linked_to_the_request_that_followed_it() -> None:
    recording, _ = live_recording(None)
    document = chrome(recording)
    first = next(entry for entry in document["log"]["entries"] if entry["request"]["method"] == "POST")
    moved: dict[str, Any] = json.loads(json.dumps(first))
    moved["request"]["url"] += "/old"
    where = [{"name": "location", "value": first["request"]["url"]}]
    moved["response"] |= {"status": 307, "headers": where, "content": {"size": 0, "text": "", "mimeType": ""}}
    document["log"]["entries"].insert(0, moved)
    assert diagnosed(document).findings == ()


@pytest.mark.parametrize(
    ("words", "code"),
    [("You didn't provide an API key.", "key-missing"), ("Incorrect API key provided: sk-***.", "key-rejected")],
)
def test_an_export_without_credentials_does_not_say_that_none_were_sent(words: str, code: str) -> None:
    recording, _ = live_recording("key-rejected")
    document = DIALECTS["chrome, sanitised"](recording)
    for entry in document["log"]["entries"]:
        text = json.dumps({"error": {"message": words, "code": "invalid_api_key"}})
        entry["response"]["content"] |= {"text": text, "size": len(text)}
    assert [finding.code for finding in diagnosed(document).findings] == [code]
