"""Faults of the reply with tool calls, and of the turn that brings a tool's result."""

from __future__ import annotations

import json
from typing import Any

from cab_check.demo.faults.calls import arguments, as_text, each_call, each_delta, hermes, in_one_chunk
from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.parts import (
    Body,
    both,
    calls,
    choice_deltas,
    chunks,
    deltas,
    edit,
    error,
    finish,
    has_result,
    has_tools,
    instead,
    is_told,
    message,
    messages,
    on_chat,
    plain,
    text_of,
    unless,
)
from cab_check.demo.http import HttpReply, HttpRequest

_PROSE = "I would read that file for you."
_NO_FILE = "I have no access to that file."


def _without_ids(value: Any) -> None:
    for call in calls(value):
        call.pop("id", None)


def _unforced(body: Body) -> bool:
    """A first turn that offers tools and leaves the choice to the model."""
    return has_tools(body) and not has_result(body) and body.get("tool_choice") in (None, "auto")


def _finish(reason: str, *, with_calls: bool) -> After:
    """This finish reason, on replies with calls or without."""

    def in_plain(value: Any) -> None:
        if bool(calls(value)) == with_calls:
            finish(value, reason)

    def in_stream(events: list[Any]) -> list[Any]:
        if bool(list(deltas(events))) == with_calls:
            for event in events:
                finish(event, reason)
        return events

    return both(plain(in_plain), chunks(in_stream))


def _never_length() -> After:
    """A reply that was cut at the limit ends as if it were whole."""

    def hide(document: Any, called: bool) -> None:
        reason = "tool_calls" if called else "stop"
        for choice in document.get("choices", ()) if isinstance(document, dict) else ():
            if isinstance(choice, dict) and choice.get("finish_reason") == "length":
                choice["finish_reason"] = reason

    def in_stream(events: list[Any]) -> list[Any]:
        called = bool(list(deltas(events)))
        for event in events:
            hide(event, called)
        return events

    return both(plain(lambda value: hide(value, bool(calls(value)))), chunks(in_stream))


def _in_reasoning() -> After:
    """Every call in the reasoning text, and nowhere else."""
    moved = as_text(hermes)

    def in_plain(value: Any) -> None:
        if "<tool_call>" in str(message(value).get("content")):
            message(value).update(reasoning_content=message(value)["content"], content=None)

    def in_stream(events: list[Any]) -> list[Any]:
        for delta in choice_deltas(events):
            if "<tool_call>" in str(delta.get("content")):
                delta["reasoning_content"] = delta.pop("content")
        return events

    return both(moved, plain(in_plain), chunks(in_stream))


