"""Each deviation of form is named, and its sound neighbour is left alone."""

from __future__ import annotations

import json

import pytest
from captures.make import EVENTS, USAGE, call, chunk, completion, events, exchange, streamed
from hypothesis import given
from hypothesis import strategies as st

from cab_check.chat.reading import read_reply
from cab_check.chat.reply import Reply, Usage
from cab_check.knowledge.vocabulary import codes

HELLO = (chunk({"role": "assistant", "content": "hel"}), chunk({"content": "lo"}), chunk(finish="stop"), USAGE)


def codes_of(reply: Reply) -> list[str]:
    return sorted(f"{p.code}:{p.subject}" if p.subject else p.code for p in reply.problems)


def tool_stream(*deltas: list[dict], finish: str = "tool_calls") -> list[dict]:
    return [
        chunk({"role": "assistant", "content": None}),
        *(chunk({"tool_calls": d}) for d in deltas),
        chunk(finish=finish),
        USAGE,
    ]


def piece(index: int | None = 0, **fields: object) -> dict:
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    return {**({} if index is None else {"index": index}), **fields, "function": function}


START = piece(id="call_1", type="function", name="read_file", arguments="")

SOUND_PLAIN = {
    "text": completion(),
    "nulls of vLLM": completion(
        {"refusal": None, "tool_calls": None, "reasoning": None, "audio": None}, kv_transfer_params=None
    ),
    "empty list of calls": completion({"tool_calls": []}),
    "a call": completion({"content": None, "tool_calls": [call()]}, "tool_calls"),
    "a call beside text": completion({"tool_calls": [call()]}, "tool_calls"),
    "two calls": completion({"tool_calls": [call(), call(id="call_2")]}, "tool_calls"),
    "no arguments": completion({"tool_calls": [call("{}")]}, "tool_calls"),
    "arguments cut at the limit": completion({"tool_calls": [call('{"path": "a')]}, "length"),
    "arguments that hold JSON text": completion({"tool_calls": [call('{"text": "{\\"a\\": 1}"}')]}, "tool_calls"),
    "odd ids": completion({"tool_calls": [call(id="0"), call(id="functions.read_file:1")]}, "tool_calls"),
    "error null": completion(error=None),
    "legacy finish reason": completion(finish="eos"),
    "hidden reasoning counted in the total only": completion(
        usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 90}
    ),
    "a refusal": completion({"content": None, "refusal": "no"}),
}
FAULTY_PLAIN = {
    "body is a list": ([1], ["response-shape:body"]),
    "choices missing": ({"id": "x", "object": "chat.completion"}, ["response-shape:choices"]),
    "choices null": (completion(choices=None), ["response-shape:choices"]),
    "choices empty": (completion(choices=[]), ["response-shape:choices"]),
    "message missing": (completion(choices=[{"index": 0, "finish_reason": "stop"}]), ["response-shape:message"]),
    "content in parts": (completion({"content": [{"type": "text", "text": "hi"}]}), ["response-shape:content"]),
    "calls no list": (completion({"tool_calls": {"0": call()}}), ["response-shape:tool_calls"]),
    "error": ({"error": {"message": "boom"}}, ["error-in-success"]),
    "error as text": ({"error": "Unexpected endpoint or method. (POST /x)"}, ["error-in-success"]),
    "error inside the choice": (
        completion(choices=[{"error": {"code": 502, "message": "upstream"}, "finish_reason": "error"}]),
        ["error-in-success"],
    ),
    "failure of a gateway": ({"status": "failure", "message": "no provider"}, ["error-in-success"]),
    "no finish reason": (completion(finish=None), ["stream-cut"]),
    "stop beside a call": (completion({"tool_calls": [call()]}, "stop"), ["finish-reason-wrong:stop-with-calls"]),
    "tool_calls without a call": (completion(finish="tool_calls"), ["finish-reason-wrong:tool_calls-without-calls"]),
    "arguments as object": (completion({"tool_calls": [call({"path": "a"})]}, "tool_calls"), ["tool-arguments-object"]),
    "arguments empty": (completion({"tool_calls": [call("")]}, "tool_calls"), ["tool-arguments-empty"]),
    "arguments null": (completion({"tool_calls": [call(None)]}, "tool_calls"), ["tool-arguments-empty"]),
    "arguments not JSON": (
        completion({"tool_calls": [call('{"path": a}')]}, "tool_calls"),
        ["tool-arguments-invalid-json"],
    ),
    "arguments a list": (completion({"tool_calls": [call('["a"]')]}, "tool_calls"), ["tool-arguments-invalid-json"]),
    "arguments twice encoded": (
        completion({"tool_calls": [call(json.dumps('{"path": "a"}'))]}, "tool_calls"),
        ["tool-arguments-double-encoded"],
    ),
    "id missing": (completion({"tool_calls": [call(id=None)]}, "tool_calls"), ["tool-call-id-missing:plain"]),
    "id a number": (completion({"tool_calls": [call(id=7)]}, "tool_calls"), ["tool-call-id-missing:plain"]),
    "id empty": (completion({"tool_calls": [call(id="")]}, "tool_calls"), ["tool-call-id-missing:plain"]),
    "id twice": (completion({"tool_calls": [call(), call()]}, "tool_calls"), ["tool-call-id-repeated"]),
    "usage missing": ({k: v for k, v in completion().items() if k != "usage"}, ["usage-missing:plain"]),
    "usage empty": (completion(usage={}), ["usage-missing:plain"]),
    "usage zero": (
        completion(usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        ["usage-implausible"],
    ),
    "usage in words": (
        completion(usage={"prompt_tokens": "9", "completion_tokens": 3, "total_tokens": 12}),
        ["usage-implausible"],
    ),
    "usage adds up to too little": (
        completion(usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 4}),
        ["usage-implausible"],
    ),
    "reasoning": (completion({"reasoning": "hm"}), ["reasoning-field:reasoning"]),
    "reasoning_content": (completion({"reasoning_content": "hm"}), ["reasoning-field:reasoning_content"]),
}


