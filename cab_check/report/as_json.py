"""The Record as one JSON document on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from cab_check.record.document import dumps


def as_json(record: Mapping[str, Any], *, encoding: str = "utf-8") -> str:
    """One document in the Record's own order of keys, ending in a line end.

    What `encoding` cannot carry is written as a JSON escape, so the document means the same everywhere.
    """
    text = dumps(record)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return dumps(record, ascii_only=True)
    return text


def write_json(record: Mapping[str, Any], stream: TextIO) -> None:
    """Print the one document."""
    stream.write(as_json(record, encoding=stream.encoding or "ascii"))
