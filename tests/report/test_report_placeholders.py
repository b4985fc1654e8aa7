"""Nothing that tells who and where somebody is survives, and nothing that a bug report needs is lost."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from share_cases import HOST, exchange, finding, run

from cab_check.knowledge.finding import Evidence
from cab_check.record.shape import schema
from cab_check.report.placeholders import Placeholders
from cab_check.report.veiled import shareable
from cab_check.wire.exchange import Got, Recording
from cab_check.wire.har import to_har

# --- single texts: what is replaced -----------------------------------------------------------------------------------

PRIVATE = {
    "url": ("see https://llm.corp.example:8443/v1", "see https://HOST-1:8443/v1"),
    "url with a login": ("https://joe:pw@gpu-box:9000/", "https://SECRET-1@HOST-1:9000/"),
    "escaped url": (r"{\"u\":\"https:\/\/gpu-box\/v1\"}", r"{\"u\":\"https:\/\/HOST-1\/v1\"}"),
    "encoded url": ("next=https%3A%2F%2Fgpu-box%2Fv1", "next=https%3A%2F%2FHOST-1%2Fv1"),
    "bare name": ("dial tcp: lookup gpu-7.internal: no such host", "dial tcp: lookup HOST-1: no such host"),
    "name and port": ("upstream llm.firma.de:8000 refused", "upstream HOST-1:8000 refused"),
    "ipv4": ("connect to 10.20.30.40:8000.", "connect to ADDRESS-1:8000."),
    "ipv6": ("connect to [2001:db8::7]:8000", "connect to [ADDRESS-1]:8000"),
    "ipv6 before a colon": ("fe80::1ff:fe23:4567:890a: refused", "ADDRESS-1: refused"),
    "e-mail": ("ask jane.doe@corp.example for access", "ask EMAIL-1 for access"),
    "escaped e-mail": (r'"jane\u0040corp.example"', '"EMAIL-1"'),
    "home": ("no such file: /home/jane/models/m.gguf", "no such file: PATH-1/models/m.gguf"),
    "mac home": ("/Users/jane/x", "PATH-1/x"),
    "windows home": (r"C:\\Users\\jane\\x", r"PATH-1\\x"),
    "organisation": ("in organization org-AbC123dEf456 on", "in organization ACCOUNT-1 on"),
    "user field": ('{"user_id": "u_81", "n": 1}', '{"user_id": "ACCOUNT-1", "n": 1}'),
    "user field as text": (r"{\"user_id\":\"jane\"}", r"{\"user_id\":\"ACCOUNT-1\"}"),
    "request id": ('{"request_id":"req_011CSHoEeqs5"}', '{"request_id":"REQUEST-1"}'),
    "request id in words": (
        "quote 0b2f9a34-7c1d-4e7e-9a53-0d6c3c6e2f10 to us",
        "quote REQUEST-1 to us",
    ),
    "a line end before it": (
        r"a\nhttps://gpu-box/\njane@corp.example\tsk-proj-abc123def",
        r"a\nhttps://HOST-1/\nEMAIL-1\tSECRET-1",
    ),
    "a token": ("Bearer abcdef0123456789abcdef", "Bearer SECRET-1"),
    "a key": ("Incorrect API key provided: sk-proj-abc123def456", "Incorrect API key provided: SECRET-1"),
}

# --- and what is not --------------------------------------------------------------------------------------------------

KEPT = (
    "http://127.0.0.1:8000/v1 and http://localhost:11434 and [::1]:8000 and 0.0.0.0",
    '{"id":"chatcmpl-8f14e45fceea167a5a36","object":"chat.completion.chunk","created":1795418625}',
    '{"role":"user","content":"Call the read_file tool with path \\"zinc-4726.md\\"."}',
    '{"id":"call_5f13e963ea323d5264e646a6","type":"function","function":{"name":"read_file","arguments":"{}"}}',
    "vLLM 0.32.0, openai 3.54.0, Linux-6.1.0-x86_64, Python 3.11.7, app/settings.py, foo.test.ts, reply.choices[0]",
    "2026-06-16T02:03:44.259229Z 12:34:56 std::vector ::error a:b:c data: [DONE]",
    '{"type":"object","properties":{"user_id":{"type":"string"}},"required":["user_id"]}',
    "vllm serve ... --enable-auto-tool-choice --tool-call-parser qwen3_xml; OLLAMA_CONTEXT_LENGTH=32768",
    "user-agent org_chart project-name request_timeout key-rejected task-finished Bearer [redacted]",
    '{"id":"modelperm-1","organization":"*","group":null}',
    "npm install left-pad@1.3.0; @decorator; 50 % @ 3",
    r'{"text":"line\nnext\ttab \u00e9 \u0022quoted\u0022 \u2028"}',
)


@pytest.mark.parametrize("given_text, shown", PRIVATE.values(), ids=list(PRIVATE))
def test_what_is_private_is_replaced(given_text: str, shown: str) -> None:
    assert Placeholders().text(given_text) == shown


@pytest.mark.parametrize("text", KEPT)
def test_what_a_report_needs_stays(text: str) -> None:
    names = Placeholders()
    assert names.text(text) == text
    assert names.replaced() == {}


def test_full_leaves_everything_in_but_secrets() -> None:
    names = Placeholders(full=True)
    text = "jane@corp.example at https://llm.corp.example/ with sk-proj-abc123def456"
    assert names.text(text) == text.replace("sk-proj-abc123def456", "SECRET-1")


def test_a_placeholder_in_the_text_is_not_taken_for_another() -> None:
    names = Placeholders()
    assert names.text("https://HOST-2/ https://a.example/ https://b.example/ \U000f0000") == (
        "https://HOST-1/ https://HOST-2/ https://HOST-3/ \ufffd"
    )


label = st.from_regex(r"[a-z][a-z0-9]{2,8}-[a-z0-9]{2,8}", fullmatch=True)
hosts = st.builds(lambda a, b: f"{a}.{b}.example", label, label)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda address: not (address.is_loopback or address.is_unspecified)
)
homes = st.builds("/home/{}".format, label)
mails = st.builds(lambda name, host: f"{name}@{host}", label, hosts)
around = st.sampled_from([" ", "\n", '"', "'", "(", ")", "<", ">", ", ", "; ", "=", " | ", "`", "…"])
words = st.text(st.characters(codec="utf-8", exclude_characters="-.:/@%\\"), max_size=12)


@given(
    host=hosts, address=addresses, home=homes, mail=mails, between=st.lists(around, min_size=9, max_size=9), noise=words
)
def test_no_host_address_home_or_e_mail_survives(
    host: str, address: Any, home: str, mail: str, between: list[str], noise: str
) -> None:
    literal = f"[{address}]" if address.version == 6 else str(address)
    private = (f"https://{host}:8443/v1", host, f"http://{literal}:8000/", str(address), f"{home}/x", mail)
    said = noise + " " + "".join(f"{value}{gap}" for value, gap in zip(private, between, strict=False)) + " " + noise
    shown = Placeholders().text(json.dumps({"error": said}, ensure_ascii=False))
    for value in (host, str(address), home, mail):
        assert value not in shown
    assert ":8443/v1" in shown and ":8000/" in shown
    json.loads(shown)


# --- whole runs -------------------------------------------------------------------------------------------------------

EVERYWHERE = (
    HOST, "gpu-7", "10.20.30.40", "jane", "org-AbC123dEf456", "u-55123-x", "blue-stage-9", "cdg50-c2", "Corp Inc",
    "8c1a2b3c4d5e6f70-FRA", "sid=abcdef", "sk-proj-abc123def456",
)  # fmt: skip


def private_run() -> tuple[Any, Recording]:
    error = {
        "error": {
            "message": f"{HOST}: upstream gpu-7 (10.20.30.40) failed for jane in org-AbC123dEf456",
            "user_id": "u-55123-x",
            "path": "/home/jane/srv",
        }
    }
    first = exchange(
        1,
        sent_headers=(("X-Stage", "blue-stage-9"),),
        headers=(
            ("Content-Type", "application/json"),
            ("CF-RAY", "8c1a2b3c4d5e6f70-FRA"),
            ("Set-Cookie", "sid=abcdef"),
            ("openai-organization", "org-AbC123dEf456"),
            ("x-served-by", "gpu-7"),
            ("x-amz-cf-pop-id", "cdg50-c2"),
            ("X-Forwarded-For", "10.20.30.40"),
            ("x-user-email", "jane@corp.example"),
        ),
    )
    second = exchange(
        2, json.dumps(error).encode(), status=500, asked={"model": "/home/jane/m.gguf", "user": "u-55123-x"}
    )
    told = finding(
        evidence=(Evidence(2, "reply.error", f"{HOST} says: blue-stage-9 may not; sk-proj-abc123def456"),),
        cause="gpu-7 at Corp Inc is down, says jane@corp.example",
    )
    document, recording = run(first, second, findings=(told,))
    document["model"] = {**document["model"], "requested": "/home/jane/m.gguf"}
    return document, recording


def test_nothing_private_of_a_whole_run_survives_in_any_part_of_it() -> None:
    document, recording = private_run()
    recording = replace(
        recording, exchanges=(replace(recording.exchanges[0], peer="10.20.30.40:8443"), *recording.exchanges[1:])
    )
    shown = shareable(document, recording)
    written = json.dumps([shown.record, to_har(shown.recording)], ensure_ascii=False)
    left = [value for value in EVERYWHERE if value in written]
    assert left == ["jane", "Corp Inc"]  # a bare word is nothing that could be recognised
    assert "jane@" not in written and "/home/jane" not in written
    jsonschema.validate(shown.record, schema())


def test_the_same_value_is_the_same_placeholder_in_record_headers_and_bodies() -> None:
    document, recording = private_run()
    shown = shareable(document, recording)
    host = shown.record["endpoint"]["base_url"].removeprefix("https://").removesuffix(":8443/v1")
    first, second = shown.recording.exchanges
    assert ("Host", host) in first.sent.headers and second.json["error"]["message"].startswith(f"{host}: upstream ")
    organisation = dict(first.got.headers)["openai-organization"] if first.got else ""
    assert second.json["error"]["message"].endswith(f" in {organisation}")
    assert second.sent.json["user"] == second.json["error"]["user_id"]
    team = dict(first.sent.headers)["X-Stage"]
    assert team == "VALUE-1" and team in shown.record["handshake"]["findings"][0]["evidence"][0]["excerpt"]


def test_what_was_replaced_is_counted_and_never_told() -> None:
    document, recording = private_run()
    shown = shareable(document, recording)
    assert set(shown.replaced) >= {
        "HOST",
        "ADDRESS",
        "EMAIL",
        "PATH",
        "ACCOUNT",
        "REQUEST",
        "COOKIE",
        "SECRET",
        "VALUE",
    }
    assert shown.replaced["COOKIE"] == (1, 1)
    assert not [value for value in EVERYWHERE if value in repr(shown.replaced)]


def test_the_same_run_is_shown_the_same_way_again() -> None:
    assert shareable(*private_run()) == shareable(*private_run())


def test_compressed_bytes_are_not_a_way_around() -> None:
    said = f'data: {{"where":"https://{HOST}/"}}\n\ndata: [DONE]\n\n'.encode()
    packed = gzip.compress(said)
    one = exchange(2, said, headers=(("Content-Encoding", "gzip"),), pieces=(packed[:20], packed[20:]))
    broken = replace(one, number=3, body=said[:9], decode_error="damaged")
    _, recording = run(exchange(1), one, broken)
    shown = shareable(run()[0], recording).recording
    har = json.dumps(to_har(shown))
    for data in (packed, packed[:20]):
        assert base64.b64encode(data).decode()[:24] not in har
    assert shown.exchanges[1].redacted and HOST not in har


def test_pieces_stay_pieces_and_add_up_to_the_body() -> None:
    pieces = (b'data: {"a":1}\n\ndata: {"at":"https://llm-', b'gw.corp.example/v1"}\n\n', b"data: [DONE]\n", b"\n")
    one = exchange(2, b"".join(pieces), pieces=pieces)
    _, recording = run(exchange(1), one)
    got = shareable(run()[0], recording).recording.exchanges[1]
    assert isinstance(got.got, Got)
    assert got.got.raw == got.body and [piece.at_ms for piece in got.got.pieces] == [3, 4, 5, 6]
    assert [piece.data for piece in got.got.pieces][2:] == [b"data: [DONE]\n", b"\n"]
    assert got.got.pieces[0].data.startswith(b'data: {"a":1}\n\n')


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    one = exchange(2, b'{"x":"\xff\xfe"} https://llm-gw.corp.example')
    _, recording = run(exchange(1), one)
    assert shareable(run()[0], recording).recording.exchanges[1].body == b'{"x":"\xff\xfe"} https://HOST-1'


def test_a_header_that_was_added_is_replaced_and_ordinary_words_in_it_are_not_hunted() -> None:
    added = (("X-Format", "application/json"), ("X-Upstream-Url", "http://127.0.0.1:9/v1"), ("X-Provider", "openai"))
    one = exchange(2, b'{"see":"http://127.0.0.1:9/v1 application/json openai"}', sent_headers=added)
    allowed = (("Access-Control-Allow-Credentials", "true"), ("Content-Type", "application/json"))
    _, recording = run(exchange(1, headers=allowed), one)
    first, second = shareable(run()[0], recording).recording.exchanges
    assert second.body == one.body and first.got is not None and first.got.headers == allowed
    assert dict(second.sent.headers)["X-Format"] == "VALUE-1" and dict(second.sent.headers)["X-Provider"] == "openai"


def test_a_sound_local_run_is_not_touched() -> None:
    document, recording = run(exchange(1, url="http://127.0.0.1:8000/v1/chat/completions"))
    local = "http://127.0.0.1:8000/v1"
    document["endpoint"] = {**document["endpoint"], "base_url": local, "given": local}
    headers = (("Host", "127.0.0.1:8000"), *recording.exchanges[0].sent.headers[1:])
    only = replace(recording.exchanges[0], sent=replace(recording.exchanges[0].sent, headers=headers))
    before = Recording(replace(recording.facts, base_url=local, given=local), (only,))
    document["handshake"]["findings"][0]["sources"] = []
    shown = shareable(document, before)
    assert (shown.record, shown.recording, shown.replaced) == (document, before, {})
