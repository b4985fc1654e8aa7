"""What one agent run leaves: how it ended, what it used, and its whole conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AgentEnd = Literal[
    "finished",  # the model said it was done
    "turns",  # a ceiling was reached: turns, tokens, time, malformed replies, requests, money
    "tokens",
    "time",
    "malformed",
    "requests",
    "cost",
    "endpoint",  # a request failed
    "interrupted",
]


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """Ceilings of one agent run."""

    turns: int = 40
    tokens: int = 400_000  # prompt and completion together, as the endpoint counts them
    wall_s: float = 600.0
    command_s: float = 60.0
    request_s: float = 600.0  # one model call
    completion_tokens: int = 4096  # asked for in each request


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request of the agent loop, in the terms of the cell page."""

    exchange: int
    timestamp: str
    request_hash: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float
    first_token_ms: float | None
    finish_reason: str | None

    @property
    def tokens(self) -> int | None:
        """Prompt and completion together; None if either was not counted."""
        return _sum((self.prompt_tokens, self.completion_tokens))


@dataclass(frozen=True)
class AgentResult:
    """`end` says how the loop ended and `detail` says it in words; `messages` is the trajectory, oldest first."""

    end: AgentEnd
    detail: str
    turns: int
    calls: tuple[ModelCall, ...]
    messages: tuple[Mapping[str, Any], ...]
    prompt_hash: str
    malformed: int = 0
    final_text: str = ""
    findings_seen: tuple[str, ...] = field(default_factory=tuple)
    active_s: float = 0.0  # how long commands ran in the sandbox

    @property
    def prompt_tokens(self) -> int | None:
        """Sum over calls; None if any call came without a count."""
        return _sum(call.prompt_tokens for call in self.calls)

    @property
    def completion_tokens(self) -> int | None:
        """Sum over calls; None if any call came without a count."""
        return _sum(call.completion_tokens for call in self.calls)


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
