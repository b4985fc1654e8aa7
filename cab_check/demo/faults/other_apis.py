"""Faults that show over /responses or /messages only."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cab_check.demo.faults.calls import arguments, each_call
from cab_check.demo.faults.fault import After, Before, Fault
from cab_check.demo.faults.over import OTHERS, Json, over
from cab_check.demo.faults.parts import asked_of, error, finish, message, plain, speak
from cab_check.demo.http import HttpReply, HttpRequest

_THOUGHT = "I should look at the file."
_PARAMS: dict[str, dict[str, tuple[str, str]]] = {
    "responses": {
        "store": ("responses-api-broken", "store"),
        "include": ("responses-api-broken", "store"),
        **{name: ("param-rejected", name) for name in ("parallel_tool_calls", "prompt_cache_key", "reasoning")},
    },
    "messages": {
        "thinking": ("messages-api-broken", "thinking"),
        **{name: ("param-rejected", name) for name in ("context_management", "output_config")},
    },
}
"""The parameters that the clients of each API send -> what a refusal shows. Only some are in the general questions."""


def _nothing(value: Json, thought: str = "") -> None:
    speak(value, None)
    message(value).update({"reasoning_content": thought} if thought else {})
    value["usage"] = {"prompt_tokens": 9, "completion_tokens": 7 if thought else 0}


def _events(api: str, change: Callable[[list[Any]], list[Any]]) -> After:
    """Other events in the streams of that API."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        if not asked_of(OTHERS[api].route, request) or reply.events is None:
            return reply
        return replace(reply, events=tuple(change(list(reply.events))))

    return after


def _without_index(events: list[Any]) -> list[Any]:
    return [{name: value for name, value in event.items() if name != "index"} for event in events]


def _plainly(api: str) -> Before:
    """Requests that do not ask for a stream any more."""

    def before(request: HttpRequest) -> HttpRequest:
        body = asked_of(OTHERS[api].route, request)
        return replace(request, body=json.dumps({**body, "stream": False}).encode()) if body else request

    return before


def _refused(api: str, name: str) -> Fault:
    code, subject = _PARAMS[api][name]
    refusal = OTHERS[api].refusal(error(400, f"Unsupported parameter: {name}", type="invalid_request_error"))

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked_of(OTHERS[api].route, request)
        return refusal if reply.status == 200 and body.get(name) is not None else reply

    says = f"A request to /{api} that holds the parameter {name} is refused."
    kind = f"{api}-{code}" if code == "param-rejected" else code
    return Fault(f"{kind}-{name}", code, says, after=after, subject=subject)


def _shared(api: str) -> tuple[Fault, ...]:
    return (
        Fault(
            f"{api}-empty-reply",
            "empty-reply",
            f"Replies of /{api} hold neither text nor call.",
            after=over(api, plain(_nothing)),
        ),
        Fault(
            f"{api}-empty-reply-reasoning",
            "empty-reply",
            f"Replies of /{api} hold reasoning, and neither text nor call.",
            after=over(api, plain(lambda value: _nothing(value, _THOUGHT))),
        ),
        Fault(
            f"{api}-tool-call-id-missing",
            "tool-call-id-missing",
            f"Calls over /{api} carry no id.",
            after=over(api, each_call(lambda call: call.update(id=None))),
            subject="stream",
        ),
        Fault(
            f"{api}-stream-not-streamed",
            "stream-not-streamed",
            f"A request to /{api} for a stream is answered with one JSON document.",
            before=_plainly(api),
        ),
        Fault(
            f"{api}-stream-cut",
            "stream-cut",
            f"Streams of /{api} end in the middle.",
            after=_events(api, lambda events: events[: len(events) // 2]),
        ),
        Fault(
            f"{api}-usage-missing",
            "usage-missing",
            f"Replies of /{api} carry no token counts.",
            after=over(api, plain(lambda value: value.pop("usage", None))),
            subject="stream",
        ),
        *(_refused(api, name) for name in _PARAMS[api]),
    )


FAULTS = (
    *_shared("responses"),
    Fault(
        "responses-tool-arguments-object",
        "tool-arguments-object",
        "The arguments of calls over /responses are a JSON object, not a string that holds one.",
        after=over("responses", arguments(json.loads)),
    ),
    *_shared("messages"),
    Fault(
        "messages-stream-done-missing",
        "stream-done-missing",
        "Streams of /messages end without message_stop.",
        after=_events("messages", lambda events: events[:-1]),
    ),
    Fault(
        "messages-stream-tool-index",
        "stream-tool-index",
        "The blocks in streams of /messages carry no index.",
        after=_events("messages", _without_index),
        subject="missing",
    ),
    Fault(
        "messages-finish-reason-wrong",
        "finish-reason-wrong",
        "Replies of /messages with calls end with the stop reason end_turn.",
        after=over("messages", plain(lambda value: finish(value, "stop"))),
        subject="stop-with-calls",
    ),
)