@pytest.mark.parametrize("body", SOUND_PLAIN.values(), ids=SOUND_PLAIN)
def test_a_sound_plain_reply_has_no_problem(body):
    assert codes_of(read_reply(exchange(body))) == []


@pytest.mark.parametrize(("body", "expected"), FAULTY_PLAIN.values(), ids=FAULTY_PLAIN)
def test_a_faulty_plain_reply_is_named(body, expected):
    assert codes_of(read_reply(exchange(body))) == expected


def test_a_plain_reply_is_read():
    reply = read_reply(
        exchange(completion({"tool_calls": [call()], "reasoning": "hm"}, "tool_calls", system_fingerprint="fp"))
    )
    assert (reply.content, reply.reasoning, reply.finish_reason, reply.model) == ("hello", "hm", "tool_calls", "m")
    assert reply.usage == Usage(9, 3, 12)
    assert (reply.tool_calls[0].name, reply.tool_calls[0].parsed) == ("read_file", {"path": "a"})
    assert reply.system_fingerprint == "fp"
    assert reply.whole and not reply.streamed


SOUND_STREAM = {
    "another word for what a chunk is": ({**HELLO[0], "object": "chat.completion.chunks"}, *HELLO[1:]),
    "text": HELLO,
    "null content first": (chunk({"role": "assistant", "content": None}), *HELLO[1:]),
    "empty deltas": (chunk(), chunk({"content": ""}), *HELLO),
    "null calls": (chunk({"content": "x", "tool_calls": None}), chunk({"tool_calls": []}), *HELLO[2:]),
    "finish reason empty until the end": (chunk({"content": "x"}, finish=""), *HELLO[2:]),
    "usage beside the finish reason": (HELLO[0], chunk(finish="stop", usage=USAGE["usage"])),
    "usage null until the end": (chunk({"content": "x"}, usage=None), *HELLO[2:]),
    "two alternatives": (
        HELLO[0],
        {**chunk(), "choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": None}]},
        *HELLO[1:],
    ),
    "a call": tool_stream([START], [piece(arguments='{"path"')], [piece(arguments=': "a"}')]),
    "a call at once": tool_stream([piece(id="c", name="read_file", arguments="{}")]),
    "a call with nulls later": tool_stream([START], [piece(id=None, name=None, arguments='{"path": "a"}', type=None)]),
    "a call with its id repeated": tool_stream([START], [piece(id="call_1", arguments="{}")]),
    "two calls": tool_stream(
        [START], [piece(arguments="{}")], [piece(1, id="call_2", name="read_file", arguments="{}")]
    ),
    "two calls in one delta": tool_stream(
        [piece(id="a", name="f", arguments="{}"), piece(1, id="b", name="f", arguments="{}")]
    ),
    "a call cut at the limit": tool_stream([START], [piece(arguments='{"pa')], finish="length"),
}
FAULTY_STREAM = {
    "no [DONE]": (HELLO, {"done": False}, ["stream-done-missing"]),
    "no finish reason": ((HELLO[0], USAGE), {}, ["stream-cut"]),
    "only [DONE]": ((), {}, ["stream-cut"]),
    "connection cut": (HELLO[:2], {"done": False, "end": "cut"}, ["stream-cut"]),
    "comments": ((": keep-alive", *HELLO), {}, ["stream-comments"]),
    "error": ((HELLO[0], {"error": {"message": "gpu died", "code": 500}}), {"done": False}, ["stream-error-event"]),
    "error by the event's name": (
        (HELLO[0], 'event: error\ndata: {"message": "gpu died"}'),
        {},
        ["stream-error-event"],
    ),
    "error by the event's name, in words": ((HELLO[0], "event: error\ndata: gpu died"), {}, ["stream-error-event"]),
    "error beside a choice": (
        (HELLO[0], chunk(finish="error", error={"code": 502, "message": "lost"})),
        {},
        ["stream-error-event"],
    ),
    "bad JSON": ((HELLO[0], 'data: {"choices": [', *HELLO[1:]), {}, ["stream-event-malformed:json"]),
    "no object": ((HELLO[0], "data: 7", *HELLO[1:]), {}, ["stream-event-malformed:object"]),
    "choices missing": (({"id": "x"}, *HELLO), {}, ["stream-event-malformed:choices"]),
    "index missing": (
        ({**chunk(), "choices": [{"delta": {"content": "x"}}]}, *HELLO[2:]),
        {},
        ["stream-event-malformed:choices"],
    ),
    "delta null": (
        ({**chunk(), "choices": [{"index": 0, "delta": None}]}, *HELLO),
        {},
        ["stream-event-malformed:delta"],
    ),
    "delta null beside the finish reason": (
        (*HELLO[:2], {**chunk(), "choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}, *HELLO[3:]),
        {},
        ["stream-event-malformed:last-delta"],
    ),
    "delta missing beside the finish reason": (
        (HELLO[0], {**chunk(), "choices": [{"index": 0, "finish_reason": "stop"}]}, USAGE),
        {},
        ["stream-event-malformed:last-delta"],
    ),
    "role empty": ((chunk({"role": "", "content": "x"}), *HELLO), {}, ["stream-event-malformed:role"]),
    "text after [DONE]": (
        (*HELLO, "data: [DONE]", chunk({"content": "more"})),
        {"done": False},
        ["stream-event-malformed:framing"],
    ),
    "one line end between events": (
        ("\n".join("data: " + json.dumps(c) for c in HELLO),),
        {},
        ["stream-event-malformed:framing"],
    ),
    "empty choices, not asked for": (HELLO, {"usage": False}, ["stream-empty-choices"]),
    "empty choices of a filter": (
        ({**chunk(), "choices": [], "prompt_filter_results": []}, *HELLO),
        {},
        ["stream-empty-choices"],
    ),
    "usage asked for and missing": (HELLO[:3], {}, ["usage-missing:stream"]),
    "reasoning": ((chunk({"reasoning_content": "hm"}), *HELLO), {}, ["reasoning-field:reasoning_content"]),
    "index missing in calls": (
        tool_stream([piece(None, id="c", name="f", arguments="{}")]),
        {},
        ["stream-tool-index:missing"],
    ),
    "index reused": (
        tool_stream([START], [piece(arguments="{}")], [piece(id="call_2", name="read_file", arguments="{}")]),
        {},
        ["stream-tool-index:reused"],
    ),
    "index from one": (tool_stream([piece(1, id="c", name="f", arguments="{}")]), {}, ["stream-tool-index:offset"]),
    "name late": (
        tool_stream([piece(id="c", arguments="")], [piece(name="f", arguments="{}")]),
        {},
        ["stream-tool-name:late"],
    ),
    "name null at first": (
        tool_stream([piece(id="c", name=None, arguments="")], [piece(arguments="{}")]),
        {},
        ["stream-tool-name:null"],
    ),
    "name null at first, then there": (
        tool_stream([piece(id="c", name=None, arguments="")], [piece(name="f", arguments="{}")]),
        {},
        ["stream-tool-name:null"],
    ),
    "name never there": (tool_stream([piece(id="c", arguments="{}")]), {}, ["stream-tool-name:null"]),
    "calls no list": (
        (HELLO[0], chunk({"tool_calls": {"0": START}}), *HELLO[1:]),
        {},
        ["stream-event-malformed:delta"],
    ),
    "name repeated": (
        tool_stream([START], [piece(name="read_file", arguments="{}")]),
        {},
        ["stream-tool-name:repeated"],
    ),
    "id missing": (tool_stream([piece(name="f", arguments="{}")]), {}, ["tool-call-id-missing:stream"]),
    "no arguments at all": (tool_stream([START]), {}, ["tool-arguments-empty"]),
    "arguments as object": (tool_stream([piece(id="c", name="f", arguments={"a": 1})]), {}, ["tool-arguments-object"]),
    "arguments not JSON": (tool_stream([piece(id="c", name="f", arguments="{,")]), {}, ["tool-arguments-invalid-json"]),
    "stop beside a call": (
        tool_stream([piece(id="c", name="f", arguments="{}")], finish="stop"),
        {},
        ["finish-reason-wrong:stop-with-calls"],
    ),
}


@pytest.mark.parametrize("chunks", SOUND_STREAM.values(), ids=SOUND_STREAM)
def test_a_sound_stream_has_no_problem(chunks):
    assert codes_of(read_reply(streamed(*chunks))) == []


@pytest.mark.parametrize(("chunks", "how", "expected"), FAULTY_STREAM.values(), ids=FAULTY_STREAM)
def test_a_faulty_stream_is_named(chunks, how, expected):
    assert codes_of(read_reply(streamed(*chunks, **how))) == expected


def test_every_named_problem_is_of_the_vocabulary():
    named = {
        code.split(":")[0] for *_, expected in (*FAULTY_PLAIN.values(), *FAULTY_STREAM.values()) for code in expected
    }
    assert named <= set(codes())


def test_a_stream_without_asking_for_usage_owes_none():
    assert codes_of(read_reply(streamed(*HELLO[:3], usage=False))) == []


def test_calls_of_a_stream_are_put_together():
    chunks = tool_stream(
        [START], [piece(arguments='{"path"')], [piece(1, id="b", name="g", arguments="{}")], [piece(arguments=': "a"}')]
    )
    reply = read_reply(streamed(*chunks))
    assert [(c.id, c.name, c.parsed) for c in reply.tool_calls] == [
        ("call_1", "read_file", {"path": "a"}),
        ("b", "g", {}),
    ]


def test_calls_on_one_index_are_merged_as_clients_merge_them():
    chunks = tool_stream([START], [piece(arguments="{}")], [piece(id="call_2", name="write_file", arguments="{}")])
    (merged,) = read_reply(streamed(*chunks)).tool_calls
    assert (merged.name, merged.arguments) == ("read_file", "{}{}")


@given(step=st.integers(1, 80), end=st.sampled_from(["\n", "\r\n"]))
def test_packets_and_line_ends_change_nothing_but_times(step, end):
    chunks = (chunk({"content": "héllo \N{OPEN BOOK}"}), *HELLO[2:])
    whole = exchange(
        events(*chunks, end=end),
        kind=EVENTS,
        asked={"stream": True, "stream_options": {"include_usage": True}},
        step=step,
    )
    reply = read_reply(whole)
    assert (reply.content, reply.problems) == ("héllo \N{OPEN BOOK}", ())
    assert [delta.kind for delta in reply.deltas] == ["content", "finish", "usage"]
    assert all(10.0 <= delta.at_ms <= whole.times.end for delta in reply.deltas)


def test_times_are_left_out_where_the_pieces_are_not_the_text():
    import dataclasses

    packed = dataclasses.replace(streamed(*HELLO), body=events(*HELLO).encode())
    packed = dataclasses.replace(packed, got=dataclasses.replace(packed.got, pieces=packed.got.pieces[:0]))
    reply = read_reply(packed)
    assert (reply.content, reply.deltas) == ("hello", ())


MISMATCHED = {
    "JSON for a stream": (exchange(completion(), asked={"stream": True}), ["stream-not-streamed"]),
    "JSON under the events' type": (
        exchange(completion(), asked={"stream": True}, kind=EVENTS),
        ["stream-not-streamed"],
    ),
    "an error for a stream": (exchange({"error": "no"}, asked={"stream": True}), ["error-in-success"]),
    "lines of JSON": (
        exchange("{}\n{}\n", asked={"stream": True}, kind="application/x-ndjson"),
        ["stream-event-malformed:framing"],
    ),
    "nothing for a stream": (exchange(b"", asked={"stream": True}, kind=EVENTS), ["stream-cut"]),
    "events as text": (
        exchange(events(*HELLO[:3]), asked={"stream": True}, kind="text/plain"),
        ["stream-wrong-content-type"],
    ),
    "a page for a stream": (
        exchange("<html></html>", asked={"stream": True}, kind="text/html"),
        ["web-page-instead-of-api"],
    ),
    "a page": (exchange("<!DOCTYPE html><html></html>", kind="text/html"), ["web-page-instead-of-api"]),
    "nothing": (exchange(b""), ["response-not-json"]),
    "half a document": (exchange(b'{"choices": [', end="cut"), ["response-not-json"]),
    "damaged compression": (exchange(b"", decode_error="gzip: incorrect header check"), ["response-not-json"]),
    "a stream with damaged compression": (
        exchange(events(*HELLO[:3]), asked={"stream": True}, kind=EVENTS, decode_error="gzip: unexpected end"),
        ["stream-compressed"],
    ),
    "events for a plain request": (exchange(events(*HELLO[:3]), kind=EVENTS), ["response-not-json"]),
    "we waited too long": (exchange(b"", end="idle-timeout"), []),
    "we waited too long in a stream": (streamed(*HELLO[:2], done=False, end="total-timeout"), []),
    "a sound stream of the wrong case": (
        exchange(events(*HELLO[:3]), asked={"stream": True}, kind="Text/Event-Stream; charset=utf-8"),
        [],
    ),
}


@pytest.mark.parametrize(("given", "expected"), MISMATCHED.values(), ids=MISMATCHED)
def test_what_was_asked_decides_what_is_due(given, expected):
    assert codes_of(read_reply(given)) == expected


def test_a_refusal_is_an_error_and_no_deviation_of_form():
    reply = read_reply(exchange({"error": {"message": "no", "code": "x"}}, status=400))
    assert (reply.error.message, reply.error.status, reply.problems) == ("no", 400, ())


@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_make_the_reader_fail(data, stream):
    read_reply(exchange(data, asked={"stream": stream}, kind=EVENTS if stream else "application/json"))


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "message", "tool_calls", "function", "error", "usage", "index", "id", "content"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSONISH)
def test_no_shape_makes_the_reader_fail(value):
    read_reply(exchange(value))
    read_reply(streamed(value))
    read_reply(exchange(value, status=500))
