"""What the openai SDK, which most agents are built on, makes of the recorded replies: replayed to it, offline.

The SDK hides what goes wrong on the wire: a stream that comes back as one JSON document, or as a web page, is an empty
success to it, and a cut stream ends like a whole one. No network and no key are involved, and nothing is retried.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cab_check.base.text import one_line
from cab_check.handshake.result import SdkView
from cab_check.handshake.seen import Seen, Turn
from cab_check.wire.exchange import Exchange, Recording

if TYPE_CHECKING:
    import httpx2
    import openai

_OUTCOME = 160
_TEXT = 40
_PASSED_ON = ("content-type", "content-encoding", "retry-after", "location", "x-should-retry")
_WAITED = ("headers-timeout", "idle-timeout", "total-timeout")


def view(recording: Recording) -> tuple[SdkView, ...]:
    """One line per chat completion in the recording that got at least a status line."""
    turns = [turn for turn in Seen(recording).all_turns if turn.exchange.got is not None]
    if not turns:
        return ()
    with _without_settings():
        import openai

        return tuple(SdkView(turn.number, openai.__version__, _outcome(openai, turn)) for turn in turns)


@contextmanager
def _without_settings() -> Iterator[None]:
    """OPENAI_* settings are the user's for other programs: they would switch on logging and add headers here."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("OPENAI_")}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)


def _outcome(sdk: Any, turn: Turn) -> str:
    """What a program that calls the SDK gets, in a few words."""
    import httpx2

    transport = httpx2.MockTransport(lambda request: _replay(turn.exchange))
    with httpx2.Client(transport=transport, trust_env=False) as http:
        client = sdk.OpenAI(api_key="none", base_url="http://replay.invalid/v1", http_client=http, max_retries=0)
        client._platform = "Unknown"  # or it starts `uname -p` for a header, with our environment and a key in it
        counted = _Counted()
        try:
            said = _read_stream(client, turn, counted) if turn.streamed else _read_plain(client, turn)
        except Exception as failure:  # noqa: BLE001 - whatever an application would meet is the answer
            after = f", after {counted.chunks} chunks" if turn.streamed and counted.chunks else ""
            said = f"{_failure(sdk, failure)}{after}"
    return one_line(said, _OUTCOME)


def _replay(exchange: Exchange) -> httpx2.Response:
    """The reply as it was recorded, still coded where its raw bytes were kept, and ending as it ended."""
    import httpx2

    assert exchange.got is not None
    coded = exchange.got.raw if exchange.got.raw and not exchange.redacted else None
    plain = coded is None or coded == exchange.body
    dropped = {"content-encoding"} if plain else set()
    headers = [(k, v) for k, v in exchange.got.headers if k.casefold() in _PASSED_ON and k.casefold() not in dropped]
    pieces = [exchange.body] if coded is None else [piece.data for piece in exchange.got.pieces]

    def stream() -> Iterator[bytes]:
        yield from pieces
        if exchange.end in _WAITED:
            raise httpx2.ReadTimeout("timed out")
        if exchange.end != "complete":
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")

    return httpx2.Response(exchange.got.status, headers=headers, content=stream())


def _read_plain(client: openai.OpenAI, turn: Turn) -> str:
    reply: Any = client.chat.completions.create(**_request(turn))
    if isinstance(reply, (str, list, dict)):
        return f"{type(reply).__name__} instead of a completion, no error"
    choice = reply.choices[0]
    return _said(choice.message.content, choice.message.tool_calls, choice.finish_reason)


class _Counted:
    """How far a stream was read when it broke."""

    chunks = 0


def _read_stream(client: openai.OpenAI, turn: Turn, counted: _Counted) -> str:
    text, finish = "", None
    calls: list[Any] = []
    for chunk in client.chat.completions.create(**_request(turn)):
        counted.chunks += 1
        for choice in chunk.choices or []:
            text += choice.delta.content or ""
            calls += [call for call in choice.delta.tool_calls or [] if call.function and call.function.name]
            finish = choice.finish_reason or finish
    if not counted.chunks:
        return "0 chunks, no error"
    return f"{counted.chunks} chunks, {_said(text, calls, finish)}"


def _request(turn: Turn) -> dict[str, Any]:
    """Enough of the request for the SDK to take the same way through its code."""
    return {"model": turn.request.get("model") or "", "messages": [], "stream": turn.streamed}


def _said(text: Any, calls: Any, finish: Any) -> str:
    parts = []
    if calls:
        names = ", ".join(str(call.function.name) for call in calls)
        parts.append(f"{len(calls)} tool call{'s' if len(calls) > 1 else ''} {names}")
    if text or not calls:
        parts.append(f"content {text if text is None or not isinstance(text, str) else one_line(text, _TEXT)!r}")
    return ", ".join([*parts, f"finish {finish}"])


def _failure(sdk: Any, failure: Exception) -> str:
    """An exception as an application sees it: the SDK's own, or one that no `except openai.OpenAIError` catches."""
    name = type(failure).__name__
    if isinstance(failure, sdk.APIStatusError):
        return f"{name} {failure.status_code}: {failure.message}"
    if isinstance(failure, sdk.OpenAIError):
        return f"{name}: {failure}"
    return f"{name} (not an openai error): {failure}"
