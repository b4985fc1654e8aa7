"""Who answered, and through which hops, from the traces of a recording and the marks of `servers.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from cab_check.base.text import one_line
from cab_check.knowledge.data import load
from cab_check.knowledge.finding import Confidence, Hop
from cab_check.knowledge.traces import Trace, traces
from cab_check.wire.exchange import Recording

Kind = Literal["server", "gateway", "provider"]
_HIGH, _MEDIUM = 3, 2


@dataclass(frozen=True, slots=True)
class Mark:
    """One sign of a hop: a regex, where it is looked for, and what finding it is worth."""

    at: str
    match: re.Pattern[str]
    weight: int


@dataclass(frozen=True, slots=True)
class Known:
    """A hop that can be recognised."""

    name: str
    kind: Kind
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Sighting:
    known: Known
    weight: int
    version: str | None
    evidence: str

    @property
    def hop(self) -> Hop:
        confidence: Confidence = "high" if self.weight >= _HIGH else "medium"
        return Hop(self.known.name, self.known.kind, self.version, confidence, self.evidence)


@cache
def known_hops() -> tuple[Known, ...]:
    """All hops of `servers.toml`, in the order in which a request meets them."""
    return tuple(read_hop(row, "servers.toml") for row in load("servers.toml")["hop"])


def recognise(recording: Recording, among: Sequence[Known] | None = None) -> tuple[Hop, ...]:
    """The hops that the recording shows, nearest to the user first; of several servers that match, the likeliest.

    `among` are other hops than those of `servers.toml`.
    """
    by_place: dict[str, dict[str, Trace]] = {}
    for trace in traces(recording):
        by_place.setdefault(trace.at, {}).setdefault(trace.words, trace)
    sightings = [
        seen for known in (known_hops() if among is None else among) if (seen := _look(known, by_place)) is not None
    ]
    servers = [seen for seen in sightings if seen.known.kind == "server"]
    likeliest = max(servers, key=lambda seen: seen.weight, default=None)
    return tuple(seen.hop for seen in sightings if seen.known.kind != "server" or seen is likeliest)


def read_hop(row: Mapping[str, Any], file: str) -> Known:
    """One row of the file so called. Raises ValueError for a kind or weight that is none, KeyError for a lack."""
    marks = tuple(_mark(mark) for mark in row["marks"])
    if row["kind"] not in get_args(Kind) or not {mark.weight for mark in marks} <= {1, 2, 3}:
        raise ValueError(f"{file}: {row['name']}: kind is one of {', '.join(get_args(Kind))}, weights are 1, 2 or 3")
    return Known(row["name"], row["kind"], marks)


def _look(known: Known, by_place: Mapping[str, Mapping[str, Trace]]) -> _Sighting | None:
    """The sum of the marks of `known` that hold, each once; None if it is below a medium confidence."""
    weight, version, evidence = 0, None, []
    for mark in known.marks:
        hit = next(((t, m) for t in by_place.get(mark.at, {}).values() if (m := mark.match.search(t.words))), None)
        if hit is None:
            continue
        trace, match = hit
        weight += mark.weight
        version = version or match.groupdict().get("version")
        evidence.append((mark.weight, f"{trace.at} {one_line(match.group() or trace.words, 80)!r}"))
    if weight < _MEDIUM:
        return None
    words = [text for _, text in sorted(evidence, key=lambda item: -item[0])]
    return _Sighting(known, weight, one_line(version, 40) if version else None, "; ".join(words[:3]))


def _mark(row: Mapping[str, Any]) -> Mark:
    return Mark(row["at"], re.compile(row["match"], re.IGNORECASE | re.DOTALL), row["weight"])
