"""What faults are made of: looking at a request, refusing it, changing documents and events.

Another fault may have changed a reply before, so nothing here relies on the shape of a sound one.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from cab_check.demo.faults.fault import After, Before
from cab_check.demo.http import DONE, HttpReply, HttpRequest

Body = dict[str, Any]
When = Callable[[Body], bool]

CHAT = "/chat/completions"
_ERROR = re.compile(
    r"\s*(?:<\w+>)?(?:error|inputvalidation|failed|unsupported|tool \"[^\"]*\" not found)", re.IGNORECASE
)
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>"


# --- requests ---------------------------------------------------------------------------------------------------------


def always(body: Body) -> bool:
    """Every chat completion."""
    return True


def asked(request: HttpRequest) -> Body:
    """The chat completion that was asked for; empty for another request, and for a body that is no JSON object."""
    return asked_of(CHAT, request)


def asked_of(route: str, request: HttpRequest) -> Body:
    """The body of a request to that route; empty for another request, and for a body that is no JSON object."""
    if not request.path.endswith(route):
        return {}
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def messages(body: Body) -> list[dict[str, Any]]:
    """The messages of a request, without what is no message."""
    given = body.get("messages")
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def tools(body: Body) -> list[dict[str, Any]]:
    """The functions that a request offers."""
    given = body.get("tools")
    offered = [item.get("function") for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    return [function for function in offered if isinstance(function, dict)]


def has_tools(body: Body) -> bool:
    """Whether tools are offered."""
    return bool(tools(body))


def has_result(body: Body) -> bool:
    """Whether the request carries a tool's result: it is a later turn."""
    return any(item.get("role") == "tool" for item in messages(body))


def is_told(body: Body) -> bool:
    """Whether the conversation ends in a tool's result that is an error."""
    last = messages(body)[-1:]
    return any(item.get("role") == "tool" and _ERROR.match(text_of(item.get("content"))) for item in last)


def past_calls(body: Body) -> list[dict[str, Any]]:
    """The tool calls in the history."""
    given = [item.get("tool_calls") for item in messages(body)]
    return [call for calls in given if isinstance(calls, list) for call in calls if isinstance(call, dict)]


def text_of(content: Any) -> str:
    """The text of a message's content, parts joined."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def edit(change: Callable[[Body], None], when: When = always) -> Before:
    """Change the body of chat completions in place, before the model sees it."""

    def before(request: HttpRequest) -> HttpRequest:
        body = asked(request)
        if not body or not when(body):
            return request
        change(body)
        return replace(request, body=json.dumps(body).encode())

    return before


def without(*names: str) -> Before:
    """Chat completions without these fields."""

    def change(body: Body) -> None:
        for name in names:
            body.pop(name, None)

    return edit(change)


# --- refusals ---------------------------------------------------------------------------------------------------------


def error(status: int, message: str, **fields: Any) -> HttpReply:
    """An error in OpenAI's envelope."""
    return HttpReply(status, {"error": {"message": message, **fields}})


def written(status: int, body: bytes, kind: str = "application/json", *headers: tuple[str, str]) -> HttpReply:
    """A reply of these very bytes, whatever its kind says."""
    return HttpReply(status, body=body, headers=(("Content-Type", kind), *headers))


def everywhere(answer: HttpReply) -> After:
    """The same reply to everything."""
    return lambda request, reply: answer


def on_chat(answer: HttpReply, when: When = always) -> After:
    """The same reply to every chat completion for which `when` holds, unless it was refused already."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        return answer if body and reply.status == 200 and when(body) else reply

    return after


# --- documents and streams --------------------------------------------------------------------------------------------


def plain(change: Callable[[Any], object], when: When = always) -> After:
    """Change the document of plain completions in place."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if not body or reply.status != 200 or not isinstance(reply.value, dict) or not when(body):
            return reply
        value = copy.deepcopy(reply.value)
        change(value)
        return replace(reply, value=value)

    return after


def chunks(change: Callable[[list[Any]], list[Any]], when: When = always) -> After:
    """Change the events of streams."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        if not body or reply.events is None or not when(body):
            return reply
        return replace(reply, events=tuple(change(copy.deepcopy(list(reply.events)))))

    return after


def unless(when: When, fault: After) -> After:
    """`fault`, but for chat completions for which `when` holds."""
    return lambda request, reply: reply if when(asked(request)) else fault(request, reply)


def both(*steps: After) -> After:
    """One change of the reply after the other."""

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        for step in steps:
            reply = step(request, reply)
        return reply

    return after


def choices(document: Any) -> list[dict[str, Any]]:
    """The choices of a completion or of one event."""
    given = document.get("choices") if isinstance(document, dict) else None
    return [choice for choice in given if isinstance(choice, dict)] if isinstance(given, list) else []


def message(value: Any) -> dict[str, Any]:
    """The message of a completion, to change in place; an empty one if there is none."""
    given = [choice.get("message") for choice in choices(value)]
    return next((item for item in given if isinstance(item, dict)), {})


def calls(value: Any) -> list[dict[str, Any]]:
    """The tool calls of a completion, to change in place."""
    given = message(value).get("tool_calls")
    return [call for call in given if _is_call(call)] if isinstance(given, list) else []


def choice_deltas(events: list[Any]) -> Iterator[dict[str, Any]]:
    """The deltas of a stream, to change in place."""
    for event in events:
        for choice in choices(event):
            if isinstance(choice.get("delta"), dict):
                yield choice["delta"]


def deltas(events: list[Any]) -> Iterator[dict[str, Any]]:
    """The deltas of tool calls, to change in place."""
    for delta in choice_deltas(events):
        given = delta.get("tool_calls")
        yield from (call for call in given if _is_call(call)) if isinstance(given, list) else ()


def _is_call(call: Any) -> bool:
    return isinstance(call, dict) and isinstance(call.get("function"), dict)


def finish(document: Any, reason: str | None) -> None:
    """Set the finish reason where one is given."""
    for choice in choices(document):
        if choice.get("finish_reason") is not None:
            choice["finish_reason"] = reason


def frame(events: list[Any]) -> dict[str, Any]:
    """What every chunk of a stream repeats."""
    first = next((event for event in events if isinstance(event, dict)), {})
    return {key: value for key, value in first.items() if key not in ("choices", "usage")}


def delta_event(events: list[Any], delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    """One more chunk of the stream `events`."""
    return {**frame(events), "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def said(events: list[Any], text: str, finish_reason: str = "stop") -> list[Any]:
    """The same stream with only this text in it."""
    start = delta_event(events, {"role": "assistant", "content": ""})
    body, end = delta_event(events, {"content": text}), delta_event(events, {}, finish_reason)
    return [start, body, end, *(event for event in events if is_usage(event)), DONE]


def is_usage(event: Any) -> bool:
    """Whether this is the chunk that carries the token counts and nothing else."""
    return isinstance(event, dict) and bool(event.get("usage")) and not event.get("choices")


def speak(value: Any, text: str | None, finish_reason: str = "stop") -> None:
    """The same completion with only this text in it."""
    if message(value):
        message(value).update(content=text)
        message(value).pop("tool_calls", None)
        finish(value, finish_reason)


def instead(text: str, when: When = always) -> After:
    """This text in place of what the model says."""
    return both(plain(lambda value: speak(value, text), when), chunks(lambda events: said(events, text), when))
