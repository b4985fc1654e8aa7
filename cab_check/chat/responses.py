"""OpenAI's /responses: requests as Codex sends them, and replies read with every deviation named.

https://platform.openai.com/docs/api-reference/responses and .../responses-streaming. Of a stream, clients take the
items from `response.output_item.done` and wait for `response.completed`; Codex gives up on a stream without it.
The type inside the data decides: nobody reads the `event:` line, and LiteLLM sends none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cab_check.chat.errors import error_in
from cab_check.chat.problems import Problems
from cab_check.chat.reply import ApiError, ToolCall, Usage
from cab_check.chat.typed import (
    TypedEvent,
    TypedReply,
    asks_for_stream,
    is_events,
    refusal,
    typed_events,
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
    refused = refusal(exchange)
    if refused is not None:
        return refused
    problems = Problems()
    if is_events(exchange):
        return _read_stream(exchange, problems)
    streaming, value = asks_for_stream(exchange), exchange.json
    error = error_in(value, exchange.status) if isinstance(value, dict) and not value.get("output") else None
    if error is not None:
        return TypedReply(streaming, error=error)
    if was_broken_off(exchange) and value is None:
        return TypedReply(streaming)
    if streaming:
        problems.add(BROKEN, "reply", exchange.text, "events")
    return _read_document(value, problems, streaming)


def _read_document(value: Any, problems: Problems, streaming: bool) -> TypedReply:
    output = value.get("output") if isinstance(value, dict) else None
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        problems.add(BROKEN, "reply.output", value, "format")
        return TypedReply(streaming, problems=problems.all)
    return _reply(streaming, value, output, None, problems)


def _read_stream(exchange: Exchange, problems: Problems) -> TypedReply:
    if not asks_for_stream(exchange):
        problems.add(BROKEN, "reply", exchange.text, "format")
    events = typed_events(exchange, problems, BROKEN)
    failed = next((event for event in events if event.type == "error"), None)
    if failed is not None:
        return TypedReply(True, error=_error(failed.value), problems=problems.all)
    end = next((event for event in events if event.type in ENDS), None)
    if end is None and events and not was_broken_off(exchange):
        problems.add(BROKEN, "reply.events", events[-1].type, "stream-end")
    if events and not any(event.type == "response.created" for event in events):
        problems.add(BROKEN, "reply.events[0]", events[0].value, "events")
    response = end.value.get("response") if end else None
    final = response if isinstance(response, dict) else {}
    items = [item for event in events if (item := _done(event)) is not None]
    output = final.get("output")
    if not items and isinstance(output, list) and output:
        problems.add(BROKEN, "reply.events", "the items stand in the last event only", "events")
    deltas = [event.value.get("delta") for event in events if event.type == "response.output_text.delta"]
    text = "".join(delta for delta in deltas if isinstance(delta, str))
    return _reply(True, final, items, text or None, problems)


def _done(event: TypedEvent) -> dict[str, Any] | None:
    item = event.value.get("item") if event.type == "response.output_item.done" else None
    return item if isinstance(item, dict) else None


def _reply(
    streaming: bool, response: Mapping[str, Any], items: Sequence[Item], text: str | None, problems: Problems
) -> TypedReply:
    calls = tuple(_call(item, number, problems) for number, item in enumerate(items) if str(item.get("type")) in _CALLS)
    details = response.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    error = response.get("error")
    return TypedReply(
        streaming,
        text=text or "".join(_text(item) for item in items) or None,
        calls=calls,
        usage=_usage(response.get("usage")),
        finish=response.get("status") if isinstance(response.get("status"), str) else None,
        cut_at_limit=why in _AT_LIMIT,
        error=_error({"error": error}) if error else None,
        items=tuple(items),
        problems=problems.all,
    )


_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def _call(item: Item, number: int, problems: Problems) -> ToolCall:
    kind = str(item["type"])
    call = ToolCall(item.get("call_id"), item.get("name"), item.get(_CALLS[kind]), kind)
    for name, value in (("call_id", call.id), ("name", call.name), (_CALLS[kind], call.arguments)):
        if not isinstance(value, str) or (name != "input" and not value and name != "arguments"):
            problems.add(BROKEN, f"reply.output[{number}].{name}", value, "format")
    return call


def _text(item: Item) -> str:
    parts = item.get("content") if item.get("type") == "message" else None
    found = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(text for text in found if isinstance(text, str))


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
