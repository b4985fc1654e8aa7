"""Named faults, and what must be found of each: code, subject, owner, exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from faulty_endpoint import (
    KEY,
    Answer,
    Fault,
    Stall,
    always,
    asked,
    both,
    calls,
    chunks,
    deltas,
    error,
    has_result,
    has_tools,
    message,
    on_chat,
    plain,
    raw,
)

from cab_check.demo.http import DONE, HttpReply, HttpRequest

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>"


@dataclass(frozen=True)
class Case:
    """`root` is code or code:subject of the first finding; `setting` goes to `handshake_with`."""

    fault: Fault
    root: str
    owner: str
    exit_code: int
    setting: dict[str, Any] = field(default_factory=dict)


def _as_text(value: dict[str, Any]) -> None:
    """The call as a model writes it, which nobody parsed."""
    written = [hermes(call["function"]) for call in calls(value)]
    if written:
        message(value).update(content="\n".join(written), tool_calls=None)
        value["choices"][0]["finish_reason"] = "stop"


def hermes(function: dict[str, Any]) -> str:
    call = json.dumps({"name": function["name"], "arguments": json.loads(function["arguments"])})
    return f"<tool_call>\n{call}\n</tool_call>"


def _stream_as_text(events: list[Any]) -> list[Any]:
    entries = list(deltas(events))
    if not entries:
        return events
    names = [entry["function"]["name"] for entry in entries if "name" in entry["function"]]
    text = "".join(entry["function"]["arguments"] for entry in entries)
    return said(events, hermes({"name": names[0], "arguments": text}))


def said(events: list[Any], text: str) -> list[Any]:
    """The same stream with only this text in it."""
    first, *_ = events
    frame = {key: value for key, value in first.items() if key != "choices"}
    body = [{**frame, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}]
    end = [{**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    usage = [event for event in events if event != DONE and event.get("usage") and not event["choices"]]
    return [first, *body, *end, *usage, DONE]


def _nothing(value: dict[str, Any]) -> None:
    """The call was parsed away: tokens were counted, and nothing is there."""
    if calls(value):
        message(value).update(content=None, tool_calls=None)
        value["choices"][0]["finish_reason"] = "stop"


def _stream_of_nothing(events: list[Any]) -> list[Any]:
    return said(events, "") if list(deltas(events)) else events


def _prose(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """A model that talks instead of calling, under any tool_choice but `required`."""
    body = asked(request)
    if not has_tools(body) or body.get("tool_choice") == "required" or has_result(body):
        return reply
    if reply.events is not None:
        return HttpReply(200, events=tuple(said(list(reply.events), "I would read that file for you.")))
    value = json.loads(json.dumps(reply.value))
    message(value).update(content="I would read that file for you.", tool_calls=None)
    value["choices"][0]["finish_reason"] = "stop"
    return HttpReply(200, value)


def _no_tools_in_prompt(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """A chat template that drops tools: prose, and the prompt count of the bare messages."""
    said = _prose(request, reply)
    usages = [said.value] if said.value else [event for event in said.events or () if event != DONE]
    bare = sum(len(str(item.get("content"))) for item in asked(request).get("messages", ())) // 4 + 3
    for holder in usages:
        if isinstance(holder, dict) and holder.get("usage"):
            holder["usage"] = {"prompt_tokens": bare, "completion_tokens": 8, "total_tokens": bare + 8}
    return said


def _arguments(change: Any) -> Fault:
    """Change the arguments of every call, plain and streamed."""

    def in_plain(value: dict[str, Any]) -> None:
        for call in calls(value):
            call["function"]["arguments"] = change(call["function"]["arguments"])

    def in_stream(events: list[Any]) -> list[Any]:
        whole = {
            entry["index"]: "".join(e["function"]["arguments"] for e in deltas(events) if e["index"] == entry["index"])
            for entry in deltas(events)
        }
        seen: set[int] = set()
        for entry in deltas(events):
            first = "name" in entry["function"] and entry["index"] not in seen
            seen.add(entry["index"])
            entry["function"]["arguments"] = change(whole[entry["index"]]) if first else ""
        return events

    return both(plain(in_plain), chunks(in_stream))


def _each_call(change: Any) -> Fault:
    """Change every call of plain replies, and every first delta of streamed ones."""

    def in_plain(value: dict[str, Any]) -> None:
        for call in calls(value):
            change(call)

    def in_stream(events: list[Any]) -> list[Any]:
        for entry in deltas(events):
            if "name" in entry["function"]:
                change(entry)
        return events

    return both(plain(in_plain), chunks(in_stream))


def _each_delta(change: Any) -> Fault:
    def in_stream(events: list[Any]) -> list[Any]:
        name = None
        for entry in deltas(events):
            name = entry["function"].get("name", name)
            change(entry, name)
        return events

    return chunks(in_stream)


def _without(*kinds: str) -> Fault:
    """A stream without its finish reason, its end mark, or its usage."""

    def gone(event: Any) -> bool:
        if event == DONE:
            return "done" in kinds
        finish = any(choice.get("finish_reason") for choice in event["choices"])
        return (finish and "finish" in kinds) or (not event["choices"] and "usage" in kinds)

    return chunks(lambda events: [event for event in events if not gone(event)])


def _as_document(request: HttpRequest, reply: HttpReply) -> Answer:
    """`stream: true` answered with the plain document."""
    from cab_check.demo.endpoint import Endpoint

    if reply.events is None:
        return reply
    body = {key: value for key, value in asked(request).items() if not key.startswith("stream")}
    return Endpoint(key=KEY)(HttpRequest("POST", request.path, request.headers, json.dumps(body).encode()))


def _bad_json(request: HttpRequest, reply: HttpReply) -> Answer:
    if reply.events is None:
        return reply
    body = b"".join(f"data: {json.dumps(event) if event != DONE else DONE}\n\n".encode() for event in reply.events)
    return raw(200, body.replace(b'"delta"', b'"delta', 1), "text/event-stream")


def _moved(request: HttpRequest, reply: HttpReply) -> Answer:
    """The API of a server that was given with another base path."""
    return reply if request.path.startswith("/v1/") else HttpReply(404, {"detail": "Not Found"})


def _no_limit_but_new(request: HttpRequest, reply: HttpReply) -> Answer:
    if "max_tokens" in asked(request):
        words = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        return error(400, words, type="invalid_request_error", param="max_tokens", code="unsupported_parameter")
    return reply


def _slow_stream(request: HttpRequest, reply: HttpReply) -> Answer:
    if reply.events is None:
        return reply
    return Stall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")


def _second_call(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """The tool's result never reaches the model."""
    if not has_result(asked(request) or {"messages": []}):
        return reply
    if reply.events is not None:
        return HttpReply(200, events=tuple(said(list(reply.events), "I have no access to that file.")))
    value = json.loads(json.dumps(reply.value))
    message(value)["content"] = "I have no access to that file."
    return HttpReply(200, value)


