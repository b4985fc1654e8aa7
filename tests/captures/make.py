"""Exchanges made by hand, for shapes that no recorded server has."""

from __future__ import annotations

import json
from typing import Any

from cab_check.wire.exchange import End, Exchange, Got, Piece, Sent, Times

JSON = "application/json"
EVENTS = "text/event-stream"
USER = {"role": "user", "content": "Say hello."}


def exchange(
    body: Any = b"",
    *,
    status: int = 200,
    kind: str = JSON,
    asked: dict[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    end: End = "complete",
    url: str = "http://127.0.0.1:8000/v1/chat/completions",
    keyed: bool = True,
    number: int = 1,
    step: int | None = None,
    decode_error: str | None = None,
) -> Exchange:
    """A POST with `asked`, answered with `body` (bytes, text, or what becomes JSON), in pieces of `step` bytes."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    step = step or max(len(raw), 1)
    pieces = tuple(Piece(10.0 + at, raw[at : at + step]) for at in range(0, len(raw), step))
    request = {"model": "m", "messages": [USER], **(asked or {})}
    return Exchange(
        number=number,
        sent=Sent("POST", url, (), json.dumps(request).encode(), "/chat/completions", keyed),
        got=Got(status, "", "HTTP/1.1", (("Content-Type", kind), *headers), pieces),
        end=end,
        detail="",
        started_at="2026-11-23T00:00:00Z",
        times=Times(end=10.0 + len(raw)),
        body=raw,
        decode_error=decode_error,
    )


def completion(message: dict[str, Any] | None = None, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    """A sound chat completion, changed by `more`."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello", **(message or {})},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        **more,
    }


def call(arguments: Any = '{"path": "a"}', name: Any = "read_file", id: Any = "call_1", **more: Any) -> dict[str, Any]:
    """A sound tool call of a plain reply."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def chunk(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A sound chunk of a stream."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}],
        **more,
    }


USAGE = {**chunk(), "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}


def events(*chunks: Any, done: bool = True, end: str = "\n") -> str:
    """`chunks` as server-sent events: values become JSON, text stays as it is."""
    lines = [chunk if isinstance(chunk, str) else "data: " + json.dumps(chunk) for chunk in chunks]
    return (end * 2).join([*lines, *(["data: [DONE]"] if done else [])]) + end * 2


def streamed(*chunks: Any, done: bool = True, usage: bool = True, **more: Any) -> Exchange:
    """A streamed reply; `usage`: whether token counts were asked for."""
    asked = {"stream": True, **({"stream_options": {"include_usage": True}} if usage else {})}
    return exchange(events(*chunks, done=done), kind=EVENTS, asked=asked, **more)
