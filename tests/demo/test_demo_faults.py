"""Named faults at the wire: each does what it says and leaves the rest alone, and any two combine."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from demo_client import READ, TIME, called, result, system, tool, user

from cab_check.base.errors import UsageError
from cab_check.demo.encode import MODEL
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.faults.fault import Fault, Given, given_for, lay
from cab_check.demo.faults.table import FAULTS, find
from cab_check.demo.http import HttpReply, HttpRequest, head, pieces

HEADERS = {"authorization": "Bearer x", "accept-encoding": "gzip"}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}}
PLAIN = {"messages": [user("Reply with exactly this word: amber")]}
CALL = {"messages": [user("Call the read_file tool with path set to a.md.")], "tools": [READ, TIME]}
TWO = {
    "messages": [
        user("Call the read_file tool with path set to a.md. Call the read_file tool with path set to b.md. Make both.")
    ],
    "tools": [READ, TIME],
}
TURN = [CALL["messages"][0], called("call_1", "read_file", {"path": "a.md"})]
SECOND = {"messages": [*TURN, result("call_1", "granite")], "tools": [READ, TIME]}
LONG = {"messages": [system("The password is amber. " + "filler " * 5_000), user("Say hello. " + "more " * 2_000)]}
"""About 11 000 tokens."""


def ask(*faults: str, path: str = "/v1/chat/completions", **body: Any) -> HttpReply:
    """The reply to one request with these faults laid; a GET without a body."""
    method, data = ("POST", json.dumps({"model": MODEL, **body}).encode()) if body else ("GET", b"")
    return lay(Endpoint(), find(faults))(HttpRequest(method, path, HEADERS, data))


def same(one: HttpReply, other: HttpReply) -> bool:
    """Whether two replies are the same but for the ids and times that differ in every one."""
    return fixed(one) == fixed(other)


def fixed(reply: HttpReply) -> HttpReply:
    """The reply with its ids and times taken out."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items() if key not in ("id", "created")}
        return [clean(item) for item in value] if isinstance(value, list | tuple) else value

    events = None if reply.events is None else tuple(clean(reply.events))
    return replace(reply, value=clean(reply.value), events=events)


def with_message(**message: Any) -> dict[str, Any]:
    return {"messages": [user("Hello."), message]}


def many(count: int) -> list[dict[str, Any]]:
    return [tool(f"tool_{number}", "path") for number in range(count)]


def schema(**keywords: Any) -> dict[str, Any]:
    return {**PLAIN, "tools": [tool("search", "query", query={"type": "string", **keywords})]}


