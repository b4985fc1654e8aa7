"""OpenAI's /responses: requests as Codex sends them, and replies read with every deviation named.

https://platform.openai.com/docs/api-reference/responses and .../responses-streaming. Of a stream, clients take the
items from `response.output_item.done` and wait for `response.completed`; Codex gives up on a stream without it.
The type inside the data decides: nobody reads the `event:` line, and LiteLLM sends none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cab_check.chat.errors import error_in
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, ToolCall, Usage
from cab_check.chat.typed import (
    HIDDEN,
    Api,
    PlacedCall,
    TypedEvent,
    TypedReply,
    check_counted,
    check_placed,
    read_typed,
    texts_in,
    was_broken_off,
    whole_number,
)
from cab_check.wire.exchange import Exchange

BROKEN = "responses-api-broken"
ENDS = ("response.completed", "response.incomplete", "response.failed")
_AT_LIMIT = ("max_output_tokens", "max_tokens")

Item = Mapping[str, Any]


# --- requests --------------------------------------------------------------------------------------------------------


def create(
    model: str | None,
    input_: str | Sequence[Item],
    *,
    tools: Sequence[Item] = (),
    stream: bool = False,
    max_output_tokens: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A request body. `input_` is a text or a list of items; `more` is added as it is."""
    body: dict[str, Any] = {"model": model, "input": input_ if isinstance(input_, str) else list(input_)}
    if tools:
        body["tools"] = list(tools)
    if max_output_tokens is not None:
        body["max_output_tokens"] = max_output_tokens
    if stream:
        body["stream"] = True
    return body | more


def message(role: str, text: str) -> dict[str, Any]:
    """A message item with one part of text."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def function_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool of a chat completions request as this API has it: without the inner object."""
    return {"type": "function", **tool["function"], "strict": False}


def call_output(call: ToolCall, output: str) -> dict[str, Any]:
    """The answer to `call`."""
    return {"type": "function_call_output", "call_id": call.id, "output": output}


# --- replies ---------------------------------------------------------------------------------------------------------


def read_response(exchange: Exchange) -> TypedReply:
    """The reply of /responses in `exchange`, plain or streamed."""
    return read_typed(exchange, _API)


def _read_document(value: Mapping[str, Any], output: Sequence[Item], streaming: bool, problems: Problems) -> TypedReply:
    return _reply(streaming, value, output, None, problems)


def _read_stream(exchange: Exchange, events: Sequence[TypedEvent], problems: Problems) -> TypedReply:
    end = next((event for event in events if event.type in ENDS), None)
    items = [item for event in events if (item := _done(event)) is not None]
    if end is None and events and not was_broken_off(exchange):
        begun = sum(event.type == "response.output_item.added" for event in events)
        if not items or begun > len(items):
            problems.add("stream-cut", "reply.events", events[-1].type)
        else:
            problems.add(BROKEN, "reply.events", events[-1].type, "stream-end")
    if events and not any(event.type == "response.created" for event in events):
        problems.add(BROKEN, "reply.events[0]", events[0].value, "events")
    response = end.value.get("response") if end else None
    final = response if isinstance(response, dict) else {}
    output = final.get("output")
    if not items and isinstance(output, list) and output:
        problems.add(BROKEN, "reply.events", "the items stand in the last event only", "events")
    deltas = [event.value.get("delta") for event in events if event.type == "response.output_text.delta"]
    text = "".join(delta for delta in deltas if isinstance(delta, str))
    reply = _reply(True, final, items, text or None, problems)
    if end is not None and end.type != "response.failed":
        check_counted(reply.usage, "reply.events[-1].response.usage", problems)
    return replace(reply, problems=problems.all)


def _done(event: TypedEvent) -> dict[str, Any] | None:
    item = event.value.get("item") if event.type == "response.output_item.done" else None
    return item if isinstance(item, dict) else None


def _reply(
    streaming: bool, response: Mapping[str, Any], items: Sequence[Item], text: str | None, problems: Problems
) -> TypedReply:
    details = response.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    error, cut = response.get("error"), why in _AT_LIMIT
    calls = [_call(item, number, problems) for number, item in enumerate(items) if str(item.get("type")) in _CALLS]
    check_placed(calls, streaming=streaming, cut=cut, problems=problems)
    return TypedReply(
        streaming,
        text=text or "".join(_text(item) for item in items) or None,
        reasoning=_reasoning(items),
        calls=tuple(placed.call for placed in calls),
        usage=_usage(response.get("usage")),
        finish=response.get("status") if isinstance(response.get("status"), str) else None,
        cut_at_limit=cut,
        error=_error({"error": error}) if error else None,
        items=tuple(items),
        problems=problems.all,
    )


_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def _call(item: Item, number: int, problems: Problems) -> PlacedCall:
    kind, at = str(item["type"]), f"reply.output[{number}]"
    call = ToolCall(item.get("call_id"), item.get("name"), item.get(_CALLS[kind]), kind)
    if not isinstance(call.name, str) or not call.name:
        problems.add(BROKEN, f"{at}.name", call.name, "format")
    return PlacedCall(call, f"{at}.call_id", f"{at}.{_CALLS[kind]}")


def _text(item: Item) -> str:
    return texts_in(item.get("content")) if item.get("type") == "message" else ""


def _reasoning(items: Sequence[Item]) -> str | None:
    thought = [item for item in items if item.get("type") == "reasoning"]
    words = "".join(texts_in(item.get(name)) for item in thought for name in ("summary", "content"))
    return (words or HIDDEN) if thought else None


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, output, total = (whole_number(value.get(f"{name}_tokens")) for name in ("input", "output", "total"))
    details = value.get("output_tokens_details")
    reasoning = whole_number(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    return Usage(prompt, output, total, reasoning)


def _error(value: Mapping[str, Any]) -> ApiError:
    """An error inside a reply that began well: `{"type": "error", "message": ...}` or with an `error` object."""
    return error_in(value) or ApiError(str(value.get("message") or value))


_API = Api(BROKEN, "output", "format", _read_stream, _read_document)
