"""Recorded conversations with real servers, as exchanges.

One file per server, one line per request: what was sent (the key as a word, never itself) and the reply's head and body
as they came. A body that the recorder cut is marked; its exchange ends in `too-large`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from cab_check.wire.exchange import Exchange, Facts, Got, Piece, Recording, Sent, Times

FOLDER = Path(__file__).parent
SERVERS = tuple(sorted(path.stem for path in FOLDER.glob("*.jsonl")))


@cache
def captures(server: str) -> dict[str, Exchange]:
    """The exchanges with one server by their names, in the order they were made."""
    lines = (FOLDER / f"{server}.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return {row["name"]: _exchange(number, row) for number, row in enumerate(rows, 1)}


def capture(server: str, name: str) -> Exchange:
    """One exchange, by the number its name begins with."""
    return next(exchange for key, exchange in captures(server).items() if key.split("-")[0] == name)


def recording(server: str, *only: str) -> Recording:
    """The conversation with one server, or those exchanges of it whose names begin with one of the numbers."""
    found = captures(server)
    chosen = tuple(exchange for name, exchange in found.items() if not only or name.split("-")[0] in only)
    base = next(iter(found.values())).sent.url.removesuffix("/models")
    return Recording(Facts(base_url=base, given=base, key_given=True, model_requested="tiny"), chosen)


def _exchange(number: int, row: dict[str, Any]) -> Exchange:
    reply, body = row["reply"], row["body"]
    sent = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    auth = () if row["key"] == "none" else (("Authorization", "[key]"),)
    raw = reply["body"].encode()
    return Exchange(
        number=number,
        sent=Sent(
            method=row["method"],
            url=row["url"],
            headers=(*((name, value) for name, value in row["headers"].items()), *auth),
            body=sent,
            route=row["url"].split("/v1", 1)[-1],
            keyed=row["key"] != "none",
        ),
        got=Got(
            status=reply["status"],
            reason=reply["reason"],
            http_version=f"HTTP/{reply['http']}",
            headers=tuple((name, value) for name, value in reply["headers"]),
            pieces=(Piece(reply["end_ms"], raw),) if raw else (),
        ),
        end="too-large" if reply["truncated"] else "complete",
        detail="",
        started_at="2026-11-23T00:00:00Z",
        times=Times(headers=reply["first_byte_ms"], first_byte=reply["first_byte_ms"], end=reply["end_ms"]),
        body=raw,
    )