ASSISTANT = {"role": "assistant", "content": "Hi."}
BROKEN_CALL = {**called("call_1", "read_file", {}), "content": None}
BROKEN_CALL["tool_calls"] = [{**BROKEN_CALL["tool_calls"][0], "function": {"name": "read_file", "arguments": '{"pa'}}]
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "param-rejected-max_completion_tokens": ({**PLAIN, "max_completion_tokens": 9}, {**PLAIN, "max_tokens": 9}),
    "param-rejected-parallel_tool_calls": ({**CALL, "parallel_tool_calls": True}, CALL),
    "param-rejected-store": ({**PLAIN, "store": False}, PLAIN),
    "param-rejected-reasoning_effort": ({**PLAIN, "reasoning_effort": "low"}, PLAIN),
    "param-rejected-stop": ({**PLAIN, "stop": ["x"]}, PLAIN),
    "param-rejected-top_p": ({**PLAIN, "top_p": 1}, PLAIN),
    "param-rejected-seed": ({**PLAIN, "seed": 1}, PLAIN),
    "param-rejected-temperature-0": ({**PLAIN, "temperature": 0}, {**PLAIN, "temperature": 1}),
    "output-limit-refused": ({**PLAIN, "max_tokens": 32_000}, {**PLAIN, "max_tokens": 4_096}),
    "template-error": (SECOND, CALL),
    "role-rejected-developer": ({"messages": [{"role": "developer", "content": "Be kind."}, user("Hi")]}, PLAIN),
    "role-rejected-system": ({"messages": [system("Be kind."), user("Hi")]}, PLAIN),
    "role-rejected-tool": (SECOND, CALL),
    "role-rejected-many-systems": (
        {"messages": [system("A."), system("B."), user("Hi")]},
        {"messages": [system("A."), user("Hi")]},
    ),
    "role-order-rejected-user-user": (with_message(**user("More.")), PLAIN),
    "role-order-rejected-user-after-tool": ({**SECOND, "messages": [*SECOND["messages"], user("And?")]}, SECOND),
    "role-order-rejected-trailing-assistant": (with_message(**ASSISTANT), PLAIN),
    "role-order-rejected-late-system": (with_message(**system("Be kind.")), {"messages": [system("A."), user("Hi")]}),
    "role-order-rejected-tool-unanswered": ({**CALL, "messages": [*TURN, user("Go on.")]}, SECOND),
    "content-form-rejected-null": (SECOND, CALL),
    "content-form-rejected-missing": (
        {**SECOND, "messages": [TURN[0], {k: v for k, v in TURN[1].items() if k != "content"}, SECOND["messages"][2]]},
        SECOND,
    ),
    "content-form-rejected-empty": (with_message(role="assistant", content=""), PLAIN),
    "content-form-rejected-empty-list": (with_message(role="user", content=[]), PLAIN),
    "content-form-rejected-blank-text-part": (
        with_message(role="user", content=[{"type": "text", "text": " "}]),
        with_message(role="user", content=[{"type": "text", "text": "x"}]),
    ),
    "content-form-rejected-parts": (with_message(role="user", content=[{"type": "text", "text": "x"}]), PLAIN),
    "content-form-rejected-tool-parts": (
        {**SECOND, "messages": [*TURN, {**SECOND["messages"][2], "content": [{"type": "text", "text": "x"}]}]},
        with_message(role="user", content=[{"type": "text", "text": "x"}]),
    ),
    "message-field-rejected-name": (with_message(**user("x"), name="ann"), PLAIN),
    "message-field-rejected-refusal": (with_message(**ASSISTANT, refusal=None), with_message(**ASSISTANT)),
    "history-arguments-rejected": (
        {**CALL, "messages": [TURN[0], BROKEN_CALL, result("call_1", "x")]},
        SECOND,
    ),
    "tool-call-id-rejected": (SECOND, {"messages": PLAIN["messages"]}),
    "tool-name-rejected": ({**PLAIN, "tools": [tool("t" * 40)]}, CALL),
    "too-many-tools": ({**PLAIN, "tools": many(40)}, {**PLAIN, "tools": many(20)}),
    "tool-choice-rejected-auto": ({**CALL, "tool_choice": "auto"}, CALL),
    "tool-choice-rejected-none": ({**CALL, "tool_choice": "none"}, {**CALL, "tool_choice": "required"}),
    "tool-choice-rejected-required": ({**CALL, "tool_choice": "required"}, {**CALL, "tool_choice": "auto"}),
    "tool-choice-rejected-named": (
        {**CALL, "tool_choice": {"type": "function", "function": {"name": "read_file"}}},
        {**CALL, "tool_choice": "auto"},
    ),
    "tool-schema-rejected-anyOf": (schema(anyOf=[{"type": "string"}]), CALL),
    "tool-schema-rejected-ref": ({**PLAIN, "tools": [tool("t", "q", q={"$ref": "#/$defs/q"})]}, CALL),
    "tool-schema-rejected-pattern": (schema(pattern="^a"), CALL),
    "tool-schema-rejected-minimum": ({**PLAIN, "tools": [tool("t", "n", n={"type": "integer", "minimum": 1})]}, CALL),
    "reasoning-must-be-echoed": (SECOND, {"messages": PLAIN["messages"], "expected": "thinks"}),
    "reasoning-echo-refused": (with_message(**ASSISTANT, reasoning_content="so"), {**PLAIN, "expected": "thinks"}),
    "context-too-small": (LONG, PLAIN),
    "context-counts-output": ({**LONG, "max_tokens": 8_000}, {**LONG, "max_tokens": 1_000}),
    "context-overflow-unclear": (LONG, PLAIN),
    "request-too-large-for-agents": (LONG, PLAIN),
    "structured-output-rejected-json_object": (
        {**PLAIN, "response_format": {"type": "json_object"}},
        {**PLAIN, "response_format": SCHEMA},
    ),
    "structured-output-rejected-json_schema": (
        {**PLAIN, "response_format": SCHEMA},
        {**PLAIN, "response_format": {"type": "json_object"}},
    ),
}
"""Fault -> a request that it refuses, and one that it leaves alone."""


