"""/responses and /messages: recorded replies read as what they say, and what breaks a client is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from captures.load import SERVERS, capture, captures
from captures.make import EVENTS, events, exchange
from hypothesis import given
from hypothesis import strategies as st

from cab_check.chat.messages import read_message
from cab_check.chat.responses import read_response
from cab_check.chat.typed import TypedReply


def facts(reply: TypedReply) -> tuple[Any, ...]:
    usage = reply.usage and (reply.usage.prompt, reply.usage.completion)
    return reply.text, reply.finish, reply.cut_at_limit, usage, [f"{p.code}:{p.subject}" for p in reply.problems]


GOLDEN: dict[tuple[str, str], tuple[Any, ...]] = {
    ("copilotkit-aimock", "22"): ("pong", "completed", False, (0, 0), []),
    ("copilotkit-aimock", "23"): ("pong", "completed", False, (0, 0), []),
    ("copilotkit-aimock", "59"): ("pong", "end_turn", False, (0, 0), []),
    ("litellm-mock", "22"): ("pong", "completed", False, (36, 87), []),
    ("litellm-mock", "59"): ("pong", "end_turn", False, (2095, 503), []),
    ("litellm-to-llama-server", "22"): ("the", "completed", False, (16, 2), []),
    ("litellm-to-llama-server", "23"): ("the", "completed", False, (16, 2), []),
    ("litellm-to-llama-server", "59"): ("the", "end_turn", False, (16, 2), []),
    ("llama-server", "22"): ("twoong", "completed", False, (16, 3), []),
    ("llama-server", "23"): ("twoong", "completed", False, (16, 3), []),
    ("llama-server", "59"): ("twoong", "end_turn", False, (16, 3), []),
    ("llmock-pypi", "23"): ("gpt-4o mock reply: I saw 'Reply with exactly: pong'.", "completed", False, (6, 13), []),
    ("portkey-to-llama-server", "23"): ("the", "completed", False, (16, 2), []),
}


def read(server: str, name: str) -> TypedReply:
    found = capture(server, name)
    return (read_message if name == "59" else read_response)(found)


@pytest.mark.parametrize(("server", "name"), list(GOLDEN))
def test_recorded_replies_read_as_what_they_say(server: str, name: str) -> None:
    assert facts(read(server, name)) == GOLDEN[server, name]


@pytest.mark.parametrize(
    ("server", "name"), [("vllm", "23"), ("vllm", "59"), *(("vllm-random", name) for name in ("22", "23", "59"))]
)
def test_a_recorded_reply_that_ended_at_the_limit_says_so(server: str, name: str) -> None:
    reply = read(server, name)
    assert (reply.cut_at_limit, reply.problems, reply.usage and reply.usage.completion) == (True, (), 48)


@pytest.mark.parametrize(
    ("server", "name", "status", "words"),
    [
        ("llama-cpp-python", "22", 404, "Not Found"),
        ("llmock-pypi", "59", 404, "Not Found"),
        ("portkey-to-llama-server", "59", 500, "messages is not supported by openai"),
        ("litellm-mock", "23", 500, "Error processing stream start"),
    ],
)
def test_recorded_refusals_keep_their_words(server: str, name: str, status: int, words: str) -> None:
    reply = read(server, name)
    assert reply.error is not None
    assert (reply.error.status, reply.error.message, reply.problems) == (status, words, ())


def test_every_recording_is_read_without_a_problem() -> None:
    """Real servers disagree in harmless ways: no sequence numbers, no output index, no `event:` lines, a `[DONE]`."""
    read_all = [
        read(server, name.split("-")[0])
        for server in SERVERS
        for name in captures(server)
        if name.split("-")[0] in ("22", "23", "59")
    ]
    assert len(read_all) > 30
    assert [reply.problems for reply in read_all if reply.problems] == []


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read_file", "arguments": '{"path": "a"}'}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}
CREATED = {"type": "response.created", "response": {"status": "in_progress"}}


def ended(*items: Any, **more: Any) -> dict[str, Any]:
    response = {"object": "response", "status": "completed", "output": list(items), "usage": {"input_tokens": 9}}
    return {"type": "response.completed", "response": {**response, **more}}


def done(item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": 0, "item": item}


def response_stream(*sent: Any, **more: Any) -> TypedReply:
    body = events(*sent, done=False)
    return read_response(exchange(body, kind=EVENTS, asked={"stream": True}, **more))


def test_a_call_comes_from_the_item_that_is_done() -> None:
    reply = response_stream(CREATED, done(CALL), ended(CALL))
    assert (reply.calls[0].id, reply.calls[0].parsed, reply.items, reply.problems) == (
        "call_1",
        {"path": "a"},
        (CALL,),
        (),
    )


@pytest.mark.parametrize(
    ("sent", "subject"),
    [
        ((CREATED, done(CALL)), "stream-end"),
        ((done(CALL), ended(CALL)), "events"),
        ((CREATED, ended(CALL)), "events"),
        ((CREATED, "data: {broken", done(CALL), ended(CALL)), "events"),
        (({"object": "chat.completion.chunk", "choices": []},), "events"),
        ((CREATED, done({**CALL, "name": None}), ended()), "format"),
    ],
)
def test_what_breaks_a_client_of_responses_is_named(sent: tuple[Any, ...], subject: str) -> None:
    problems = response_stream(*sent).problems
    assert [(p.code, p.subject) for p in problems] == [("responses-api-broken", subject)]


ADDED = {"type": "response.output_item.added", "output_index": 0, "item": {**CALL, "arguments": ""}}


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ((CREATED, ADDED, done({**CALL, "arguments": {"path": "a"}}), ended()), ("tool-arguments-object", None)),
        ((CREATED, ADDED, done({**CALL, "arguments": '{"pa'}), ended()), ("tool-arguments-invalid-json", None)),
        ((CREATED, ADDED, done({**CALL, "call_id": None}), ended()), ("tool-call-id-missing", "stream")),
        ((CREATED, ADDED, done(CALL), ended(usage=None)), ("usage-missing", "stream")),
        ((CREATED, ADDED), ("stream-cut", None)),
        ((CREATED,), ("stream-cut", None)),
        ((CREATED, {"type": "error", "message": "gone"}), ("stream-error-event", None)),
    ],
)
def test_what_is_no_matter_of_the_api_has_the_name_that_it_has_elsewhere(
    sent: tuple[Any, ...], named: tuple[str, str | None]
) -> None:
    assert [(p.code, p.subject) for p in response_stream(*sent).problems] == [named]


def test_a_call_that_the_limit_cut_is_nobodys_fault() -> None:
    cut = ended(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    reply = response_stream(CREATED, done({**CALL, "arguments": '{"pa'}), {**cut, "type": "response.incomplete"})
    assert (reply.cut_at_limit, reply.problems) == (True, ())


def test_a_document_in_place_of_a_stream_is_named_and_an_error_is_an_error() -> None:
    plain = {"object": "response", "status": "completed", "output": [SAID]}
    document = read_response(exchange(plain, asked={"stream": True}))
    assert ([p.code for p in document.problems], document.text) == (["stream-not-streamed"], "hello")
    assert read_response(exchange(plain)).problems == ()
    assert [p.subject for p in read_response(exchange({"choices": []})).problems] == ["format"]
    failed = response_stream(CREATED, {"type": "error", "message": "out of memory"})
    assert failed.error and failed.error.message == "out of memory"


def test_an_end_that_we_did_not_wait_for_is_not_missed() -> None:
    assert response_stream(CREATED, done(CALL), end="idle-timeout").problems == ()


START = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}
STOP = {"type": "message_stop"}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}}
TOOL = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
}


def piece(text: str, index: int = 0) -> dict[str, Any]:
    delta = {"type": "input_json_delta", "partial_json": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def named(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}"


def with_ends(sent: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events, each block closed before the message comes to its end."""
    opened = [event for event in sent if event["type"] == "content_block_start"]
    ends = [{"type": "content_block_stop", **{n: e[n] for n in ("index",) if n in e}} for e in opened]
    at = next((n for n, event in enumerate(sent) if event["type"] == "message_delta"), len(sent))
    return [*sent[:at], *(ends if at < len(sent) else ()), *sent[at:]]


