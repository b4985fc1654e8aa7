"""The handshake played through against made-up endpoints, to know before the first request what it may have to ask.

The questions follow from the answers, so nobody can count them without answering. Nothing here is sent anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cab_check.handshake.check import Check
from cab_check.handshake.checks.edit_format import sound_reply
from cab_check.handshake.drive import Key, what_next
from cab_check.handshake.plan import Plan
from cab_check.handshake.seen import MODELS, Seen, Turn, path_of
from cab_check.handshake.wording import WantedCall, wanted
from cab_check.wire.budget import BYTES_PER_TOKEN
from cab_check.wire.exchange import Ask, Exchange, Facts, Got, Piece, Recording, Sent, Times

Body = Mapping[str, Any]
Message = dict[str, Any]
Endpoint = Callable[[Ask], tuple[int, Body]]

_ROUNDS = 100  # of questions: far more than any chain of checks is long
_PROSE = "I would rather talk about something else."


def rehearse(plan: Plan, endpoint: Endpoint, base_url: str, checks: Sequence[Check] | None = None) -> dict[Key, Ask]:
    """Every question that the checks ask of `endpoint`, each once, in order."""
    facts = Facts(base_url=base_url, given=base_url, resolves=True, key_given=True, model_requested=plan.model)
    exchanges: list[Exchange] = []
    memo: dict[int, Turn] = {}
    asked: dict[Key, Ask] = {}
    for _ in range(_ROUNDS):
        seen = Seen(Recording(facts, tuple(exchanges)), memo)
        fresh = [item for item in what_next(plan, seen, checks) if item.key not in asked]
        if not fresh:
            break
        for item in fresh:
            asked[item.key] = item.ask
            url = base_url.split("/", 3)
            exchanges.append(_exchange(len(exchanges) + 1, item.ask, f"{'/'.join(url[:3])}{item.base_path}", endpoint))
    return asked


def sound(ask: Ask) -> tuple[int, Body]:
    """Does what it is asked, to the letter."""
    messages = _messages(ask)
    want, edit = wanted(messages), sound_reply(messages)
    if want.calls:
        return 200, _calling(want.calls)
    if edit is not None:
        return 200, _saying(edit)
    if want.word or want.result_word:
        return 200, _saying(want.word or want.result_word or "")
    return 200, _calling([WantedCall(_names(ask)[0])]) if _names(ask) else _saying("Hello.")


def prosaic(ask: Ask) -> tuple[int, Body]:
    """Never does what it is asked: everything is tried again, and taken apart."""
    return 200, _saying(_PROSE)


def wayward(ask: Ask) -> tuple[int, Body]:
    """Calls the right tools, and then makes nothing of their results."""
    want = wanted(_messages(ask))
    return (200, _calling(want.calls)) if want.calls else prosaic(ask)


def strict(ask: Ask) -> tuple[int, Body]:
    """Takes plain chat and refuses everything else without saying why."""
    body = ask.body or {}
    plain = set(body) <= {"model", "messages", "max_tokens", "temperature"}
    return sound(ask) if plain else (400, {"error": {"message": "Bad request", "type": "invalid_request_error"}})


def elsewhere(ask: Ask) -> tuple[int, Body]:
    """Has nothing at that address."""
    return 404, {"detail": "Not Found"}


WORST: tuple[Endpoint, ...] = (sound, prosaic, wayward, strict, elsewhere)


def _messages(ask: Ask) -> list[Message]:
    messages = (ask.body or {}).get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _names(ask: Ask) -> list[str]:
    tools = (ask.body or {}).get("tools")
    functions = [tool.get("function", {}) for tool in tools if isinstance(tool, dict)] if tools else []
    return [function["name"] for function in functions if "name" in function]


def _saying(words: str) -> Body:
    return _reply({"role": "assistant", "content": words}, "stop")


def _calling(calls: Sequence[WantedCall]) -> Body:
    made = [
        {
            "id": f"call_{number:024}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for number, call in enumerate(calls)
    ]
    return _reply({"role": "assistant", "content": None, "tool_calls": made}, "tool_calls")


def _reply(message: Message, reason: str) -> Body:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {
        "id": "chatcmpl-rehearsal",
        "object": "chat.completion",
        "created": 1,
        "model": "rehearsal",
        "choices": [choice],
        "usage": {},
    }


def _exchange(number: int, ask: Ask, base: str, endpoint: Endpoint) -> Exchange:
    sent = Sent(ask.method, base + ask.route, (), ask.payload(), ask.route, ask.with_key)
    status, document = endpoint(ask)
    if "usage" in document:
        prompt = len(ask.payload()) // BYTES_PER_TOKEN
        document = {
            **document,
            "usage": {"prompt_tokens": prompt, "completion_tokens": 10, "total_tokens": prompt + 10},
        }
    if status == 200 and path_of(Exchange(number, sent, None, "complete", "", "", Times())).endswith(MODELS):
        document = {"object": "list", "data": [{"id": "rehearsal", "object": "model"}]}
    streamed = status == 200 and ask.streams
    body = _as_stream(document) if streamed else json.dumps(document).encode()
    kind = "text/event-stream" if streamed else "application/json"
    got = Got(status, "", "HTTP/1.1", (("Content-Type", kind),), (Piece(1.0, body),))
    return Exchange(number, sent, got, "complete", "", "", Times(end=1.0), body)


def _as_stream(document: Body) -> bytes:
    """The same reply as chunks: what was said, why it ended, what was counted."""
    choice = document["choices"][0]
    message = choice["message"]
    calls = [{"index": place, **call} for place, call in enumerate(message.get("tool_calls", ()))]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    frame = {**document, "object": "chat.completion.chunk", "usage": None}
    chunks = [
        {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
        {**frame, "choices": [], "usage": document["usage"]},
    ]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"