@pytest.mark.parametrize("name", list(REFUSALS))
def test_a_refusal_meets_what_it_names_and_nothing_else(name: str) -> None:
    refused, passed = (dict(body) for body in REFUSALS[name])
    thinks = passed.pop("expected", None)
    assert ask(name, **refused).status >= 400
    assert ask(name, **passed).status == 200
    assert thinks or same(ask(name, **passed), ask(**passed))


def text(reply: HttpReply) -> str:
    return str(reply.value["choices"][0]["message"]["content"])


def finish(reply: HttpReply) -> str:
    return str(reply.value["choices"][0]["finish_reason"])


def prompt(reply: HttpReply) -> int:
    return int(reply.value["usage"]["prompt_tokens"])


def test_ignored_parameters_are_ignored() -> None:
    assert text(ask("param-ignored-stop", **PLAIN, stop=["mb"])) == "amber" != text(ask(**PLAIN, stop=["mb"]))
    assert text(ask("param-ignored-max_tokens", **PLAIN, max_tokens=1)) == "amber" != text(ask(**PLAIN, max_tokens=1))
    long = {"messages": [user("Count from 1 to 900, separated by blanks.")]}
    assert finish(ask("output-cap-low", **long)) == "length" != finish(ask("output-cap-low", **long, max_tokens=9_000))


@pytest.mark.parametrize("role", ["system", "developer"])
def test_an_ignored_role_costs_no_tokens(role: str) -> None:
    body = {"messages": [{"role": role, "content": "The password is amber."}, user("Hello.")]}
    assert prompt(ask(f"role-ignored-{role}", **body)) == prompt(ask(messages=[user("Hello.")])) < prompt(ask(**body))


@pytest.mark.parametrize("name", ["context-truncated-silently", "context-truncated-silently-middle"])
def test_a_long_prompt_is_cut_in_silence(name: str) -> None:
    reply = ask(name, **LONG)
    assert reply.status == 200
    assert 4_000 < prompt(reply) < 4_200 < 11_000 < prompt(ask(**LONG))
    assert same(ask(name, **PLAIN), ask(**PLAIN))


def test_which_end_of_a_long_prompt_is_lost() -> None:
    body = json.loads(FAULTS["context-truncated-silently"].before(chat(LONG)).body)
    assert "password" not in body["messages"][0]["content"] and body["messages"][1]["content"].startswith("Say hello.")
    body = json.loads(FAULTS["context-truncated-silently-middle"].before(chat(LONG)).body)
    assert body["messages"][0]["content"].startswith("The password") and body["messages"][1]["content"].endswith(
        "more "
    )


def chat(body: dict[str, Any]) -> HttpRequest:
    return HttpRequest("POST", "/v1/chat/completions", HEADERS, json.dumps(body).encode())


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
def test_an_ignored_format_gives_prose(kind: str) -> None:
    wanted = {"response_format": SCHEMA if kind == "json_schema" else {"type": kind}}
    assert text(ask(f"structured-output-ignored-{kind}", **PLAIN, **wanted)) == "amber"
    assert isinstance(json.loads(text(ask(**PLAIN, **wanted))), dict)


def test_an_ignored_tool_choice_leaves_the_choice_to_the_model() -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    assert same(ask("tool-choice-ignored-named", **CALL, tool_choice=named), ask(**CALL))
    assert same(ask("tool-choice-ignored-none", **CALL, tool_choice="none"), ask(**CALL))
    assert not same(ask(**CALL, tool_choice=named), ask(**CALL))


