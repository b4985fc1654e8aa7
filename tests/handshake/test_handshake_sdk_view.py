"""What the openai SDK makes of recorded bytes: offline, without settings, and true to what it does live."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import pytest
from faulty_endpoint import Answer, both, chunks, error, on_chat, plain, raw, record, serving, sound
from handshake_faults import CASES

from cab_check.handshake.sdk_view import view

PAGE = raw(200, b"<html><body>login</body></html>", "text/html")


def outcomes(fault: object) -> list[str]:
    """The words for the plain chat and, where it was asked, its stream."""
    with serving(fault) as server:  # type: ignore[arg-type]
        seen, _ = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    return [item.outcome for item in view(seen)]


def test_a_sound_endpoint_reads_as_it_should() -> None:
    first, stream, *rest = outcomes(sound)
    assert first.startswith("content '") and first.endswith("finish stop")
    assert "chunks, content '" in stream
    assert any(outcome.startswith("1 tool call read_file, finish tool_calls") for outcome in rest)
    assert any("2 tool calls read_lines, read_lines" in outcome for outcome in rest)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PAGE, "str instead of a completion, no error"),
        (raw(200, b"[1, 2]"), "list instead of a completion, no error"),
        (raw(200, b""), "JSONDecodeError (not an openai error)"),
        (raw(200, b'{"id": "x"}'), "TypeError (not an openai error)"),
        (error(401, "Incorrect API key"), "AuthenticationError 401"),
        (error(500, "boom"), "InternalServerError 500"),
        (error(429, "slow down"), "RateLimitError 429"),
    ],
)
def test_plain_replies(answer: Answer, words: str) -> None:
    assert outcomes(on_chat(answer))[0].startswith(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stream-not-streamed", "0 chunks, no error"),
        ("stream-cut", "finish None"),
        ("stream-error-event", "APIError: upstream went away, after 2 chunks"),
        ("stream-event-malformed", "JSONDecodeError (not an openai error)"),
        ("reply-timeout-first-token", "APITimeoutError"),
    ],
)
def test_streams(name: str, words: str) -> None:
    assert any(words in outcome for outcome in outcomes(CASES[name].fault))


def test_settings_and_sockets_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(both(plain(lambda value: None), chunks(lambda events: events))) as server:
        seen, _ = asyncio.run(record(f"http://127.0.0.1:{server.port}/v1"))
    usual = view(seen)
    settings = {
        "OPENAI_API_KEY": "",
        "OPENAI_BASE_URL": "not an address",
        "OPENAI_LOG": "debug",
        "OPENAI_ORG_ID": "org\nbad",
        "OPENAI_CUSTOM_HEADERS": "broken",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert view(seen) == usual
    assert {name: os.environ[name] for name in settings} == settings
    assert usual[0].sdk_version == sys.modules["openai"].__version__
