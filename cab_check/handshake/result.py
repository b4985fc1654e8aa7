"""What a handshake ends in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cab_check.knowledge.finding import Finding, Hop
from cab_check.wire.price import Price

Status = Literal["pass", "warn", "fail", "skipped", "not_run", "crashed"]
Verdict = Literal["works", "degraded", "blocked", "unchecked"]
Capability = Literal["yes", "no", "unknown"]
TuiWord = Literal["works", "degraded", "blocked", "unknown"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome. `reason` says why for every status but `pass`, and what proved it for `pass`."""

    id: str
    layer: str
    status: Status
    reason: str
    needs: tuple[str, ...] = ()
    exchanges: tuple[int, ...] = ()
    ms: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the handshake used. Tokens as the endpoint counted them; None where it did not say.

    `asked_again` of the requests repeat one that a rate limit refused; `waited_ms` is how long that was waited for.
    """

    requests: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usd: float | None = None
    wall_ms: float = 0.0
    critical_path_ms: float = 0.0
    asked_again: int = 0
    waited_ms: float = 0.0
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class SdkView:
    """What the openai SDK makes of one recorded reply, replayed offline."""

    exchange: int
    sdk_version: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model was asked for, and which one answered. `context_listed`: tokens, as the model list has it."""

    requested: str | None
    answered: str | None = None
    listed: tuple[str, ...] | None = None
    served_by: str | None = None
    quantisation: str | None = None
    sampling: Mapping[str, float] | None = None
    context_listed: int | None = None


@dataclass(frozen=True)
class Comparison:
    """What the same questions came to at a second address, nearer the model."""

    base_url: str
    verdict: Verdict
    headline: str
    hops: tuple[Hop, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class TuiVerdict:
    """Whether one agent CLI works here. `because`: keys of findings; `what_happens` continues its name.

    `wiring`: the command that prints its settings. `version_installed` is that of this machine; a judge does not look.
    """

    tui: str
    product: str
    version_measured: str | None
    verdict: TuiWord
    because: tuple[str, ...] = ()
    what_happens: str | None = None
    wiring: str | None = None
    measured_on: str | None = None
    version_installed: str | None = None


@dataclass(frozen=True)
class Handshake:
    """The whole judgement over one recording. Pure function of it: the same recording gives the same handshake."""

    verdict: Verdict
    for_: tuple[str, ...]
    headline: str
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]  # root cause first
    hops: tuple[Hop, ...] = ()
    model: ModelFacts = field(default_factory=lambda: ModelFacts(None))
    capabilities: Mapping[str, Capability] = field(default_factory=dict)
    context_tokens_verified: int | None = None
    cost: Cost = field(default_factory=Cost)
    sdk_view: tuple[SdkView, ...] = ()
    exit_code: int = 0  # of the handshake alone: 0, 3 or 4
    stopped_by: str | None = None
    compared_to: Comparison | None = None
    tuis: tuple[TuiVerdict, ...] = ()  # those asked about first

    @property
    def partial(self) -> bool:
        """Whether the job ended before every check had its answer."""
        return self.stopped_by is not None
