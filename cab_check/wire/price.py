"""What tokens cost, in US dollars: as typed by the user, or as an endpoint lists it."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a token of a prompt, one of a completion, and a request as such. `source` says who said so."""

    prompt: float
    completion: float
    request: float = 0.0
    source: str = "--price"

    def of(self, prompt_tokens: int, completion_tokens: int, requests: int = 0) -> float:
        """US dollars for that much."""
        return self.prompt * prompt_tokens + self.completion * completion_tokens + self.request * requests
