"""What an error reply means: by its words first, then by its status; and words that only look alike mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from captures.load import SERVERS, capture, captures

from cab_check.chat.errors import read_error
from cab_check.knowledge.error_rules import classify_error, error_rules, worded_rules


def in_bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def classify(status: int, body: object, headers: tuple[tuple[str, str], ...] = (), keyed: bool = True) -> str | None:
    error = read_error(status, in_bytes(body))
    found = classify_error(error, status, headers, keyed=keyed) if error else None
    return ":".join(filter(None, found)) if found else None


def openai(message: str, **fields: object) -> dict:
    return {"error": {"message": message, **fields}}


# One line per reply: status, body (text as it is, anything else becomes JSON), and what it means. Those that mean
# nothing (null) are neighbours, which a rule must not take.
REPLIES = [json.loads(line) for line in (Path(__file__).parent / "replies.jsonl").read_text("utf-8").splitlines()]

FAILURES = [json.loads(line) for line in (Path(__file__).parent / "failures.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("status", "body", "meaning"), REPLIES, ids=range(len(REPLIES)))
def test_what_a_reply_means(status, body, meaning):
    assert classify(status, body) == meaning


def test_without_a_key_a_refused_key_is_a_missing_one():
    assert classify(401, {"error": "Unauthorized"}, keyed=False) == "key-missing"
    assert classify(401, openai("Invalid API Key"), keyed=False) == "key-missing"
    assert classify(404, openai("The model `x` does not exist."), keyed=False) == "model-not-found"


def test_a_page_of_a_firewall_is_told_by_who_served_it():
    page = b"<html><title>Sorry</title></html>"
    assert classify(403, page, (("Server", "cloudflare"),)) == "client-refused-by-firewall"
    assert classify(403, page) == "web-page-instead-of-api"


APIM = 'AzureApiManagementKey realm="https://x.example/openai",name="{}",type="{}"'
NO_KEY = {"message": "No API key found in request"}
UNSUBSCRIBED = {"statusCode": 401, "message": "Access denied due to missing subscription key."}
WITH_HEADERS = [
    (401, UNSUBSCRIBED, (("WWW-Authenticate", APIM.format("x-team-key", "header")),), "key-wrong-header:x-team-key"),
    (
        401,
        UNSUBSCRIBED,
        (("WWW-Authenticate", APIM.format("key", "query")),),
        "key-wrong-header:Ocp-Apim-Subscription-Key",
    ),
    (401, NO_KEY, (("WWW-Authenticate", 'Key realm="kong"'),), "key-wrong-header:apikey"),
    (401, NO_KEY, (("WWW-Authenticate", "Bearer"),), "key-missing"),
    (401, {"message": "Unauthorized"}, (("WWW-Authenticate", 'Bearer realm="api"'),), "key-missing"),
    (404, "<html><title>offline</title></html>", (("ngrok-error-code", "ERR_NGROK_3200"),), "gateway-timeout"),
    (404, "<html><title>offline</title></html>", (("ngrok-error-code", "ERR_NGROK_6024"),), "web-page-instead-of-api"),
]


@pytest.mark.parametrize(("status", "body", "headers", "meaning"), WITH_HEADERS, ids=range(len(WITH_HEADERS)))
def test_a_header_says_what_the_words_leave_open(status, body, headers, meaning):
    assert classify(status, body, headers) == meaning


def test_a_page_or_an_empty_body_is_no_word_of_the_server():
    error = read_error(502, b"")
    assert classify_error(error, 502) == ("gateway-timeout", None)
    assert classify_error(error, 502, among=worded_rules()) is None


def test_the_cause_behind_a_gateway_comes_before_its_own_words():
    raw = json.dumps(openai("The model `x` does not exist."))
    assert classify(400, openai("Provider returned error", code=400, metadata={"raw": raw})) == "model-not-found"


CAPTURED = [
    ("vllm-no-tool-parser", "05", "tool-parser-disabled:--enable-auto-tool-choice --tool-call-parser"),
    ("vllm-no-tool-parser", "06", "tool-parser-disabled:--tool-call-parser"),
    ("llama-server-no-jinja", "05", "tool-parser-disabled:--jinja"),
    ("litellm-mock", "13", "model-not-found"),
    ("litellm-mock", "14", "key-rejected"),
    ("litellm-mock", "15", "key-missing"),
    ("litellm-mock", "37", "param-rejected:reasoning_effort"),
    ("litellm-to-llama-server", "20", "context-too-small:2048"),
    ("portkey-to-llama-server", "14", "key-rejected"),
    ("portkey-to-llama-server", "20", "context-too-small:2048"),
    ("portkey-no-headers", "02", None),
    ("llama-server", "14", "key-rejected"),
    ("llama-server", "15", "key-missing"),
    ("llama-server", "20", "context-too-small:2048"),
    ("llama-server", "24", None),
    ("llama-server", "25", "address-wrong-base-path"),
    ("llama-cpp-python", "06", None),
    ("llama-cpp-python", "11", "content-form-rejected:null"),
    ("llama-cpp-python", "17", "role-rejected:developer"),
    ("llama-cpp-python", "19", "structured-output-rejected:json_schema"),
    ("vllm", "13", "model-not-found"),
    ("vllm", "14", "key-rejected"),
    ("vllm", "15", "key-missing"),
    ("vllm", "36", "content-form-rejected:image"),
    ("vllm", "38", "param-rejected:temperature"),
    ("vllm", "39", "output-limit-refused:2048"),
    ("vllm", "41", "tools-rejected"),
    ("vllm", "42", "tool-choice-rejected:named"),
    ("vllm", "45", "param-rejected:stream_options"),
    ("vllm", "48", None),
    ("vllm", "51", "address-wrong-base-path"),
]


@pytest.mark.parametrize(("server", "name", "meaning"), CAPTURED)
def test_what_real_servers_mean(server, name, meaning):
    exchange = capture(server, name)
    assert classify(exchange.status, exchange.body, exchange.got.headers, exchange.sent.keyed) == meaning


@pytest.mark.parametrize("server", SERVERS)
def test_no_answer_of_a_real_server_is_an_error(server):
    assert [x.number for x in captures(server).values() if x.ok and read_error(x.status, x.body)] == []


def test_every_rule_is_reached():
    """Each rule is the first to hold for one reply at least: a rule that can never be first is dead."""
    own = [(status, body, ()) for status, body, _ in REPLIES]
    documented = [(row["status"], row["body"], ()) for row in FAILURES if "body" in row]
    recorded = [(x.status, x.body, x.got.headers) for server, name, _ in CAPTURED for x in (capture(server, name),)]
    page = b"<html><title>Sorry</title></html>"
    told_by_headers = [
        (403, page.decode(), (("server", "cloudflare"),)),
        (401, page.decode(), (("www-authenticate", 'Basic realm="x"'),)),
        *((status, body, headers) for status, body, headers, _ in WITH_HEADERS),
    ]
    reached = {first_rule(*row) for row in [*own, *documented, *recorded, *told_by_headers]}
    assert [rule for number, rule in enumerate(error_rules()) if number not in reached] == []


def first_rule(status: int, body: object, headers: tuple[tuple[str, str], ...]) -> int | None:
    error = read_error(status, in_bytes(body))
    if error is None:
        return None
    fields = {name.lower(): value for name, value in headers}
    for number, rule in enumerate(error_rules()):
        if any(rule.match(link, status, fields, ()) is not None for link in error.chain):
            return number
    return None