def _unparsed(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """An error in place of every reply that holds a call."""
    if not calls(reply.value) and not list(deltas(list(reply.events or ()))):
        return reply
    return error(500, "error parsing tool call: raw='{\"name\": ', err=unexpected end of JSON input", type="api_error")


def _unheard(body: Body) -> None:
    """Later turns without what the tool returned."""
    for item in messages(body):
        if item.get("role") == "tool":
            item["content"] = ""


def _misspelt(body: Body) -> None:
    """Later turns in which the model sees the digit 8 for the first letter of each result."""
    for item in messages(body):
        if item.get("role") == "tool":
            item["content"] = f"8{text_of(item.get('content'))[1:]}"


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _wrong_types(text: str) -> str:
    try:
        return json.dumps(dict.fromkeys(json.loads(text), 7))
    except ValueError:
        return text


def _as_strings(text: str) -> str:
    try:
        given = json.loads(text)
    except ValueError:
        return text
    if not isinstance(given, dict):
        return text
    return json.dumps({name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()})


def _as_object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_CUT_SHORT = arguments(lambda text: text[:-2])
_NAMED_WRONG = each_call(lambda call: call["function"].update(name=f"functions.{call['function'].get('name')}:0"))

FAULTS = (
    Fault(
        "tool-call-missing",
        "tool-call-missing",
        "The model talks of what it would do instead of calling the tool.",
        after=instead(_PROSE, _unforced),
    ),
    Fault(
        "tool-call-as-text",
        "tool-call-as-text",
        "Tool calls stand in the text as the model wrote them: nobody parsed them.",
        after=as_text(hermes),
        subject="hermes",
    ),
    Fault(
        "tool-call-as-text-end",
        "tool-call-as-text",
        "Of a tool call only its end is left, and stands in the text.",
        after=as_text(lambda name, written: f"{written}\n</parameter>\n</function>"),
        subject="other",
    ),
    Fault(
        "tool-call-in-reasoning",
        "tool-call-in-reasoning",
        "Tool calls stand in the reasoning text.",
        after=_in_reasoning(),
    ),
    Fault(
        "tool-call-swallowed",
        "tool-call-swallowed",
        "Tokens are counted for a tool call, and neither call nor text comes back.",
        after=as_text(lambda name, written: ""),
    ),
    Fault(
        "tool-call-parse-failure",
        "tool-call-parse-failure",
        "The server cannot parse the model's own tool call, and answers with a 500 that says so.",
        after=_unparsed,
    ),
    Fault(
        "tool-name-wrong",
        "tool-name-wrong",
        "Calls name the tool with a prefix and a number around it.",
        after=_NAMED_WRONG,
    ),
    Fault(
        "tool-name-wrong-until-told",
        "tool-name-wrong",
        "Calls name the tool with a prefix and a number around it; once told that there is no such tool, they do not.",
        after=unless(is_told, _NAMED_WRONG),
    ),
    Fault(
        "tool-arguments-invalid-json",
        "tool-arguments-invalid-json",
        "The arguments of calls lack their last characters.",
        after=_CUT_SHORT,
    ),
    Fault(
        "tool-arguments-invalid-json-until-told",
        "tool-arguments-invalid-json",
        "The arguments of calls lack their last characters, but for a call that follows an error.",
        after=unless(is_told, _CUT_SHORT),
    ),
    Fault(
        "tool-arguments-object",
        "tool-arguments-object",
        "The arguments of calls are a JSON object, not a string that holds one.",
        after=arguments(_as_object),
    ),
    Fault(
        "tool-arguments-double-encoded",
        "tool-arguments-double-encoded",
        "The arguments of calls are JSON in a JSON string.",
        after=arguments(json.dumps),
    ),
    Fault(
        "tool-arguments-empty",
        "tool-arguments-empty",
        "A call without arguments carries an empty string in place of {}.",
        after=arguments(lambda text: "" if text == "{}" else text),
    ),
    Fault(
        "tool-arguments-schema-mismatch",
        "tool-arguments-schema-mismatch",
        "Every argument of a call is the number 7, whatever type the tool's schema wants.",
        after=arguments(_wrong_types),
        subject="path",
    ),
    Fault(
        "tool-arguments-schema-mismatch-until-told",
        "tool-arguments-schema-mismatch",
        "Every argument of a call is the number 7, but for a call that follows an error.",
        after=unless(is_told, arguments(_wrong_types)),
        subject="path",
    ),
    Fault(
        "tool-arguments-schema-mismatch-strings",
        "tool-arguments-schema-mismatch",
        "Every argument of a call is text, a number too.",
        after=arguments(_as_strings),
        subject="limit",
    ),
    Fault(
        "tool-arguments-unfaithful",
        "tool-arguments-unfaithful",
        "Angle brackets in the arguments of calls come as HTML entities.",
        after=arguments(_escaped),
    ),
    Fault(
        "tool-call-id-missing",
        "tool-call-id-missing",
        "The id of every call is empty.",
        after=each_call(lambda call: call.update(id="")),
        subject="plain",
    ),
    Fault(
        "tool-call-id-missing-plain",
        "tool-call-id-missing",
        "Calls of plain replies carry no id; streamed ones do.",
        after=plain(_without_ids),
        subject="plain",
    ),
    Fault(
        "tool-call-id-missing-stream",
        "tool-call-id-missing",
        "Streamed calls carry no id.",
        after=each_delta(lambda entry, name: entry.pop("id", None)),
        subject="stream",
    ),
    Fault(
        "tool-call-id-missing-one-chunk",
        "tool-call-id-missing",
        "Streamed calls come whole, in one chunk, and carry no id.",
        after=in_one_chunk(lambda call: call.pop("id", None)),
        subject="stream",
    ),
    Fault(
        "tool-call-id-repeated",
        "tool-call-id-repeated",
        "All calls carry the same id.",
        after=each_call(lambda call: call.update(id="call_1")),
    ),
    Fault(
        "parallel-calls-unsupported",
        "parallel-calls-unsupported",
        "Asked for two independent calls, the model makes one.",
        before=edit(lambda body: body.update(parallel_tool_calls=False), has_tools),
    ),
    Fault(
        "finish-reason-wrong",
        "finish-reason-wrong",
        "Replies with tool calls end with the finish reason stop.",
        after=_finish("stop", with_calls=True),
        subject="stop-with-calls",
    ),
    Fault(
        "finish-reason-wrong-without-calls",
        "finish-reason-wrong",
        "Replies without tool calls end with the finish reason tool_calls.",
        after=_finish("tool_calls", with_calls=False),
        subject="tool_calls-without-calls",
    ),
    Fault(
        "truncation-hidden",
        "truncation-hidden",
        "A reply that was cut at the output limit is reported as complete.",
        after=_never_length(),
        subject="stop",
    ),
    Fault(
        "tool-result-rejected",
        "tool-result-rejected",
        "The turn with the tool's result is refused, in words that nobody knows.",
        after=on_chat(error(400, "flux"), has_result),
    ),
    Fault(
        "tool-result-ignored",
        "tool-result-ignored",
        "The model answers the tool's result with a sentence that does not use it.",
        after=instead(_NO_FILE, has_result),
    ),
    Fault(
        "tool-arguments-unfaithful-result",
        "tool-arguments-unfaithful",
        "The model repeats what a tool returned with its first letter wrong.",
        before=edit(_misspelt, has_result),
        subject="result",
    ),
    Fault(
        "tool-result-ignored-unheard",
        "tool-result-ignored",
        "What the tool returned never reaches the model: its text is dropped on the way.",
        before=edit(_unheard, has_result),
    ),
)
