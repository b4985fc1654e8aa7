"""A finding: one code of the vocabulary, seen in the bytes, with its cause and the line to change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["blocks", "degrades", "info"]
Owner = Literal["server", "gateway", "account", "model", "client", "network", "user"]
Confidence = Literal["high", "medium", "low"]
Compared = Literal["both", "here", "there"]
Api = Literal["chat", "responses", "messages"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a finding stands in the recording: the exchange's number, the place in it, and the words themselves."""

    exchange: int | None
    where: str  # "reply.choices[0].message.content", "facts.key_shape", "status" ...
    excerpt: str  # cleaned, at most 300 characters


@dataclass(frozen=True, slots=True)
class Mending:
    """How often, over one API, a broken call was given back with its error, and was then made as it should be."""

    api: Api
    told: int
    mended: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a judge reports. `seen` is k of n: how often it showed among the exchanges that could have shown it.

    The judge fills code to evidence; `knowledge` adds cause, fix and sources; the handshake sets `follows_from`.
    """

    code: str
    layer: str
    severity: Severity
    owner: Owner
    title: str
    subject: str | None = None
    seen: tuple[int, int] = (1, 1)
    evidence: tuple[Evidence, ...] = ()
    cause: str | None = None
    fix: str | None = None
    fixed_in: str | None = None
    sources: tuple[str, ...] = ()
    confidence: Confidence = "medium"
    follows_from: str | None = None
    compare: Compared | None = None  # at which of two addresses it shows; None: not compared, or not comparable
    seen_there: tuple[int, int] | None = None  # `seen`, at the second address
    apis: tuple[Api, ...] = ()  # over which of them it was seen; none: it is no matter of a completion
    mendings: tuple[Mending, ...] = ()  # of a broken call: what came of telling the model

    @property
    def key(self) -> str:
        """`code` or `code:subject`, as `--allow` takes it."""
        return f"{self.code}:{self.subject}" if self.subject else self.code

    def but(self, **changes: object) -> Finding:
        """The same finding with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Hop:
    """Something that the request went through, or ended at."""

    name: str
    kind: Literal["server", "gateway", "provider"]
    version: str | None
    confidence: Confidence
    evidence: str
