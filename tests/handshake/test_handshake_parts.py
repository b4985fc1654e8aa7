"""The small pure parts: wording and its recognition, endings, schemas, text, folding."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cab_check.handshake import wording
from cab_check.handshake.calls import schema_breach
from cab_check.handshake.failure import failure
from cab_check.handshake.fold import EXPLAINS, fold
from cab_check.handshake.judge import judge
from cab_check.handshake.plan import Plan
from cab_check.handshake.questions import SURVIVES, say
from cab_check.handshake.seen import Seen
from cab_check.handshake.text import is_noise, loops
from cab_check.handshake.wording import WantedCall, wanted
from cab_check.knowledge.vocabulary import codes, make
from cab_check.wire.exchange import Ask, End, Exchange, Facts, Got, Piece, Recording, Sent, Times

NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
VALUES = st.text(string.ascii_letters + string.digits + "-_./ ", max_size=30)


def said(text: str) -> list[dict[str, object]]:
    return [{"role": "user", "content": text}]


@given(tool=NAMES, name=NAMES, value=VALUES)
def test_a_call_is_recognised_as_it_was_phrased(tool: str, name: str, value: str) -> None:
    assert wanted(said(wording.call(tool, **{name: value}))).calls == (WantedCall(tool, {name: value}),)


@given(text=st.text(min_size=1).filter(lambda text: "```" not in text and "\r" not in text))
def test_difficult_text_is_recognised_to_the_letter(text: str) -> None:
    (call,) = wanted(said(wording.write("write_file", "a.txt", text))).calls
    assert call.arguments == {"path": "a.txt", "content": text}


@given(text=st.text())
def test_other_messages_ask_for_nothing_we_know(text: str) -> None:
    """Whatever a user says, reading it never fails; a word is wanted only in our own phrase."""
    found = wanted(said(text))
    assert found.word is None or text.startswith("Reply with exactly: ")


def test_two_calls_and_none_and_a_result() -> None:
    two = wording.call("read_file", path="a") + " " + wording.call("read_file", path="b") + " " + wording.BOTH_AT_ONCE
    assert [call.arguments["path"] for call in wanted(said(two)).calls] == ["a", "b"]
    assert wanted(said(wording.call("list_files"))).calls == (WantedCall("list_files"),)
    assert wanted([{"role": "tool", "content": "amber-4821"}]).result_word == "amber-4821"
    assert wanted(said(wording.say("amber-4821"))).word == "amber-4821"


def test_the_difficult_text_has_what_gets_damaged() -> None:
    assert all(
        mark in SURVIVES for mark in ('"', "'", "\n", "\t", "\\n", "\\t", "<div", "&", "%", "é", "日", "😀", "\\u00e9")
    )


def ended(end: End, detail: str = "", **facts: object) -> tuple[Seen, Exchange]:
    sent = Sent("GET", "https://llm.example/v1/models", (), b"", "/models", keyed=True)
    exchange = Exchange(1, sent, None, end, detail, "2026-11-23T00:00:00Z", Times(end=5.0))
    base = Facts(base_url="https://llm.example/v1", given="llm.example", **facts)  # type: ignore[arg-type]
    return Seen(Recording(base, (exchange,))), exchange


@pytest.mark.parametrize(
    ("end", "detail", "key"),
    [
        ("dns", "no such host", "dns-failure"),
        ("refused", "", "endpoint-unreachable:refused"),
        ("unroutable", "", "endpoint-unreachable:unroutable"),
        ("connect-timeout", "", "endpoint-unreachable:timeout"),
        ("reset", "", "endpoint-unreachable:reset"),
        ("headers-timeout", "", "reply-timeout:headers"),
        ("total-timeout", "", "reply-timeout:total"),
        ("tls", "certificate verify failed: self-signed certificate", "tls-untrusted:self-signed"),
        ("tls", "certificate verify failed: certificate has expired", "tls-untrusted:expired"),
        ("tls", "certificate verify failed: unable to get local issuer certificate", "tls-untrusted:unknown-ca"),
        ("tls", "Hostname mismatch, certificate is not valid for 'llm.example'", "tls-untrusted:wrong-host"),
        ("tls", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "tls-failure"),
        ("protocol", "illegal status line", "unrecognised"),
    ],
)
def test_every_end_has_its_finding(end: End, detail: str, key: str) -> None:
    seen, exchange = ended(end, detail)
    found = failure(exchange, seen)
    assert found is not None and found.key == key
    judged = judge(seen.recording, Plan("m", "s"))
    assert (judged.findings[0].key, judged.verdict, judged.exit_code) == (key, "unchecked", 4)
    assert [check.status for check in judged.checks].count("not_run") == len(judged.checks) - 2


def test_our_own_interruption_is_nobodys_fault() -> None:
    seen, exchange = ended("interrupted")
    assert failure(exchange, seen) is None


def test_a_key_that_cannot_be_sent_is_malformed() -> None:
    seen, exchange = ended("request-invalid", "illegal header value", key_shape={"line_end": True}, key_given=True)
    found = failure(exchange, seen)
    assert found is not None and found.code == "key-malformed"


@pytest.mark.parametrize(
    ("arguments", "breach"),
    [
        ({"path": "a"}, None),
        ({"path": 7}, "path"),
        ({}, "path"),
        ({"path": "a", "lines": True}, "lines"),
        ({"path": "a", "lines": 3, "more": [1]}, None),
    ],
)
def test_schemas(arguments: dict[str, object], breach: str | None) -> None:
    schema = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
        "required": ["path"],
    }
    assert schema_breach(arguments, schema) == breach


def test_noise_and_loops_are_told_from_text() -> None:
    assert is_noise("ab\ufffd\ufffdcd\ufffdef", "Reply") and is_noise("д漢אกअ가Ж plus", "Reply")
    assert not is_noise("Привет, 世界! Hello.", "Reply") and not is_noise("short\n\tcode();", "Reply")
    assert loops("Sure. " + "json." * 60) and loops("a b c " * 40)
    assert not loops("one two three four five six seven eight nine ten " * 2) and not loops("x" * 20)


def test_explanations_are_of_the_vocabulary_and_without_cycles() -> None:
    assert set(EXPLAINS) <= set(codes())
    assert set().union(*EXPLAINS.values()) <= set(codes())

    def reaches(start: str, goal: str, seen: frozenset[str] = frozenset()) -> bool:
        steps = EXPLAINS.get(start, frozenset()) - seen
        return goal in steps or any(reaches(step, goal, seen | {start, step}) for step in steps)

    assert not [code for code in EXPLAINS if reaches(code, code)]


def test_the_root_cause_comes_first_and_carries_its_consequences() -> None:
    found = fold([make("finish-reason-wrong"), make("tool-call-as-text", subject="hermes"), make("stream-differs")])
    assert [(finding.code, finding.follows_from) for finding in found] == [
        ("stream-differs", None),
        ("tool-call-as-text", "stream-differs"),
        ("finish-reason-wrong", "stream-differs"),
    ]


def test_the_same_finding_of_two_checks_is_one_with_both_counts() -> None:
    one, two = (
        make("tool-call-as-text", subject="hermes", seen=(1, 1)),
        make("tool-call-as-text", subject="hermes", seen=(2, 3)),
    )
    assert [finding.seen for finding in fold([one, two])] == [(3, 4)]


def test_asks_are_the_same_bytes_every_time() -> None:
    from cab_check.handshake import questions

    seen = Seen(Recording(Facts(base_url="http://127.0.0.1/v1", given="x")))
    first, second = (questions.read(Plan("m", "s"), seen) for _ in range(2))
    assert isinstance(first, Ask) and first.payload() == second.payload()


def test_a_job_that_is_broken_off_in_its_first_chat_has_learned_nothing_of_it() -> None:
    """Not that the key was let in, nor that the model answers, nor that the chat failed."""
    seen, first = ended("interrupted")
    body = b'{"object": "list", "data": [{"id": "m", "object": "model"}]}'
    got = Got(200, "OK", "HTTP/1.1", (("Content-Type", "application/json"),), (Piece(0.0, body),))
    listed = replace(first, got=got, body=body, end="complete")
    ask = say(Plan("m", "s"), seen)
    sent = Sent("POST", "https://llm.example/v1/chat/completions", (), ask.payload(), ask.route, keyed=True)
    broken_off = replace(first, number=2, sent=sent)
    judged = judge(Recording(seen.facts, (listed, broken_off)), Plan("m", "s"), stopped_by="interrupt")
    told = {check.id: check.status for check in judged.checks}
    assert {told[name] for name in ("service", "key", "model", "chat")} == {"skipped"}
    assert judged.verdict == "unchecked"
