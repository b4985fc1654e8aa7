"""Named faults of long requests, of agents' tools and of long answers, and what must be found of each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faulty_endpoint import KEY, Answer, Fault, asked, both, chunks, error, has_tools, on_chat, plain, raw
from handshake_faults import Case

from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import DONE, HttpReply, HttpRequest, pieces

CAP = 4096
Body = dict[str, Any]


def limited(tokens: int) -> Fault:
    """The demo endpoint with a context of so many tokens."""
    endpoint = Endpoint(key=KEY, context_tokens=tokens)
    return lambda request, reply: endpoint(request)


def again(request: HttpRequest, body: Body) -> HttpReply:
    """What the sound endpoint says to another body."""
    return Endpoint(key=KEY)(replace(request, body=json.dumps(body).encode()))


def size(body: Body) -> int:
    """Characters of text in the messages."""
    return sum(len(str(item.get("content") or "")) for item in body.get("messages", ()))


def rewritten(change: Callable[[Body], Body], when: Callable[[Body], bool]) -> Fault:
    """Requests are changed on their way to the model."""

    def fault(request: HttpRequest, reply: HttpReply) -> HttpReply:
        body = asked(request)
        return again(request, change(body)) if body and when(body) else reply

    return fault


def is_long(body: Body) -> bool:
    return size(body) > CAP * 4


def counted(change: Callable[[int], int]) -> Fault:
    """Prompt counts of another tokenizer, everywhere."""

    def in_usage(usage: Any) -> None:
        if usage:
            usage["prompt_tokens"] = change(usage["prompt_tokens"])
            usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]

    def in_stream(events: list[Any]) -> list[Any]:
        for event in events:
            if event != DONE:
                in_usage(event.get("usage"))
        return events

    return both(plain(lambda value: in_usage(value.get("usage"))), chunks(in_stream))


def uncounted(request: HttpRequest, reply: HttpReply) -> HttpReply:
    """No token counts anywhere."""
    if reply.events is not None:
        return replace(reply, events=tuple(e for e in reply.events if e == DONE or e["choices"]))
    if isinstance(reply.value, dict):
        return replace(reply, value={key: item for key, item in reply.value.items() if key != "usage"})
    return reply


def _window(tokens: int) -> Callable[[Body], Body]:
    """A window over the end of the prompt, as large as the context."""

    def cut(body: Body) -> Body:
        room = tokens * 4 - len(json.dumps(body["tools"])) - 100
        kept: list[Body] = []
        for item in reversed(body["messages"]):
            text = item.get("content") or ""
            kept.append({**item, "content": text[max(0, len(text) - room) :]})
            room = max(0, room - len(text))
        return {**body, "messages": kept[::-1]}

    return cut


def _without_oldest(body: Body) -> Body:
    """Only the system text and the last message are left."""
    return {**body, "messages": [body["messages"][0], body["messages"][-1]]}


def without_first_mark(body: Body) -> Body:
    first, *rest = body["messages"]
    return {**body, "messages": [{**first, "content": first["content"][100:]}, *rest]}


def _error_in_stream(request: HttpRequest, reply: HttpReply) -> HttpReply:
    if reply.events is None or not is_long(asked(request)):
        return reply
    words = f"Cannot truncate prompt with n_keep (8000) >= n_ctx ({CAP})"
    return replace(reply, events=({"error": {"message": words}},))


def in_tools(needle: str) -> Callable[[Body], bool]:
    return lambda body: needle in json.dumps(body.get("tools") or [])


def _more_than(number: int) -> Callable[[Body], bool]:
    return lambda body: len(body.get("tools") or ()) > number


def _no_limit(body: Body) -> bool:
    return has_tools(body) and "max_tokens" not in body


def _capped(body: Body) -> Body:
    return {**body, "max_tokens": 128}


def _says_complete(events: list[Any]) -> list[Any]:
    for event in events:
        for choice in event["choices"] if event != DONE else ():
            if choice["finish_reason"] == "length":
                choice["finish_reason"] = "tool_calls"
    return events


def zipped(request: HttpRequest, reply: HttpReply, lines: Callable[[bytes], bytes] = lambda body: body) -> Answer:
    """Streams in gzip for who accepts it, after `lines` has been done to them."""
    if reply.events is None or "gzip" not in request.headers.get("accept-encoding", ""):
        return reply
    body = gzip.compress(lines(b"".join(pieces(reply))))
    return raw(200, body, "text/event-stream", ("Content-Encoding", "gzip"))


def _zipped_and_cut(request: HttpRequest, reply: HttpReply) -> Answer:
    return zipped(request, reply, lambda body: body[: len(body) // 2])


def _asked_something_else(body: Body) -> Body:
    """The model repeats no mark, for all that it was given them."""
    last = {"role": "user", "content": "Reply with exactly: I cannot tell what the marks are, there is nothing in it."}
    return {**body, "messages": [*body["messages"][:-1], last]}


NO_SCHEMA = "JSON schema conversion failed:\nPattern must start with '^' and end with '$'"

CASES: dict[str, Case] = {
    "window over the end": Case(rewritten(_window(CAP), is_long), "context-truncated-silently", "server", 3),
    "window of 2048": Case(
        rewritten(_window(2048), lambda body: size(body) > 8192), "context-truncated-silently", "server", 3
    ),
    "window that just cuts": Case(rewritten(_window(7168), is_long), "context-truncated-silently", "server", 3),
    "oldest messages dropped": Case(rewritten(_without_oldest, is_long), "context-truncated-silently", "server", 3),
    "context of 4096": Case(limited(CAP), f"context-too-small:{CAP}", "server", 3),
    "context of 4096, said in a stream": Case(_error_in_stream, f"context-too-small:{CAP}", "server", 3),
    "context of 1536": Case(limited(1536), "context-too-small:1536", "server", 3),
    "output counts into the context": Case(limited(9000), "context-counts-output", "client", 3),
    "overflow crashes": Case(
        on_chat(raw(500, b"Internal Server Error", "text/plain"), is_long), "context-overflow-unclear", "server", 0
    ),
    "overflow in unknown words": Case(
        on_chat(error(400, "flux capacitor overflow"), is_long), "context-overflow-unclear", "server", 0
    ),
    "a proxy's size limit": Case(
        on_chat(raw(413, b"<html><title>413 Request Entity Too Large</title></html>", "text/html"), is_long),
        "request-too-large",
        "gateway",
        3,
    ),
    "pattern refused": Case(
        on_chat(error(400, NO_SCHEMA), in_tools('"pattern"')), "tool-schema-rejected:pattern", "server", 3
    ),
    "$ref crashes": Case(
        on_chat(raw(500, b"Internal Server Error", "text/plain"), in_tools('"$ref"')),
        "tool-schema-rejected:$ref",
        "server",
        3,
    ),
    "at most 32 tools": Case(on_chat(error(400, "flux"), _more_than(32)), "too-many-tools:32", "server", 0),
    "at most 16 tools, and says so": Case(
        on_chat(
            error(400, "Invalid 'tools': array too long. Expected an array with maximum length 16."), _more_than(16)
        ),
        "too-many-tools:16",
        "server",
        0,
    ),
    "names of 60 at most": Case(
        on_chat(error(400, "flux"), in_tools("pull-requests_by_us")), "tool-name-rejected", "server", 0
    ),
    "output cap": Case(rewritten(_capped, _no_limit), "output-cap-low:128", "server", 0),
    "output cap, hidden": Case(
        both(rewritten(_capped, _no_limit), chunks(_says_complete)), "truncation-hidden:tool_calls", "server", 3
    ),
    "compression cuts streams": Case(_zipped_and_cut, "stream-compressed", "gateway", 3),
}

SOUND: dict[str, Fault] = {
    "few tokens per character": counted(lambda count: count // 2 + 3),
    "many tokens per character": counted(lambda count: count * 3),
    "a long preamble": counted(lambda count: count + 900),
    "an exact multiple of 1024": counted(lambda count: 8192 if count > 8000 else count),
    "a context that just fits": limited(32_100),
    "compressed streams": zipped,
    "a model that forgets": rewritten(_asked_something_else, is_long),
}
"""Sound servers that look odd: no finding."""
