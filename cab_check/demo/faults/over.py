"""A fault of a chat completion over /responses and /messages: the same model stands behind all three.

The sound reply of the other API is read back into the chat completion that says the same, the fault changes that, and
what comes of it is written as a reply of the API, plain or streamed: a fault of the model's answer is described once.
A fault may have left anything in a call, so nothing here relies on the type of a value.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cab_check.demo import messages, responses
from cab_check.demo.completion import Completion
from cab_check.demo.errors import ApiError
from cab_check.demo.faults.fault import After, Fault
from cab_check.demo.faults.parts import CHAT, asked_of, both, calls, choices, message
from cab_check.demo.http import HttpReply, HttpRequest, compact

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Other:
    """One of the other APIs: its route, its request as one of chat completions, its document as a completion, the
    document that a stream tells of, and how a completion and a refusal are written.
    """

    route: str
    as_chat: Callable[[Json], Json]
    read: Callable[[Json], Json]
    told_by: Callable[[list[Json]], Json | None]
    encode: Callable[..., HttpReply]
    refusal: Callable[[HttpReply], HttpReply]


@dataclass(frozen=True, slots=True)
class _Left:
    """A call as a fault has left it: any of its values may be missing or of any type."""

    id: Any
    name: Any
    arguments: Any


def over(api: str, fault: After) -> After:
    """`fault`, of chat completions, on the replies of that API."""
    other = OTHERS[api]

    def after(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked_of(other.route, request)
        sound = reply.value if reply.events is None else other.told_by([e for e in reply.events if isinstance(e, dict)])
        if not body or reply.status != 200 or not isinstance(sound, dict):
            return reply
        chat = {**body, **other.as_chat(body), "stream": False}
        asked = HttpRequest("POST", f"/v1{CHAT}", request.headers, json.dumps(chat).encode())
        before = HttpReply(200, other.read(sound))
        changed = fault(asked, before)
        if changed == before:
            return reply
        if changed.status != 200 or not choices(changed.value):
            return other.refusal(changed)
        written = other.encode(_completion(changed.value), stream=reply.events is not None)
        return replace(reply, value=written.value, events=written.events)

    return after


def everywhere(fault: Fault) -> Fault:
    """`fault` over all three APIs."""
    return replace(fault, after=both(fault.after, *(over(api, fault.after) for api in OTHERS)))


def _chat(frame: Json, text: str, found: list[Json], finish: str, counts: tuple[Any, Any]) -> Json:
    said = {"role": "assistant", "content": text or None, **({"tool_calls": found} if found else {})}
    choice = {"index": 0, "message": said, "finish_reason": finish}
    usage = {"prompt_tokens": counts[0], "completion_tokens": counts[1]} if counts[0] is not None else None
    return {"id": frame.get("id"), "created": frame.get("created_at", 0), "choices": [choice], "usage": usage}


def _call(id_: Any, name: Any, arguments: Any) -> Json:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def _completion(value: Json) -> Completion:
    """The changed chat completion; what it lacks is None, as it is written then."""
    said, usage = message(value), value.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    made: list[Any] = [
        _Left(call.get("id"), call["function"].get("name"), call["function"].get("arguments")) for call in calls(value)
    ]
    return Completion(
        id=str(value.get("id")),
        created=value.get("created", 0),
        text=str(said.get("content") or ""),
        calls=tuple(made),
        finish_reason=choices(value)[0]["finish_reason"],
        prompt_tokens=counts.get("prompt_tokens", 0),
        completion_tokens=counts.get("completion_tokens", 0),
        reasoning=str(said.get("reasoning_content") or ""),
        counted=bool(counts),
    )


def _rows(value: Any) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _joined(rows: list[Json]) -> str:
    return "".join(row["text"] for row in rows if isinstance(row.get("text"), str))


# --- /responses ------------------------------------------------------------------------------------------------------


def _read_response(value: Json) -> Json:
    items, usage = _rows(value.get("output")), value.get("usage") or {}
    parts = [part for item in items if item.get("type") == "message" for part in _rows(item.get("content"))]
    found = [
        _call(item.get("call_id"), item.get("name"), item.get("arguments"))
        for item in items
        if item.get("type") == "function_call"
    ]
    finish = "length" if value.get("status") == "incomplete" else "tool_calls" if found else "stop"
    return _chat(value, _joined(parts), found, finish, (usage.get("input_tokens"), usage.get("output_tokens")))


def _last_response(events: list[Json]) -> Json | None:
    whole = events[-1].get("response") if events else None
    return whole if isinstance(whole, dict) else None


# --- /messages -------------------------------------------------------------------------------------------------------

_FINISHES = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


def _read_message(value: Json) -> Json:
    blocks, usage = _rows(value.get("content")), value.get("usage") or {}
    found = [
        _call(block.get("id"), block.get("name"), _written(block.get("input")))
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    finish = _FINISHES.get(str(value.get("stop_reason")), "stop")
    text = _joined([block for block in blocks if block.get("type") == "text"])
    return _chat(value, text, found, finish, (usage.get("input_tokens"), usage.get("output_tokens")))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


def _put_together(events: list[Json]) -> Json | None:
    """The message that its events tell of."""
    whole: Json = {}
    blocks: list[Json] = []
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            whole = dict(event["message"])
        elif kind == "content_block_start":
            block = event["content_block"]
            blocks.append({**block, "input": ""} if block.get("type") == "tool_use" else dict(block))
        elif kind == "content_block_delta" and blocks:
            delta, last = event["delta"], blocks[-1]
            field = "input" if "partial_json" in delta else "text"
            last[field] = f"{last.get(field, '')}{delta.get('partial_json', delta.get('text', ''))}"
        elif kind == "message_delta":
            counts = {**(whole.get("usage") or {}), **(event.get("usage") or {})}
            whole |= {**event["delta"], "usage": counts}
    return {**whole, "content": blocks} if whole else None


def _refusal(reply: HttpReply) -> HttpReply:
    """A refusal in the form of this API; what is no refusal in OpenAI's form stays what it is."""
    error = reply.value.get("error", reply.value) if isinstance(reply.value, dict) else None
    words = error.get("message") if isinstance(error, dict) else None
    if not isinstance(words, str) or reply.status < 400:
        return reply
    return replace(messages.refusal(ApiError(reply.status, words)), headers=reply.headers)


OTHERS: dict[str, Other] = {
    "responses": Other(
        responses.RESPONSES.removeprefix("/v1"),
        responses.as_chat,
        _read_response,
        _last_response,
        responses.encode,
        lambda reply: reply,
    ),
    "messages": Other(
        messages.MESSAGES.removeprefix("/v1"),
        messages.as_chat,
        _read_message,
        _put_together,
        messages.encode,
        _refusal,
    ),
}
