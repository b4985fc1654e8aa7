"""The demo's /v1/responses: the same model behind OpenAI's other API, streamed or not.

https://platform.openai.com/docs/api-reference/responses and .../responses-streaming. Nothing is stored, so the whole
conversation comes with every request; tools of other types than `function` are taken and left unused.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from cab_check.demo.completion import Completion, complete
from cab_check.demo.encode import DELTA, MODEL
from cab_check.demo.errors import invalid
from cab_check.demo.http import HttpReply
from cab_check.demo.request import read_request

RESPONSES = "/v1/responses"
_SAME = ("model", "stream", "temperature", "top_p", "parallel_tool_calls", "store")


def respond(body: dict[str, Any], context_tokens: int) -> HttpReply:
    """The reply to the request `body`. Raises ApiError 400 for the first field that does not hold."""
    asked = read_request(as_chat(body))
    return encode(complete(asked, context_tokens), stream=asked.stream)


def encode(completion: Completion, *, stream: bool) -> HttpReply:
    """The reply that says `completion`."""
    items = list(_items(completion))
    if stream:
        return HttpReply(200, events=tuple(_events(completion, items)))
    return HttpReply(200, _response(completion, items))


# --- the request -----------------------------------------------------------------------------------------------------


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """`body` as the chat completions request that says the same."""
    if body.get("previous_response_id"):
        raise invalid("previous_response_id", "Nothing is stored here: send the whole conversation as 'input'.")
    given = body.get("input")
    if given is None:
        raise invalid("input", "Missing required parameter: 'input'.", "missing_required_parameter")
    if not isinstance(given, (str, list)):
        raise invalid("input", "'input' must be a string or a list of items.", "invalid_type")
    instructions = body.get("instructions")
    messages = [{"role": "system", "content": instructions}] if instructions else []
    messages += [{"role": "user", "content": given}] if isinstance(given, str) else _messages(given)
    chat = {name: body[name] for name in _SAME if name in body}
    if "max_output_tokens" in body:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    return chat | {"messages": messages} | _tools(body) | _format(body.get("text"))


def _messages(items: list[Any]) -> list[dict[str, Any]]:
    """The items as messages: calls in a row are one message, what the model thought is left out."""
    found: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        at = f"input[{number}]"
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind == "message":
            found.append({"role": item.get("role"), "content": _content(item.get("content"), at)})
        elif kind == "function_call":
            call = {"id": item.get("call_id"), "function": {k: item.get(k) for k in ("name", "arguments")}}
            if not (found and found[-1].get("tool_calls")):
                found.append({"role": "assistant", "content": None, "tool_calls": []})
            found[-1]["tool_calls"].append(call)
        elif kind == "function_call_output":
            output = _content(item.get("output"), at)
            found.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": output})
        elif kind != "reasoning":
            raise invalid(f"{at}.type", f"{at}.type is {kind!r}, which is not supported.", "invalid_value")
    return found


def _content(content: Any, at: str) -> Any:
    """Parts of text under the name that chat completions have for them; the rest is left to the reader of those."""
    if not isinstance(content, list):
        return content
    texts = ("input_text", "output_text")
    return [{**part, "type": "text"} if isinstance(part, dict) and part.get("type") in texts else part
            for part in content]  # fmt: skip


def _tools(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("tools", [])
    if not isinstance(given, list):
        raise invalid("tools", "'tools' must be a list.", "invalid_type")
    functions = [tool for tool in given if isinstance(tool, dict) and tool.get("type") == "function"]
    chat: dict[str, Any] = {"tools": [{"type": "function", "function": tool} for tool in functions]}
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        choice = {"type": "function", "function": {"name": choice.get("name")}}
    return chat if choice is None else chat | {"tool_choice": choice}


def _format(text: Any) -> dict[str, Any]:
    wanted = text.get("format") if isinstance(text, dict) else None
    if not isinstance(wanted, dict):
        return {}
    if wanted.get("type") != "json_schema":
        return {"response_format": wanted}
    return {"response_format": {"type": "json_schema", "json_schema": wanted}}


# --- the reply -------------------------------------------------------------------------------------------------------


def _items(completion: Completion) -> Iterator[dict[str, Any]]:
    status = "incomplete" if completion.finish_reason == "length" else "completed"
    if completion.reasoning:
        yield {
            "type": "reasoning",
            "id": _id("rs"),
            "summary": [{"type": "summary_text", "text": completion.reasoning}],
        }
    if completion.text or not (completion.calls or completion.reasoning):
        part = {"type": "output_text", "text": completion.text, "annotations": [], "logprobs": []}
        yield {"type": "message", "id": _id("msg"), "status": status, "role": "assistant", "content": [part]}
    for call in completion.calls:
        frame = {"type": "function_call", "id": _id("fc"), "status": status}
        yield {**frame, "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _response(completion: Completion, items: list[dict[str, Any]], status: str = "") -> dict[str, Any]:
    """The response object; with a `status` of its own, as it is before the end."""
    cut = completion.finish_reason == "length"
    prompt, output = completion.prompt_tokens, completion.completion_tokens
    usage = {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + output,
    }
    return {
        "id": completion.id.replace("chatcmpl-", "resp_"),
        "object": "response",
        "created_at": completion.created,
        "status": status or ("incomplete" if cut else "completed"),
        "model": MODEL,
        "output": [] if status else items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "store": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut and not status else None,
        "usage": usage if completion.counted and not status else None,
    }


def _events(completion: Completion, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(_unnumbered(completion, items)):
        yield {**event, "sequence_number": number}


def _unnumbered(completion: Completion, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    begun = _response(completion, items, "in_progress")
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(items):
        yield from _EVENTS[item["type"]](index, item)
    ended = _response(completion, items)
    yield {"type": f"response.{ended['status']}", "response": ended}


def _message_events(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    (part,) = item["content"]
    at = {"item_id": item["id"], "output_index": index, "content_index": 0}
    begun = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    for piece in DELTA.findall(part["text"]):
        yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _call_events(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    at = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    for piece in DELTA.findall(str(item["arguments"])):
        yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
    whole = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **at, **whole}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _thought_events(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "summary": []}}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


_EVENTS = {"message": _message_events, "function_call": _call_events, "reasoning": _thought_events}


def _id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"
