"""Spans: what happened when, for how long, inside what. The kinds are those of the benchmark's cell page and ours."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["handshake", "task_setup", "adapter_run", "model_call", "tool_call", "container", "grading", "cleanup"]


@dataclass(frozen=True, slots=True)
class Span:
    """One finished piece of work. Times in milliseconds; `start_ms` counts from the start of the trace."""

    id: str
    parent: str | None
    kind: Kind
    name: str
    start_ms: float
    duration_ms: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


class Trace:
    """Collects spans of one job. A span is kept also when the work inside it raises or is cancelled."""

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self._open: list[str] = []
        self._done: list[Span] = []

    @property
    def spans(self) -> tuple[Span, ...]:
        """All finished spans, by start."""
        return tuple(sorted(self._done, key=lambda span: span.start_ms))

    def now_ms(self) -> float:
        """Milliseconds since the trace began."""
        return (time.monotonic() - self._zero) * 1000

    @contextmanager
    def span(self, kind: Kind, name: str, **attributes: Any) -> Iterator[dict[str, Any]]:
        """Time a block; what the block puts into the yielded dict becomes attributes of the span.

        Blocks nest by call order, so this is for work done one after the other, not for tasks side by side.
        """
        span_id, parent, start = secrets.token_hex(16), self._open[-1] if self._open else None, self.now_ms()
        self._open.append(span_id)
        error: str | None = None
        try:
            yield attributes
        except BaseException as failure:
            error = f"{type(failure).__name__}: {failure}"[:500]
            raise
        finally:
            self._open.remove(span_id)
            self._done.append(Span(span_id, parent, kind, name, start, self.now_ms() - start, attributes, error))
