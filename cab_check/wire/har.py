"""Recordings as HAR files: `to_har` and `from_har` for documents, `save` and `load` for files."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cab_check.base.errors import OutputError, UsageError
from cab_check.wire.exchange import Recording
from cab_check.wire.har_read import from_har
from cab_check.wire.har_write import to_har

__all__ = ["from_har", "load", "save", "to_har"]

LARGEST = 512 * 1024 * 1024  # bytes


def save(recording: Recording, path: Path) -> None:
    """Write the recording as a HAR file that only its owner may read. Raises OutputError.

    The file is complete or not there: it is written beside its place and moved.
    """
    text = json.dumps(to_har(recording), ensure_ascii=True, indent=1)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            beside.touch(0o600, exist_ok=False)
            beside.write_text(text, encoding="ascii")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as failure:
        raise OutputError(
            f"The recording cannot be written to {path}: {failure.strerror}.", "Choose another place, or make room."
        ) from failure


def load(path: Path) -> Recording:
    """Read a HAR file. Raises UsageError if it is not there, not readable, too large, not JSON, or no recording."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is larger than {LARGEST >> 20} MiB.", "Save a shorter recording.")
        data = path.read_bytes()
    except OSError as failure:
        raise UsageError(f"{path} cannot be read: {failure.strerror}.", "Name a HAR file.") from failure
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UsageError(
            f"{path} is not a HAR recording: it is not JSON.",
            "Save one with a browser's developer tools (Network, Save all as HAR), or take exchanges.har of a run.",
        ) from None
    return from_har(document)
