"""What a parser leaves behind, and errors in envelopes of their own, are named; what only looks like them is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from faulty_endpoint import (
    Fault,
    both,
    calls,
    chunks,
    deltas,
    handshake_with,
    has_tools,
    message,
    on_chat,
    plain,
    raw,
)

from cab_check.demo.faults.parts import delta_event, finish
from cab_check.demo.http import HttpReply
from cab_check.handshake.failure import failure
from cab_check.handshake.seen import Seen
from cab_check.wire.exchange import Exchange, Got, Piece, Recording, Sent, Times
from cab_check.wire.facts import Facts


def beside_calls(text: str) -> Fault:
    """Text beside every call, plain and streamed."""

    def in_plain(value: Any) -> None:
        if calls(value):
            message(value)["content"] = text

    def in_stream(events: list[Any]) -> list[Any]:
        if not list(deltas(events)):
            return events
        return [events[0], delta_event(events, {"content": text}), *events[1:]]

    return both(plain(in_plain), chunks(in_stream))


def in_place_of_calls(text: str) -> Fault:
    """Text where every call was, plain and streamed."""

    def in_plain(value: Any) -> None:
        if calls(value):
            message(value).pop("tool_calls")
            message(value)["content"] = text
            finish(value, "stop")

    def in_stream(events: list[Any]) -> list[Any]:
        if not list(deltas(events)):
            return events
        return [delta_event(events, {"role": "assistant", "content": text}), delta_event(events, {}, "stop")]

    return both(plain(in_plain), chunks(in_stream))


def roots(fault: Fault) -> list[tuple[str, str]]:
    judged = handshake_with(fault)
    return [(finding.code, finding.confidence) for finding in judged.findings if finding.severity != "info"]


LEFT = [
    "\n\n<｜DSML｜function_calls",
    "<tool_call>\n<function=read_file>\n<parameter=path>\nx\n</parameter>\n</function>\n</tool_call>",
    "I will look.<|im_end|>",
]


@pytest.mark.parametrize("text", LEFT)
def test_marks_beside_a_sound_call_are_told(text: str) -> None:
    assert roots(beside_calls(text)) == [("special-tokens-in-text", "high")]


@pytest.mark.parametrize("text", ["I will look.", "`<tool_call>` is how this model begins.", "if a <tool b> c: go"])
def test_words_beside_a_sound_call_are_none(text: str) -> None:
    assert roots(beside_calls(text)) == []


def test_half_a_call_in_the_text_is_a_call_that_was_not_parsed() -> None:
    assert roots(in_place_of_calls("I will look.\n\n<minimax:tool_call>\n<invo"))[0] == ("tool-call-as-text", "medium")


def test_a_text_that_names_the_mark_is_a_call_that_never_came() -> None:
    assert (
        roots(in_place_of_calls("A call begins with <minimax:tool_call> here, I think."))[0][0] == "tool-call-missing"
    )


ENVELOPES = [
    ({"base_resp": {"status_code": 2049, "status_msg": "invalid api key"}}, "key-rejected"),
    ({"code": 401, "msg": "令牌已过期或验证不正确", "success": False}, "key-rejected"),
    ({"success": False, "errors": [{"code": 1, "message": "No such model x"}]}, "model-not-found"),
    ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}, "choices": None}, "billing-exhausted"),
]


@pytest.mark.parametrize(("body", "code"), ENVELOPES)
def test_an_error_under_200_is_named_by_its_words(body: dict[str, Any], code: str) -> None:
    fault = on_chat(raw(200, json.dumps(body).encode()))
    assert roots(fault)[0] == (code, "high")


def test_a_completion_with_a_status_of_success_in_it_is_sound() -> None:
    def adds(value: Any) -> None:
        value["base_resp"] = {"status_code": 0, "status_msg": ""}
        value["success"], value["errors"] = True, []

    assert roots(plain(adds)) == []


def test_the_header_that_a_gateway_names_is_told() -> None:
    challenge = 'AzureApiManagementKey realm="https://x.example",name="x-team-key",type="header"'
    words = b'{"statusCode":401,"message":"Access denied due to missing subscription key."}'
    judged = handshake_with(on_chat(raw(401, words, "application/json", ("WWW-Authenticate", challenge))))
    first = judged.findings[0]
    assert (first.key, first.confidence) == ("key-wrong-header:x-team-key", "high")
    assert "x-team-key" in (first.fix or "")


def test_a_page_of_a_proxy_is_a_likely_cause_and_no_sure_one() -> None:
    page = b"<html><title>502 Bad Gateway</title></html>"
    found = handshake_with(on_chat(raw(502, page, "text/html"))).findings[0]
    assert (found.code, found.confidence) == ("gateway-timeout", "medium")


def test_json_in_the_field_of_the_reasoning_is_no_structured_output() -> None:
    def moves(value: Any) -> None:
        said = message(value)
        said["reasoning_content"], said["content"] = said.get("content"), None

    fault = plain(moves, lambda body: "response_format" in body)
    found = {finding.code for finding in handshake_with(fault).findings}
    assert "structured-output-ignored" in found


def test_refused_tools_of_a_router_are_no_fault_of_the_server() -> None:
    refusal = {"error": {"message": "No connected provider supports tool calling for this model."}}
    found = handshake_with(on_chat(HttpReply(400, refusal), has_tools)).findings[0]
    assert (found.code, found.owner, found.confidence) == ("no-route-supports-tools", "gateway", "high")


def through(host: str, *, body: bytes = b"") -> str | None:
    """What a 403 from that host is called."""
    sent = Sent("POST", f"https://{host}/v1/chat/completions", (), b"{}", "/chat/completions", keyed=True)
    got = Got(403, "", "HTTP/1.1", (), (Piece(1.0, body),))
    exchange = Exchange(1, sent, got, "complete", "", "2026-11-23T00:00:00Z", Times(end=5.0), body)
    found = failure(exchange, Seen(Recording(Facts(base_url=f"https://{host}/v1", given=host), (exchange,))))
    return f"{found.code} {found.confidence}" if found else None


def test_a_refusal_without_a_word_behind_a_tunnel_is_likely_about_the_name() -> None:
    assert through("abc.ngrok-free.app") == "host-header-refused medium"
    assert through("abc.trycloudflare.com") == "host-header-refused medium"


def test_a_refusal_with_words_or_of_an_ordinary_host_is_not() -> None:
    assert through("abc.ngrok-free.app", body=b'{"error":{"message":"no"}}') == "key-lacks-permission medium"
    assert through("llm.example") == "key-lacks-permission medium"
    assert through("ngrok-free.app.example") == "key-lacks-permission medium"
