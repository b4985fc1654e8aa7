"""Runs for the tests of what is passed on: a Record and its recording that belong together."""

from __future__ import annotations

import json
from typing import Any

from record_cases import handshake, record

from cab_check.handshake.result import CheckResult, ModelFacts, SdkView
from cab_check.knowledge.finding import Evidence, Finding, Hop
from cab_check.wire.exchange import Exchange, Facts, Got, Headers, Piece, Recording, Sent, Times

HOST = "llm-gw.corp.example"
URL = f"https://{HOST}:8443/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Say zinc."}], "max_tokens": 16}
SOUND = b'{"choices":[{"message":{"role":"assistant","content":"zinc"},"finish_reason":"stop"}]}'


def exchange(
    number: int,
    body: bytes = SOUND,
    *,
    asked: dict[str, Any] | bytes = ASKED,
    sent_headers: Headers = (),
    headers: Headers = (("Content-Type", "application/json"),),
    status: int = 200,
    url: str = URL,
    pieces: tuple[bytes, ...] = (),
    **more: Any,
) -> Exchange:
    own: Headers = (("Host", HOST), ("Content-Type", "application/json"), ("Authorization", "Bearer [redacted]"))
    raw = asked if isinstance(asked, bytes) else json.dumps(asked, ensure_ascii=False).encode()
    came = tuple(Piece(float(at), data) for at, data in enumerate(pieces or (body,), start=3))
    return Exchange(
        number=number,
        sent=Sent("POST", url, (*own, *sent_headers), raw, "/chat/completions", True),
        got=Got(status, "OK", "HTTP/1.1", headers, came),
        end="complete",
        detail="",
        started_at="2026-06-16T02:03:44.000+00:00",
        times=Times(end=9.0),
        body=body,
        **more,
    )


def finding(**changes: Any) -> Finding:
    plain = Finding(
        "stream-tool-index",
        "streaming",
        "blocks",
        "server",
        "The index of streamed tool calls is unusable.",
        subject="missing",
        evidence=(Evidence(2, "reply.events[1]", '{"id": "call_1"}'),),
        cause="The index is missing.",
        fix="Update the server",
        sources=("https://github.com/vercel/ai/issues/14277",),
        confidence="high",
    )
    return plain.but(**changes)


def run(*exchanges: Exchange, findings: tuple[Finding, ...] | None = None, **more: Any) -> tuple[Any, Recording]:
    """The Record and the recording of a blocked run: check `chat` passed on request 1, `stream` failed on request 2."""
    shown = exchanges or (exchange(1), exchange(2, asked={**ASKED, "stream": True}))
    checks = (
        CheckResult("chat", "chat", "pass", "said what was asked", exchanges=(1,)),
        CheckResult("stream", "streaming", "fail", "the index is missing", exchanges=(2,)),
        CheckResult("second-turn", "tools-response", "not_run", "needs stream: it failed", needs=("stream",)),
    )
    shaken = handshake(
        verdict="blocked",
        checks=checks,
        findings=(finding(),) if findings is None else findings,
        hops=(Hop("LiteLLM", "gateway", "1.74", "high", "header"), Hop("vLLM", "server", "0.32.0", "high", "header")),
        model=ModelFacts("m"),
        sdk_view=(SdkView(2, "3.54.0", "0 chunks, no error"),),
        **more,
    )
    document = record(shaken, exit_code=3)
    document["endpoint"] = {**document["endpoint"], "base_url": f"https://{HOST}:8443/v1", "given": HOST}
    return document, Recording(Facts(f"https://{HOST}:8443/v1", HOST), tuple(shown))