def message_stream(*sent: dict[str, Any], names: bool = True, closed: bool = True) -> TypedReply:
    sent = tuple(with_ends(sent)) if closed else sent
    body = events(*(named(event) if names else event for event in sent), done=False)
    return read_message(exchange(body, kind=EVENTS, asked={"stream": True}))


def test_a_call_comes_in_pieces_of_json() -> None:
    reply = message_stream(START, TOOL, piece('{"path"'), piece(': "a"}'), {"type": "ping"}, DELTA, STOP)
    assert (reply.calls[0].parsed, reply.finish, reply.problems) == ({"path": "a"}, "tool_use", ())
    assert reply.items == ({"type": "tool_use", "id": "t1", "name": "f", "input": {"path": "a"}},)
    assert reply.usage is not None
    assert (reply.usage.prompt, reply.usage.completion) == (9, 7)


def test_what_breaks_a_client_of_messages_is_named() -> None:
    sound = (START, TOOL, piece("{}"), DELTA, STOP)
    cases = {
        "unnamed events": (message_stream(*sound, names=False), "events"),
        "no end of a block": (message_stream(*sound, closed=False), "tools"),
        "no block": (message_stream(START, piece("{}"), DELTA, STOP), "events"),
        "arguments as text": (
            read_message(exchange({"content": [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]})),
            "tools",
        ),
        "no document": (read_message(exchange({"choices": []}, asked={"stream": True})), "events"),
    }
    assert {name: [p.subject for p in reply.problems] for name, (reply, _) in cases.items()} == {
        name: [subject] for name, (_, subject) in cases.items()
    }