def _damaged(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _text_only(value: str) -> Any:
    return lambda document: None if calls(document) else message(document).update(content=value)


_WRONG_NAMES = error(404, "The model `gpt-9` does not exist.", type="NotFoundError", code=404)
_TOO_FAST = HttpReply(429, {"error": {"message": "Rate limit reached for requests", "type": "requests"}})
_BROKE = error(
    429, "You exceeded your current quota, please check your plan and billing details.", code="insufficient_quota"
)
_PARSER = HttpReply(
    400,
    {
        "object": "error",
        "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "type": "BadRequestError",
        "code": 400,
    },
)
_UPSTREAM_DIED = {"error": {"message": "CUDA error: an illegal memory access was encountered", "code": 500}}


CASES: dict[str, Case] = {
    # address
    "base path without /v1": Case(_moved, "address-wrong-base-path:/v1", "user", 0, {"path": ""}),
    "base path doubled": Case(_moved, "address-wrong-base-path:/v1", "user", 0, {"path": "/v1/v1"}),
    "base path, key wanted": Case(
        _moved, "address-wrong-base-path:/v1", "user", 0, {"path": "/api", "server_key": KEY}
    ),
    # network
    "web page everywhere": Case(always(raw(200, PAGE, "text/html")), "web-page-instead-of-api", "user", 4),
    "redirect elsewhere": Case(
        always(raw(301, b"", "text/html", "Location: https://other.example/v1")),
        "redirect-drops-request:https://other.example/v1",
        "gateway",
        4,
    ),
    "500 on everything": Case(always(raw(500, b"Internal Server Error", "text/plain")), "server-crashed", "server", 4),
    "engine dead": Case(on_chat(HttpReply(500, _UPSTREAM_DIED)), "server-crashed", "server", 4),
    "503 loading": Case(on_chat(error(503, "Loading model", type="unavailable_error")), "server-loading", "server", 4),
    "503 overloaded": Case(on_chat(error(503, "server busy, please try again")), "server-overloaded", "server", 4),
    "504 from a proxy": Case(on_chat(raw(504, PAGE, "text/html")), "gateway-timeout", "gateway", 4),
    "413 from a proxy": Case(on_chat(raw(413, PAGE, "text/html")), "request-too-large", "gateway", 4),
    "firewall page": Case(
        always(raw(403, PAGE, "text/html", "CF-RAY: 1-FRA", "Server: cloudflare")),
        "client-refused-by-firewall",
        "gateway",
        4,
    ),
    "no reply in time": Case(on_chat(Stall(b"")), "reply-timeout:headers", "server", 4),
    "closed without reply": Case(always(Stall(b"", cut=True)), "endpoint-unreachable:reset", "network", 4),
    # auth
    "wrong key": Case(lambda request, reply: reply, "key-rejected", "user", 4, {"key": "sk-test-another-0123456789"}),
    "no key": Case(lambda request, reply: reply, "key-missing", "user", 4, {"key": None}),
    "key with quotes": Case(lambda request, reply: reply, "key-malformed", "user", 4, {"key": f'"{KEY}"'}),
    "key without permission": Case(
        on_chat(error(403, "You have insufficient permissions for this operation.")),
        "key-lacks-permission",
        "account",
        4,
    ),
    "no credit": Case(on_chat(_BROKE), "billing-exhausted", "account", 4),
    "no credit, under 200": Case(
        on_chat(error(200, "Insufficient balance", code="insufficient_balance")), "billing-exhausted", "account", 4
    ),
    "rate limit": Case(on_chat(_TOO_FAST), "rate-limited", "account", 4),
    # model
    "unknown model": Case(
        lambda request, reply: reply, "model-not-found:cab-check-demo", "user", 3, {"model": "cab-chek-demo"}
    ),
    "unknown model, other words": Case(on_chat(_WRONG_NAMES), "model-not-found:cab-check-demo", "user", 3),
    # chat
    "body cut": Case(on_chat(raw(200, b'{"id": "x", "choices": [')), "response-not-json", "gateway", 3),
    "body empty": Case(on_chat(raw(200, b"")), "response-not-json", "gateway", 3),
    "choices missing": Case(plain(lambda value: value.pop("choices")), "response-shape:choices", "server", 3),
    "message missing": Case(
        plain(lambda value: value["choices"][0].pop("message")), "response-shape:message", "server", 3
    ),
    "error under 200": Case(on_chat(error(200, "something broke inside")), "error-in-success", "gateway", 3),
    "content null": Case(plain(_text_only(None)), "empty-reply", "model", 3),  # type: ignore[arg-type]
    "template tokens": Case(
        plain(lambda value: calls(value) or message(value).update(content=f"{message(value)['content']}<|im_end|>")),
        "special-tokens-in-text:<|im_end|>",
        "server",
        0,
    ),
    "think tags": Case(
        plain(
            lambda value: calls(value) or message(value).update(content=f"<think>so</think>{message(value)['content']}")
        ),
        "reasoning-in-text",
        "server",
        0,
    ),
    "instruction ignored": Case(
        plain(_text_only("Sure, happy to help!"), lambda body: not has_tools(body)), "instruction-ignored", "model", 0
    ),
    "noise": Case(plain(_text_only("д漢א\ufffdก\ufffdअ가\ufffdЖ")), "text-garbled", "server", 3),
    "400 in unknown words": Case(on_chat(error(400, "Flux capacitor misaligned")), "unrecognised", "server", 3),
    # params
    "max_tokens refused": Case(_no_limit_but_new, "param-rejected:max_tokens", "server", 0),
    # streaming
    "stream refused": Case(
        on_chat(error(400, "streaming is not supported"), lambda body: bool(body.get("stream"))),
        "stream-rejected",
        "server",
        3,
    ),
    "stream as a document": Case(_as_document, "stream-not-streamed", "gateway", 3),
    "stream without finish": Case(_without("finish", "done"), "stream-cut", "gateway", 3),
    "stream with an error": Case(
        chunks(lambda events: [*events[:2], {"error": {"message": "upstream went away", "code": 502}}]),
        "stream-error-event",
        "server",
        3,
    ),
    "stream with bad JSON": Case(_bad_json, "stream-event-malformed:json", "server", 3),
    "first token late": Case(_slow_stream, "reply-timeout:first-token", "server", 3),
    # tools-request
    "tools refused": Case(on_chat(error(400, "flux"), has_tools), "tools-rejected", "server", 3),
    "tools crash the server": Case(
        on_chat(raw(500, b"Internal Server Error", "text/plain"), has_tools), "server-crashed", "server", 3
    ),
    "tool parser disabled": Case(
        on_chat(_PARSER, has_tools),
        "tool-parser-disabled:--enable-auto-tool-choice --tool-call-parser",
        "server",
        3,
    ),
    "model without tools": Case(
        on_chat(error(400, "registry.ollama.ai/library/gemma:2b does not support tools"), has_tools),
        "model-lacks-tools",
        "model",
        3,
    ),
    "tools dropped": Case(_no_tools_in_prompt, "tools-ignored", "server", 3),
    # tools-response
    "prose instead of calls": Case(_prose, "tool-call-missing", "model", 3),
    "call as text": Case(both(plain(_as_text), chunks(_stream_as_text)), "tool-call-as-text:hermes", "server", 3),
    "call as text in streams": Case(chunks(_stream_as_text), "stream-differs", "server", 3),
    "call as text but in streams": Case(plain(_as_text), "stream-differs", "server", 3),
    "call swallowed": Case(both(plain(_nothing), chunks(_stream_of_nothing)), "tool-call-swallowed", "server", 3),
    "arguments as object": Case(_arguments(json.loads), "tool-arguments-object", "server", 3),
    "arguments not JSON": Case(_arguments(lambda text: text[:-2]), "tool-arguments-invalid-json", "model", 3),
    "arguments encoded twice": Case(_arguments(json.dumps), "tool-arguments-double-encoded", "model", 3),
    "no arguments as nothing": Case(
        _arguments(lambda text: "" if text == "{}" else text), "tool-arguments-empty", "server", 0
    ),
    "arguments of wrong types": Case(
        _arguments(lambda text: json.dumps(dict.fromkeys(json.loads(text), 7))),
        "tool-arguments-schema-mismatch:path",
        "model",
        0,
    ),
    "arguments escaped": Case(_arguments(_damaged), "tool-arguments-unfaithful", "model", 0),
    "wrong tool name": Case(
        _each_call(lambda call: call["function"].update(name=f"functions.{call['function']['name']}:0")),
        "tool-name-wrong",
        "model",
        3,
    ),
    "no call id": Case(_each_call(lambda call: call.update(id="")), "tool-call-id-missing:plain", "server", 3),
    "no call id in streams": Case(
        _each_delta(lambda entry, name: entry.pop("id", None)), "tool-call-id-missing:stream", "server", 3
    ),
    "one call id for all": Case(
        _each_call(lambda call: call.update(id="call_1")), "tool-call-id-repeated", "server", 0
    ),
    "result ignored": Case(_second_call, "tool-result-ignored", "model", 3),
    "second turn crashes": Case(
        on_chat(raw(500, b"Internal Server Error", "text/plain"), has_result), "server-crashed", "server", 3
    ),
    "second turn refused": Case(on_chat(error(400, "flux"), has_result), "tool-result-rejected", "server", 3),
    "index missing": Case(
        _each_delta(lambda entry, name: entry.pop("index")), "stream-tool-index:missing", "server", 3
    ),
    "name in every delta": Case(
        _each_delta(lambda entry, name: entry["function"].update(name=name)), "stream-tool-name:repeated", "server", 0
    ),
    "streamed arguments not JSON": Case(
        _each_delta(lambda entry, name: entry["function"].update(arguments=entry["function"]["arguments"][:-1])),
        "stream-differs",
        "server",
        3,
    ),
    # usage
    "no usage": Case(plain(lambda value: value.pop("usage")), "usage-missing:plain", "server", 0),
    "no usage in streams": Case(_without("usage"), "usage-missing:stream", "server", 0),
    "usage of zeros": Case(
        plain(lambda value: value.update(usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})),
        "usage-implausible",
        "server",
        0,
    ),
    "usage always the same": Case(
        plain(lambda value: value.update(usage={"prompt_tokens": 11, "completion_tokens": 9, "total_tokens": 20})),
        "usage-implausible",
        "server",
        0,
    ),
}