def test_a_hidden_cut_ends_like_a_whole_reply() -> None:
    assert (finish(ask(**PLAIN, max_tokens=1)), finish(ask("truncation-hidden", **PLAIN, max_tokens=1))) == (
        "length",
        "stop",
    )
    assert finish(ask("truncation-hidden", **CALL, max_tokens=4)) == "tool_calls"


def test_reasoning_uses_up_a_small_limit() -> None:
    reply = ask("reasoning-exhausts-limit", **PLAIN, max_tokens=100)
    assert (text(reply), finish(reply)) == ("", "length")
    assert text(ask("reasoning-exhausts-limit", **PLAIN, max_tokens=20_000)) == "amber"


def test_reasoning_alone_ends_as_a_whole_reply() -> None:
    reply = ask("empty-reply-reasoning", **TWO)
    assert (text(reply), finish(reply)) == ("", "stop")
    assert "tool_calls" not in reply.value["choices"][0]["message"]
    deltas = [event["choices"][0]["delta"] for event in ask("empty-reply-reasoning", **TWO, stream=True).events[:-1]]  # type: ignore[index]
    assert [delta for delta in deltas if delta.get("content") or delta.get("tool_calls")] == []
    assert any(delta.get("reasoning_content") for delta in deltas)


def test_calls_of_plain_replies_lose_their_ids_and_streamed_ones_keep_them() -> None:
    plain = ask("tool-call-id-missing-plain", **TWO).value["choices"][0]["message"]["tool_calls"]
    assert [sorted(call) for call in plain] == [["function", "type"]] * 2
    streamed = ask("tool-call-id-missing-plain", **TWO, stream=True)
    assert same(streamed, ask(**TWO, stream=True))


@pytest.mark.parametrize(
    ("name", "lost"), [("stream-tool-index-one-chunk", "index"), ("tool-call-id-missing-one-chunk", "id")]
)
def test_a_call_in_one_chunk_is_whole_and_lacks_one_field(name: str, lost: str) -> None:
    def calls(*faults: str) -> list[dict[str, Any]]:
        deltas = [event["choices"][0]["delta"] for event in ask(*faults, **TWO, stream=True).events[:-1]]  # type: ignore[index]
        return [call for delta in deltas for call in delta.get("tool_calls", ())]

    whole = calls(name)
    assert len(whole) == 2 < len(calls())
    assert [json.loads(call["function"]["arguments"])["path"] for call in whole]
    assert all(lost not in call and ({"index", "id"} - {lost}) <= set(call) for call in whole)


def test_reasoning_sent_back_is_counted_unless_it_is_dropped() -> None:
    bare = {"messages": [user("Hi."), ASSISTANT, user("Hello.")]}
    back = {"messages": [user("Hi."), {**ASSISTANT, "reasoning_content": "First I thought."}, user("Hello.")]}
    heard, dropped = "reasoning-field-reasoning_content", "reasoning-history-dropped"
    assert prompt(ask(heard, **back)) > prompt(ask(heard, **bare))
    assert prompt(ask(dropped, **back)) == prompt(ask(dropped, **bare))


def test_slow_and_held_back_replies_wait_in_proportion() -> None:
    assert ask("first-token-slow", **LONG).delivery.wait_s > 120 > 2 > ask("first-token-slow", **PLAIN).delivery.wait_s
    held = ask("stream-buffered", **PLAIN, stream=True).delivery
    assert held.at_once and held.wait_s > 0
    assert same(ask("stream-buffered", **PLAIN), ask(**PLAIN))


def test_all_calls_of_a_stream_share_an_index() -> None:
    def indices(*faults: str) -> set[int]:
        deltas = [event["choices"][0]["delta"] for event in ask(*faults, **TWO, stream=True).events[:-1]]  # type: ignore[index]
        return {call["index"] for delta in deltas for call in delta.get("tool_calls", ())}

    assert (indices(), indices("stream-tool-index-reused")) == ({0, 1}, {0})


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
def test_a_missing_route(path: str) -> None:
    name = "responses-api-missing" if path.endswith("responses") else "messages-api-missing"
    assert ask(name, path=path, model=MODEL).status == 404
    assert ask(name, **PLAIN).status == 200


