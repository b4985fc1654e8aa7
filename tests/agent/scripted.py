"""An endpoint on loopback that answers with prepared replies, plain or streamed as asked, and keeps the requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cab_check.wire.access import Access
from cab_check.wire.address import read_address
from cab_check.wire.budget import Budget
from cab_check.wire.client import Client
from cab_check.wire.facts import gather

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
HANG = {"hang": True}


def call(name: str, arguments: Any, id_: Any = "call_1") -> dict[str, Any]:
    """One tool call; arguments other than a string become JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}


def says(
    content: str | None = None, *calls: dict[str, Any], finish: str | None = None, usage: Any = USAGE, **more: Any
) -> dict[str, Any]:
    """A completion with text, tool calls, or both."""
    message: dict[str, Any] = {"role": "assistant", "content": content, **more}
    if calls:
        message["tool_calls"] = list(calls)
    return {"message": message, "finish": finish or ("tool_calls" if calls else "stop"), "usage": usage}


def fails(status: int, body: Any) -> dict[str, Any]:
    """A reply with that status, its body a text or JSON."""
    return {"status": status, "body": body}


class Scripted:
    """The server's side: `requests` are the bodies that came. The last of the replies is given again and again."""

    def __init__(self, replies: tuple[dict[str, Any], ...]) -> None:
        self.replies = replies
        self.requests: list[dict[str, Any]] = []
        self.hanging = asyncio.Event()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
                self.requests.append(json.loads(await reader.readexactly(int(fields["content-length"]))))
                reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
                if reply is HANG:
                    self.hanging.set()
                    await reader.read()
                    return
                writer.write(_encoded(reply, stream=self.requests[-1].get("stream") is True))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def scripted(*replies: dict[str, Any], budget: Budget | None = None) -> AsyncIterator[tuple[Client, Scripted]]:
    """A client of an endpoint that gives `replies`, and the endpoint."""
    endpoint = Scripted(replies)
    server = await asyncio.start_server(endpoint.converse, "127.0.0.1", 0)
    address, access = read_address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"), Access()
    facts = await gather(address, access, model="m", profile="generic", nonce_seed="")
    try:
        async with Client(address, access, facts=facts, budget=budget) as client:
            yield client, endpoint
    finally:
        server.close()


def _encoded(reply: dict[str, Any], stream: bool) -> bytes:
    if "status" in reply:
        body = reply["body"]
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        return _head(reply["status"], "application/json", len(data)) + data
    if not stream:
        choice = {"index": 0, "message": reply["message"], "finish_reason": reply["finish"]}
        data = json.dumps({**_about("chat.completion"), "choices": [choice], "usage": reply["usage"]}).encode()
        return _head(200, "application/json", len(data)) + data
    data = b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in _chunks(reply)) + b"data: [DONE]\n\n"
    return _head(200, "text/event-stream", len(data)) + data


def _chunks(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """The message in one delta, its calls numbered; then the finish reason; then the usage."""
    delta = dict(reply["message"])
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": number, **one} for number, one in enumerate(delta["tool_calls"])]
    choices = [
        {"index": 0, "delta": delta, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": reply["finish"]},
    ]
    about = _about("chat.completion.chunk")
    chunks = [{**about, "choices": [choice]} for choice in choices]
    return [*chunks, {**about, "choices": [], "usage": reply["usage"]}] if reply["usage"] else chunks


def _about(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "m"}


def _head(status: int, content_type: str, size: int) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {size}\r\n\r\n".encode()
