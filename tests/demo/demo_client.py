"""What several tests of the demo need: tools to offer, and requests straight into the endpoint."""

from __future__ import annotations

import json
from typing import Any

from cab_check.demo.encode import MODEL
from cab_check.demo.endpoint import Endpoint
from cab_check.demo.http import HttpReply, HttpRequest


def tool(name: str, required: str = "", optional: str = "", description: str = "", **schemas: Any) -> dict[str, Any]:
    """A function tool; parameters are strings unless `schemas` says otherwise."""
    names = [*required.split(), *optional.split()]
    parameters = {
        "type": "object",
        "properties": {item: schemas.get(item, {"type": "string"}) for item in names},
        "required": required.split(),
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


READ = tool("read_file", "path", description="Read a file.")
WRITE = tool("write_file", "path content", description="Write a whole file.")
WEATHER = tool("get_weather", "city", "unit", unit={"type": "string", "enum": ["c", "f"]})
TIME = {"type": "function", "function": {"name": "get_time", "description": "The time."}}
ADD = tool("add", "a b", a={"type": "integer"}, b={"type": "number"})
SHELL = tool("shell", "command")


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def called(call_id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """An assistant message that makes one call, as clients echo it."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }


def result(call_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def post(body: Any, **limits: Any) -> HttpReply:
    """The endpoint's reply to a chat completion request; `body` may be bytes that are no JSON."""
    data = body if isinstance(body, bytes) else json.dumps({"model": MODEL, **body}).encode()
    return Endpoint(**limits)(HttpRequest("POST", "/v1/chat/completions", {}, data))


def choice(body: dict[str, Any], **limits: Any) -> dict[str, Any]:
    """The one choice of a completion that must succeed."""
    reply = post(body, **limits)
    assert reply.status == 200, reply.value
    return dict(reply.value["choices"][0])


def say(text: str, *tools: dict[str, Any], **more: Any) -> str | None:
    """The text of the reply to one user message."""
    offered = {"tools": list(tools)} if tools else {}
    return choice({"messages": [user(text)], **offered, **more})["message"]["content"]


def calls(text: str, *tools: dict[str, Any], **more: Any) -> list[tuple[str, Any]]:
    """The calls, name and arguments, in the reply to one user message."""
    message = choice({"messages": [user(text)], "tools": list(tools), **more})["message"]
    return [
        (item["function"]["name"], json.loads(item["function"]["arguments"])) for item in message.get("tool_calls", [])
    ]
