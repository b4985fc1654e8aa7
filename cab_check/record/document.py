"""A Record as text and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cab_check.base.errors import UsageError
from cab_check.base.text import one_line
from cab_check.record.shape import problems, schema


def dumps(record: Mapping[str, Any], *, ascii_only: bool = False) -> str:
    """The Record as one JSON document in its own order of keys, ending in a line end.

    Raises ValueError for a number that JSON has no form for (infinity, NaN).
    """
    return json.dumps(record, ensure_ascii=ascii_only, indent=2, allow_nan=False) + "\n"


def loads(text: str, origin: str) -> dict[str, Any]:
    """The Record in `text`. Raises UsageError, naming `origin` and what is wrong with it, where there is none."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin} is not JSON: {error}.") from error
    ours = schema()["properties"]["schema"]["const"]
    theirs = record.get("schema") if isinstance(record, dict) else None
    if theirs != ours:
        named = f"its schema is {one_line(str(theirs), 60)}" if theirs else "it names no schema"
        raise UsageError(f"{origin} is not a Record that this cab-check reads ({ours}): {named}.")
    wrong = next(problems(record), None)
    if wrong is not None:
        raise UsageError(f"{origin} is not a whole Record: {one_line(wrong, 120)}.")
    return dict(record)
