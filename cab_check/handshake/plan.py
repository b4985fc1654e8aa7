"""What one handshake is about: the model, the seed of its nonces, the room its answers get. No state, no secret."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cab_check.wire.exchange import Recording
from cab_check.wire.price import Price

GENERIC = "generic"
_WORDS = (
    "amber", "basil", "cedar", "coral", "ember", "flint", "hazel", "indigo", "ivory", "jasper", "lemon", "maple",
    "olive", "onyx", "pearl", "raven", "sage", "silver", "tulip", "velvet", "violet", "walnut", "willow", "zinc",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """The same plan and the same recording always give the same next questions and the same judgement.

    `nonce_seed` is new in every run, so no cache, fixture or trained-on answer can pass for the model's own.
    `max_tokens` is generous because a reasoning model thinks before it says one word; a reply that still ends at
    this limit is asked for once more with four times as much.
    """

    model: str | None
    nonce_seed: str
    profile: str = GENERIC  # or the names of the agent CLIs asked about, with commas between
    max_tokens: int = 1024
    tries: int = 3
    other_base_paths: tuple[str, ...] = ()
    slow: bool = False  # ask what is estimated to take minutes, too
    since: int = 0  # what exchanges up to this number were refused with 401 or 403 is asked again: the key is another
    price: Price | None = None  # as the user typed it; else the model list's own is taken

    @property
    def tuis(self) -> tuple[str, ...]:
        """The agent CLIs asked about, none for the profile `generic` alone."""
        return tuple(name for name in self.profile.split(",") if name and name != GENERIC)

    @property
    def for_(self) -> tuple[str, ...]:
        """What the verdict is for."""
        return self.tuis or (GENERIC,)

    def word(self, topic: str, number: int = 0) -> str:
        """A word that nobody can guess, such as `amber-4821`: one per topic and try."""
        digest = hashlib.sha256(f"{self.nonce_seed}/{topic}/{number}".encode()).digest()
        return f"{_WORDS[digest[0] % len(_WORDS)]}-{int.from_bytes(digest[1:5], 'big') % 9000 + 1000}"


def plan_of(recording: Recording) -> Plan:
    """The plan under which a recording was made, from its facts and requests: enough to judge it again."""
    facts = recording.facts
    return Plan(
        model=facts.model_requested or _model_asked(recording), nonce_seed=facts.nonce_seed, profile=facts.profile
    )


def _model_asked(recording: Recording) -> str | None:
    """The model that the first request names: it may have been chosen only after the recording began."""
    bodies = (exchange.sent.json for exchange in recording.exchanges if exchange.sent.method == "POST")
    names = (body.get("model") for body in bodies if isinstance(body, dict))
    return next((name for name in names if isinstance(name, str) and name), None)
