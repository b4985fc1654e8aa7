"""Replies where the request demands JSON: any object, or one that a schema describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cab_check.demo.arguments import fill
from cab_check.demo.conversation import ChatRequest
from cab_check.demo.http import compact
from cab_check.demo.literals import json_values, window


def as_json(text: str, request: ChatRequest) -> str:
    """`text` as it is where plain text is wanted; else a JSON document that says the same, or what was asked for."""
    if not request.json_mode:
        return text
    ask = next((window(item.text) for item in reversed(request.messages) if item.role == "user"), "")
    if request.json_schema is not None:
        return compact(fill(request.json_schema, ask, fallback=text))
    said = _object(text)
    if said is not None:
        return compact(said)
    asked = json_values(ask, "{")
    return compact(asked[-1] if asked else {"answer": text})


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