# --- all of them ------------------------------------------------------------------------------------------------------

STREAMED = {**TWO, "stream": True, "stream_options": {"include_usage": True}}
NAMES = list(FAULTS)
PAIRED = [chat({"model": MODEL, **body}) for body in (STREAMED, SECOND)]
ODD = [
    b"",
    b"{",
    b"[1]",
    b'"x"',
    b"\xff",
    *(
        json.dumps({"model": MODEL, **body}).encode()
        for body in (
            {"messages": None},
            {"messages": [1, None, "x"]},
            {"messages": {}},
            {"messages": [{}]},
            {"tools": 3},
            {"messages": [{"role": 1, "content": 2, "tool_calls": [None, 1, {"function": 1}]}]},
            {"messages": [{"role": "user", "content": [1, None]}], "tools": [1, {"function": 2}], "tool_choice": 7},
            {"messages": [user("x")], "response_format": 1, "max_tokens": "x", "temperature": [], "stream": "yes"},
        )
    ),
]
"""Bodies that no sound client sends."""


class Remembering:
    """The sound endpoint, asked once per body: fifteen thousand pairs change its replies, and it has a few."""

    def __init__(self) -> None:
        self._sound, self._replies = Endpoint(), dict[bytes, HttpReply]()

    def __call__(self, request: HttpRequest) -> HttpReply:
        if request.body not in self._replies:
            self._replies[request.body] = self._sound(request)
        return self._replies[request.body]


SOUND = Remembering()


def wire(reply: HttpReply) -> bytes:
    """The bytes of a reply, as the server writes them."""
    parts = list(pieces(reply))
    for rewrite in reply.delivery.rewrites:
        parts = [rewrite(part) for part in parts]
    return head(reply, None if reply.events is not None else sum(map(len, parts)), keep=False) + b"".join(parts)


@pytest.mark.parametrize("first", NAMES)
def test_any_two_combine(first: str) -> None:
    """Every pair, on requests of every kind, down to the bytes; and on bodies that other faults never expect."""
    for second in NAMES[NAMES.index(first) + 1 :]:
        handler = lay(SOUND, [FAULTS[first], FAULTS[second]])
        for body in PAIRED:
            assert wire(handler(body)).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("name", NAMES)
def test_no_request_breaks_a_fault(name: str) -> None:
    handler = lay(Endpoint(), [FAULTS[name]])
    for body in ODD:
        assert handler(replace(chat({}), body=body)).status >= 200
    for method, path in (("GET", "/v1/models"), ("HEAD", "/v1/models"), ("POST", "/v1/x"), ("OPTIONS", "/")):
        assert wire(handler(HttpRequest(method, path, HEADERS))).startswith(b"HTTP/1.1 ")


def test_two_faults_both_show() -> None:
    reply = ask("usage-missing", "finish-reason-wrong", **CALL)
    assert "usage" not in reply.value and finish(reply) == "stop"
    refused = ask("tools-rejected", "tool-call-as-text", **CALL)
    assert refused.status == 400
    assert text(ask("tools-rejected", "special-tokens-in-text", **PLAIN)) == "amber<|im_end|>"


def test_settings_of_several_faults_join() -> None:
    given = given_for(find(["address-wrong-base-path", "key-missing", "reply-timeout", "model-not-found"]))
    assert given == Given(path="", key=None, model="cab-chek-demo", patience_s=3.0)


def test_a_name_that_is_none_is_answered_with_near_ones() -> None:
    with pytest.raises(UsageError, match="There is no fault 'tool-call-as-txt'") as raised:
        find(["tool-call-as-txt"])
    assert "tool-call-as-text" in (raised.value.next_step or "")
    assert find(["stream-cut", "stream-cut"]) == (FAULTS["stream-cut"],)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=NAMES)
def test_every_fault_says_itself_in_one_sentence(fault: Fault) -> None:
    assert fault.says[0].isupper() and fault.says.endswith(".") and 20 < len(fault.says) < 130
    assert ". " not in fault.says
