"""A model that says what it is told to say: each reply is a list of tool calls, or a text that ends the work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cab_check.wire.exchange import Ask, Exchange, Facts, Got, Piece, Recording, Sent, Times

Turn = str | Sequence[tuple[str, Mapping[str, Any]]]


def shell(command: str) -> tuple[str, Mapping[str, Any]]:
    return "shell", {"command": command}


def write(path: str, content: str) -> tuple[str, Mapping[str, Any]]:
    return "write_file", {"path": path, "content": content}


class ScriptedModel:
    """Answers streamed chat completions from a list of turns, one after the other, trial after trial.

    After the last turn it hangs, as a server does that loads a model; `hangs` is set then.
    """

    def __init__(self, *turns: Turn, at_end: Callable[[], None] = lambda: None) -> None:
        self._turns = list(turns)
        self._exchanges: list[Exchange] = []
        self._at_end = at_end
        self.asked: list[Ask] = []

    @property
    def recording(self) -> Recording:
        return Recording(Facts("http://scripted", "http://scripted"), tuple(self._exchanges))

    async def send(self, ask: Ask, *, total_s: float | None = None) -> Exchange:
        self.asked.append(ask)
        if not self._turns:
            self._at_end()
            await asyncio.Event().wait()
        body = _stream(self._turns.pop(0), len(self.asked))
        headers = (("content-type", "text/event-stream"),)
        exchange = Exchange(
            number=len(self.asked),
            sent=Sent(ask.method, "http://scripted" + ask.route, (), ask.payload(), ask.route, False),
            got=Got(200, "OK", "HTTP/1.1", headers, (Piece(1.0, body),)),
            end="complete",
            detail="",
            started_at="2026-01-01T00:00:00Z",
            times=Times(end=2.0),
            body=body,
        )
        self._exchanges.append(exchange)
        return exchange


def _stream(turn: Turn, number: int) -> bytes:
    if isinstance(turn, str):
        delta: dict[str, Any] = {"content": turn}
    else:
        delta = {
            "tool_calls": [
                {
                    "index": index,
                    "id": f"call_{number}_{index}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for index, (name, arguments) in enumerate(turn)
            ]
        }
    reason = "stop" if isinstance(turn, str) else "tool_calls"
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    chunks = [
        head | {"choices": [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]},
        head | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        head | {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}},
    ]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
