"""The codes that findings may carry, from `findings.toml`: their layer, default severity and owner, and meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cab_check.base.errors import UnknownName
from cab_check.base.text import nearest, one_line
from cab_check.knowledge.data import load
from cab_check.knowledge.finding import Confidence, Evidence, Finding, Owner, Severity

EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the vocabulary. `subject` says what a finding's subject names, None if it has none."""

    code: str
    layer: str
    severity: Severity
    owner: Owner
    means: str
    subject: str | None = None


@cache
def codes() -> dict[str, Code]:
    """All codes by name, in the order of the file: layer by layer, as a request meets them."""
    return {name: Code(code=name, **entry) for name, entry in load("findings.toml").items()}


@cache
def layers() -> tuple[str, ...]:
    """The layers in order: address, network, auth, model, chat ... and last `any`."""
    return tuple(dict.fromkeys(entry.layer for entry in codes().values()))


def code(name: str) -> Code:
    """The code of that name. Raises UnknownName, with the nearest names as the next step."""
    found = codes().get(name)
    if found is None:
        near = " or ".join(nearest(name, list(codes())))
        hint = f"Did you mean {near}?" if near else "All of them: cab-check explain"
        raise UnknownName(f"No finding is called {one_line(name, 80)!r}.", hint)
    return found


def layer_rank(layer: str) -> int:
    """The place of a layer in the order that a request meets them; an unknown one comes last."""
    known = layers()
    return known.index(layer) if layer in known else len(known)


def make(
    name: str,
    *,
    subject: str | None = None,
    seen: tuple[int, int] = (1, 1),
    evidence: Iterable[Evidence] = (),
    owner: Owner | None = None,
    severity: Severity | None = None,
    layer: str | None = None,
    title: str | None = None,
    confidence: Confidence = "medium",
) -> Finding:
    """A finding of that code; what is not given is the vocabulary's. Raises UnknownName."""
    entry = code(name)
    return Finding(
        code=entry.code,
        layer=layer or entry.layer,
        severity=severity or entry.severity,
        owner=owner or entry.owner,
        title=title or entry.means,
        subject=subject,
        seen=seen,
        evidence=tuple(evidence),
        confidence=confidence,
    )


def evidence(exchange: int | None, where: str, words: Any) -> Evidence:
    """Evidence with its words cleaned and cut to 300 characters."""
    return Evidence(exchange, where, one_line(words if isinstance(words, str) else str(words), EXCERPT))
