"""A turn of /responses or /messages as the chat completion that says the same, so that the same judges look at it.

What is wrong with a call, a text or the answer to a tool's result does not depend on the API that carried it. Only the
words of the evidence do: `named_as_there` puts the place in the reply back into the API's own terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cab_check.chat.reply import Reply
from cab_check.chat.typed import TypedReply
from cab_check.handshake.seen import Turn
from cab_check.knowledge.finding import Finding
from cab_check.wire.exchange import Exchange

Body = Mapping[str, Any]

_MESSAGE = "reply.choices[0].message"
_LIMITS = ("max_output_tokens", "max_tokens")


def as_chat_turn(exchange: Exchange, body: Body, reply: TypedReply, results: Sequence[str]) -> Turn:
    """The turn with its messages, tools, limit and reply in the form of chat completions.

    The message that asks comes last, or the last of the `results`, since that is where judges look for what was wanted.
    """
    limit = next((body[name] for name in _LIMITS if name in body), None)
    request = {
        "messages": list(_messages(body, results)),
        "tools": [_tool(inner) for tool in _rows(body.get("tools")) for inner in (_rows(tool.get("tools")) or [tool])],
        "stream": body.get("stream"),
        "max_tokens": limit,
    }
    return Turn(exchange, request, _reply(reply))


def named_as_there(finding: Finding, holds: str) -> Finding:
    """The finding with the places of its evidence in this API's terms; `holds` is the field of the output."""
    places = (f"reply.{holds}" if item.where.startswith(_MESSAGE) else item.where for item in finding.evidence)
    moved = (replace(item, where=where) for item, where in zip(finding.evidence, places, strict=True))
    return finding.but(evidence=tuple(moved))


def _messages(body: Body, results: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """All text that was sent, then what the turn ends in."""
    given = [*_rows(body.get("input")), *_rows(body.get("messages"))]
    for name in ("instructions", "system"):
        yield {"role": "system", "content": body.get(name)}
    users = [item for item in given if item.get("role") == "user" and _says(item)]
    for item in given:
        if item not in users[-1:]:
            yield {"role": item.get("role"), "content": item.get("content")}
    if results:
        yield {"role": "tool", "content": results[-1]}
    elif users:
        yield users[-1]


def _says(item: Mapping[str, Any]) -> bool:
    """Whether a user's message holds words, and not only what tools returned."""
    content = item.get("content")
    return isinstance(content, str) or any("text" in part for part in _rows(content))


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    schema = tool.get("parameters") or tool.get("input_schema")
    return {"type": "function", "function": {"name": tool.get("name"), "parameters": schema}}


def _reply(reply: TypedReply) -> Reply:
    return Reply(
        reply.streamed,
        content=reply.text,
        reasoning=reply.reasoning,
        tool_calls=reply.calls,
        finish_reason="length" if reply.cut_at_limit else reply.finish,
        usage=reply.usage,
        error=reply.error,
        problems=reply.problems,
    )


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
