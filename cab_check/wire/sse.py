"""Server-sent events, read as the standard says, with every deviation named.

The rules are the HTML standard's, section 9.2.6 (https://html.spec.whatwg.org/multipage/server-sent-events.html):
lines end in CRLF, LF or CR; a blank line dispatches an event that has data; an event cut off by the end of the stream
is dropped; unknown fields are ignored. The reader never raises, and never repairs: what a lenient client would have
read from the same bytes stands apart, in `lenient`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from cab_check.base.text import one_line
from cab_check.wire.exchange import Piece

DeviationKind = Literal[
    "empty-stream",  # not one byte
    "no-events",  # bytes, and not one event
    "unterminated-event",  # the stream ends without the blank line: the standard drops the last event
    "joined-events",  # JSON documents on consecutive data lines: the blank line between events is missing
    "not-a-field",  # a line that is no field: a bare JSON document, HTML, text
    "unknown-field",  # a field that the standard does not know
    "after-done",  # an event after [DONE]
    "comment",  # a line that begins with a colon; many servers keep a connection alive with them
    "bom",  # a byte order mark at the start
    "cr-only",  # lines that end in CR alone; many readers split at LF only
    "invalid-utf8",
    "line-too-long",
    "event-too-long",
]
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r|\Z)")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
_SHOWN_PER_KIND = 10


@dataclass(frozen=True, slots=True)
class SseLimits:
    """Bytes. What is longer is reported and read all the same: the body's own limit bounds it."""

    line_bytes: int = 1 << 20
    event_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `at_ms`: when the line end that completed it arrived; `raw_offset`: where its first line begins."""

    data: str
    event: str  # "message" unless the stream names it
    id: str
    at_ms: float
    raw_offset: int


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that the standard or careful clients do not expect. `where` is `byte N`."""

    kind: DeviationKind
    where: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class SseReading:
    """What a stream says. `lenient` is what a client would read that takes each data line that is a JSON document as an
    event of its own, keeps an unterminated last event, and takes bare JSON lines for events. After 10 deviations of
    a kind, one more says how many were left out.
    """

    events: tuple[SseEvent, ...]
    comments: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    lenient: tuple[SseEvent, ...] = ()

    @property
    def kinds(self) -> frozenset[DeviationKind]:
        """Which deviations there are."""
        return frozenset(deviation.kind for deviation in self.deviations)


def read_events(pieces: Iterable[Piece] | bytes, *, limits: SseLimits | None = None) -> SseReading:
    """Read the whole of a stream, decompressed. Where the pieces begin and end changes nothing but `at_ms`."""
    pieces = (Piece(0.0, pieces),) if isinstance(pieces, bytes) else tuple(pieces)
    return _Reader(pieces, limits or SseLimits()).read()


@dataclass(slots=True)
class _Block:
    """The lines since the last blank line."""

    offset: int
    data: list[tuple[int, str]] = field(default_factory=list)  # offset and value of each data line
    event: str = ""
    size: int = 0


class _Reader:
    def __init__(self, pieces: tuple[Piece, ...], limits: SseLimits) -> None:
        self._bytes = b"".join(piece.data for piece in pieces)
        self._times = [piece.at_ms for piece in pieces if piece.data]
        self._ends = list(accumulate(len(piece.data) for piece in pieces if piece.data))
        self._limits = limits
        self._events: list[SseEvent] = []
        self._lenient: list[SseEvent] = []
        self._comments: list[str] = []
        self._deviations: list[Deviation] = []
        self._counts: Counter[DeviationKind] = Counter()
        self._id = ""
        self._done = False

    def read(self) -> SseReading:
        if not self._bytes:
            self._note("empty-stream", 0, "")
        start = 0
        if self._bytes.startswith(b"\xef\xbb\xbf"):
            self._note("bom", 0, "EF BB BF")
            start = 3
        block = _Block(start)
        for match in _LINE.finditer(self._bytes, start):
            line, end = match.groups()
            if not line and not end:
                break
            if end == b"\r":
                self._note("cr-only", match.start(2), line[:80].decode("utf-8", "replace"))
            if line:
                self._line(block, line, match.start(), match.end())
            else:
                self._dispatch(block, match.end())
            if not line or not block.size:
                block = _Block(match.end())
        self._end_of_stream(block)
        return self._reading()

    def _line(self, block: _Block, raw: bytes, offset: int, end: int) -> None:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("utf-8", "replace")
            self._note("invalid-utf8", offset, text)
        if len(raw) > self._limits.line_bytes:
            self._note("line-too-long", offset, f"{len(raw)} bytes: {text[:80]}")
        if raw.startswith(b":"):
            self._comments.append(text[1:].removeprefix(" "))
            self._note("comment", offset, text)
            return
        block.size += len(raw)
        name, colon, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            block.data.append((offset, value))
        elif name == "event":
            block.event = value
        elif name == "id":
            self._id = self._id if "\0" in value else value
        elif name == "retry":
            pass
        elif colon and _FIELD_NAME.fullmatch(name):
            self._note("unknown-field", offset, text)
        else:
            self._note("not-a-field", offset, text)
            if _is_json(text):
                self._lenient.append(SseEvent(text, "message", self._id, self._at(end), offset))

    def _dispatch(self, block: _Block, end: int) -> None:
        if not block.data:
            return
        event = self._close(block, end)
        if self._done:
            self._note("after-done", block.offset, event.data)
        self._events.append(event)
        self._done = self._done or block.data[-1][1].strip() == "[DONE]"

    def _end_of_stream(self, block: _Block) -> None:
        if block.data:
            last = self._close(block, len(self._bytes))
            self._note("unterminated-event", block.offset, last.data)
        if self._bytes and not self._events:
            self._note("no-events", 0, self._bytes[:200].decode("utf-8", "replace"))

    def _close(self, block: _Block, end: int) -> SseEvent:
        """The block as one event; on the side, what a lenient client makes of it."""
        if block.size > self._limits.event_bytes:
            self._note("event-too-long", block.offset, f"{block.size} bytes: {block.data[0][1][:80]}")
        event = self._event(block, "\n".join(value for _, value in block.data), block.offset, end)
        if len(block.data) > 1 and all(value == "[DONE]" or _is_json(value) for _, value in block.data):
            self._note("joined-events", block.data[1][0], block.data[1][1])
            self._lenient += [self._event(block, value, offset, end) for offset, value in block.data]
        else:
            self._lenient.append(event)
        return event

    def _event(self, block: _Block, data: str, offset: int, end: int) -> SseEvent:
        return SseEvent(data, block.event or "message", self._id, self._at(end), offset)

    def _at(self, end: int) -> float:
        """When the byte before `end` arrived."""
        return self._times[bisect_right(self._ends, end - 1)]

    def _note(self, kind: DeviationKind, offset: int, excerpt: str) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= _SHOWN_PER_KIND:
            self._deviations.append(Deviation(kind, f"byte {offset}", one_line(excerpt, 120)))

    def _reading(self) -> SseReading:
        more = [
            Deviation(kind, "further on", f"{count - _SHOWN_PER_KIND} more")
            for kind, count in self._counts.items()
            if count > _SHOWN_PER_KIND
        ]
        return SseReading(tuple(self._events), tuple(self._comments), (*self._deviations, *more), tuple(self._lenient))


def _is_json(text: str) -> bool:
    """Whether `text` is a whole JSON object or array."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