def test_what_is_no_matter_of_messages_has_the_name_that_it_has_elsewhere() -> None:
    bare, loose = ({name: value for name, value in e.items() if name != "index"} for e in (TOOL, piece("{}")))
    nameless = {**TOOL, "content_block": {**TOOL["content_block"], "id": ""}}
    uncounted = ({**START, "message": {}}, TOOL, piece("{}"), {**DELTA, "usage": {}}, STOP)
    said = {**DELTA, "delta": {"stop_reason": "end_turn"}}
    cases: dict[str, tuple[TypedReply, tuple[str, str | None]]] = {
        "no end mark": (message_stream(START, TOOL, piece("{}"), DELTA), ("stream-done-missing", None)),
        "no end": (message_stream(START, TOOL, piece("{}")), ("stream-cut", None)),
        "half a call": (message_stream(START, TOOL, piece('{"a'), DELTA, STOP), ("tool-arguments-invalid-json", None)),
        "twice": (message_stream(START, TOOL, piece('"{}"'), DELTA, STOP), ("tool-arguments-double-encoded", None)),
        "no index": (message_stream(START, bare, loose, DELTA, STOP), ("stream-tool-index", "missing")),
        "no id": (message_stream(START, nameless, piece("{}"), DELTA, STOP), ("tool-call-id-missing", "stream")),
        "no counts": (message_stream(*uncounted), ("usage-missing", "stream")),
        "end_turn": (
            message_stream(START, TOOL, piece("{}"), said, STOP),
            ("finish-reason-wrong", "stop-with-calls"),
        ),
        "a document": (
            read_message(exchange({"content": []}, asked={"stream": True})),
            ("stream-not-streamed", None),
        ),
    }
    assert {name: [(p.code, p.subject) for p in reply.problems] for name, (reply, _) in cases.items()} == {
        name: [named] for name, (_, named) in cases.items()
    }


def test_blocks_without_an_index_are_told_apart_by_their_order() -> None:
    text = {"type": "content_block_start", "content_block": {"type": "text", "text": ""}}
    words = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "I read."}}
    call = {name: value for name, value in TOOL.items() if name != "index"}
    pieces = {name: value for name, value in piece('{"path": "a"}').items() if name != "index"}
    reply = message_stream(START, text, words, call, pieces, DELTA, STOP)
    assert (reply.text, reply.calls[0].parsed) == ("I read.", {"path": "a"})


def test_an_input_that_the_limit_cut_is_nobodys_fault() -> None:
    cut = {**DELTA, "delta": {"stop_reason": "max_tokens"}}
    assert message_stream(START, TOOL, piece('{"a'), cut, STOP).problems == ()


_TYPES = (
    *("response.created", "response.output_item.done", "response.output_text.delta", "response.completed"),
    *("message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop"),
    *("function_call", "tool_use", "message", "text", "input_json_delta", "error", 7, [], None),
)
_FIELDS = (
    *("item", "delta", "content", "index", "usage", "response", "output", "content_block", "message", "error", "text"),
    *("partial_json", "arguments", "call_id", "id", "input", "input_tokens", "stop_reason", "incomplete_details"),
)


def pick(draw: Any, depth: int = 3) -> Any:
    """A value that looks like a part of a reply and need not be one."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([None, True, 1, "x", "{}", [], {}]))
    if draw(st.integers(0, 4)) == 0:
        return [pick(draw, depth - 1)]
    names = draw(st.lists(st.sampled_from(_FIELDS), max_size=3))
    return {"type": draw(st.sampled_from(_TYPES)), **{name: pick(draw, depth - 1) for name in names}}


@given(st.data())
def test_no_reply_breaks_the_readers(data: st.DataObject) -> None:
    sent = [pick(data.draw) for _ in range(data.draw(st.integers(0, 4)))]
    for kind, body in ((EVENTS, events(*sent)), ("application/json", {"content": sent, "output": sent})):
        for reader in (read_message, read_response):
            reply = reader(exchange(body, kind=kind, asked={"stream": True}))
            assert all(isinstance(problem.excerpt, str) for problem in reply.problems)
